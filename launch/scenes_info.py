"""`robonav scenes info`: what there is to walk on in each scene."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from robonav.launch.mesh_options import MeshOptions

if TYPE_CHECKING:
    from robonav.envs.scenes import FreeSpace, Scene


@dataclass(frozen=True)
class InfoCommand(MeshOptions):
    """Print a table a scene: triangles, textures, floors and free area.

    Exit code 0 if all scenes can be walked in, else 1.

    Examples:
        robonav scenes info my_house.glb
        robonav scenes info hm3d --split minival --json
    """

    path: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SCENES")]
    """`procedural`, a mesh, a floor plan (map.yaml), a room scan, or a folder of them."""
    split: str = "val"
    """Split of the data set, where it has splits."""
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print a line of JSON a scene, for programs."""

    def run(self) -> int:
        """Print the tables, each as soon as it is known; 1 if a scene cannot be used."""
        from robonav.envs.scenes import SceneError, open_scenes

        scenes = open_scenes(self.spec(self.path), self.split)
        failures = 0
        for scene_id in scenes.scene_ids:
            try:
                facts = facts_of(scenes.load(scene_id))
            except SceneError as error:
                failures += 1
                facts = {"scene": scene_id, "error": str(error)}
            print(json.dumps(facts) if self.json else _table(facts), flush=True)
        return int(failures > 0)


def facts_of(scene: Scene) -> dict[str, Any]:
    """Facts about a scene, ready for JSON; areas in m², heights in m."""
    from robonav.envs.scenes.floors import floors_of

    floors = floors_of(scene)
    return {
        "scene": scene.scene_id,
        "triangles": len(scene.triangles),
        "textures": len(scene.textures),
        "textured_triangles": float((scene.texture_ids >= 0).mean()),
        "floors": [
            {"z": round(f.floor_z, 3), "free_area_m2": f.area_m2(), "islands": int(f.islands.max())}
            for f in floors
        ],
        "main_floor": next(k for k, f in enumerate(floors) if f.floor_z == _main(scene).floor_z),
    }


def _main(scene: Scene) -> FreeSpace:
    from robonav.envs.scenes import SceneError

    if scene.free_space is None:
        raise SceneError(f"scene {scene.scene_id} was loaded without free space")
    return scene.free_space


def _table(facts: dict[str, Any]) -> str:
    rows = [("error", facts["error"])] if "error" in facts else list(_rows(facts))
    width = max(len(name) for name, _ in rows)
    return "\n".join([facts["scene"], *(f"  {name:{width}}  {value}" for name, value in rows)])


def _rows(facts: dict[str, Any]) -> list[tuple[str, str]]:
    share = facts["textured_triangles"]
    rows = [
        ("triangles", f"{facts['triangles']:,}"),
        ("textures", f"{facts['textures']}, on {share:.0%} of the triangles"),
    ]
    for k, floor in enumerate(facts["floors"]):
        main = ", where episodes start" if k == facts["main_floor"] else ""
        islands = f"{floor['islands']} island" + ("s" if floor["islands"] > 1 else "")
        area = f"{floor['free_area_m2']:.1f} m² free, {islands}"
        rows.append((f"floor {k}", f"at {round(floor['z'], 1) + 0.0:.1f} m: {area}{main}"))
    return rows
