"""`robonav scenes info`: what there is to walk on in each scene, and how its navmesh compares."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from robonav.launch.mesh_options import MeshOptions

if TYPE_CHECKING:
    from robonav.envs.scenes import FreeSpace, Scene


@dataclass(frozen=True)
class InfoCommand(MeshOptions):
    """Print a table a scene: triangles, textures, floors, stairs, free area, and the navmesh beside it.

    Exit code 0 if all scenes can be walked in, else 1.

    Examples:
        robonav scenes info my_house.glb
        robonav scenes info hm3d --split minival --json
    """

    path: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SCENES")]
    """`procedural`, a mesh, a floor plan (map.yaml), a room scan, or a folder of them."""
    split: str = "val"
    """Which part of a data set that has splits."""
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
    """What there is to say of a scene, ready for JSON; areas in m², heights in m."""
    from robonav.envs.scenes.floors import floors_of
    from robonav.envs.scenes.stairs import stairs_of

    floors = floors_of(scene)
    facts = {
        "scene": scene.scene_id,
        "triangles": len(scene.triangles),
        "textures": len(scene.textures),
        "textured_triangles": float((scene.texture_ids >= 0).mean()),
        "floors": [
            {"z": round(f.floor_z, 3), "free_area_m2": f.area_m2(), "islands": int(f.islands.max())}
            for f in floors
        ],
        "main_floor": next(k for k, f in enumerate(floors) if f.floor_z == _main(scene).floor_z),
        "stairs": [asdict(stairs) for stairs in stairs_of(scene, floors)],
    }
    return facts if scene.navmesh_path is None else {**facts, "navmesh": _navmesh_facts(scene)}


def _main(scene: Scene) -> FreeSpace:
    from robonav.envs.scenes import SceneError

    if scene.free_space is None:
        raise SceneError(f"scene {scene.scene_id} was loaded without free space")
    return scene.free_space


def _navmesh_facts(scene: Scene) -> dict[str, Any]:
    from robonav.envs.scenes import SceneError
    from robonav.envs.scenes.agreement import compare
    from robonav.envs.scenes.navmesh import navmesh_of

    try:
        navmesh = navmesh_of(scene)
    except SceneError as error:
        return {"error": str(error)}
    assert navmesh is not None  # the caller has seen its path
    _, radius, _ = navmesh.agent
    return {"agent_radius_m": round(radius, 3), **asdict(compare(_main(scene), navmesh))}


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
    for stairs in facts["stairs"]:
        ends = [", ".join(f"{x:.1f}" for x in stairs[end]) for end in ("foot", "head")]
        name = f"stairs {stairs['lower']} to {stairs['lower'] + 1}"
        rows.append((name, f"from ({ends[0]}) to ({ends[1]}) m"))
    return rows + _navmesh_rows(facts.get("navmesh", {"error": "none beside the mesh"}))


def _navmesh_rows(navmesh: dict[str, Any]) -> list[tuple[str, str]]:
    if "error" in navmesh:
        return [("navmesh", navmesh["error"])]
    islands = f"{navmesh['navmesh_islands']} islands, the indoor one {navmesh['indoor_area_m2']:.1f} m²"
    return [
        ("navmesh", f"{navmesh['navmesh_area_m2']:.1f} m² in {islands}; agent {navmesh['agent_radius_m']} m"),
        ("area", f"{navmesh['free_on_navmesh']:.0%} of the free floor is on it, "
                 f"{navmesh['navmesh_is_free']:.0%} of it is free"),
        ("geodesics", f"on the free floor {navmesh['geodesic_difference']:+.1%} (median of "
                      f"{navmesh['ways']} ways; 95 % within {navmesh['geodesic_difference_p95']:.1%})"),
    ]  # fmt: skip
