"""`robonav scenes list`: what scenes a path holds."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from robonav.launch.mesh_options import MeshOptions

if TYPE_CHECKING:
    from robonav.envs.scenes import Scene, SceneSet

_MOST_LOADED = 100  # of a larger set the table tells only what is known without loading
_COLUMNS = (
    ("triangles", "{:,}"),
    ("textured", "{:.0%}"),
    ("size_m", "{}"),
    ("floors", "{}"),
    ("free_area_m2", "{:.1f}"),
    ("navmesh", "{}"),
)


@dataclass(frozen=True)
class ListCommand(MeshOptions):
    """Print the scenes that a path holds: kind, id, triangles, textures, size, floors, free area, navmesh.

    Scenes are loaded for it, which takes seconds for each large one the first time; a set of more than 100 is
    only named. "unusable" is explained by `robonav scenes check`.

    Examples:
        robonav scenes list my_house.glb
        robonav scenes list hm3d --split minival --json
    """

    path: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SCENES")]
    """`procedural`, a mesh, a floor plan (map.yaml), a room scan, or a folder of them."""
    split: str = "val"
    """Split of the data set, where it has splits."""
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print JSON for programs."""

    def run(self) -> None:
        """Print a line a scene."""
        from robonav.envs.scenes import open_scenes

        scenes = open_scenes(self.spec(self.path), self.split)
        entries = (_entry(scene_id, scenes) for scene_id in scenes.scene_ids)
        if self.json:
            print(json.dumps(list(entries), indent=2))
            return
        for row in _rows(entries, max(map(len, scenes.scene_ids))):
            print(row, flush=True)


def _rows(entries: Iterator[dict[str, Any]], width: int) -> Iterator[str]:
    """A heading, and a row a scene as soon as it is known."""
    heading = " ".join(f"{name.removesuffix('_m').removesuffix('_m2'):>13}" for name, _ in _COLUMNS)
    yield f"{'kind':14} {'scene':{width}} {heading}  file"
    for entry in entries:
        if "triangles" in entry:
            shown = [form.format(entry[name]) for name, form in _COLUMNS]
        else:
            shown = ["unusable" if "error" in entry else "-"] + ["-"] * (len(_COLUMNS) - 1)
        cells = " ".join(f"{cell:>13}" for cell in shown)
        yield f"{entry['kind']:14} {entry['scene_id']:{width}} {cells}  {entry['file']}".rstrip()


def _entry(scene_id: str, scenes: SceneSet) -> dict[str, Any]:
    """Facts about a scene for the list; a generated one has no file."""
    from robonav.envs.scenes import FileScenes, SceneError

    kind = scene_id.partition("/")[0] if "/" in scene_id else "mesh"
    path = scenes.file_of(scene_id) if isinstance(scenes, FileScenes) else None
    size = path.stat().st_size if path and path.is_file() else 0
    entry = {"kind": kind, "scene_id": scene_id, "bytes": size, "file": str(path) if path else ""}
    if len(scenes.scene_ids) > _MOST_LOADED:
        return entry
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # `robonav scenes check` tells of them
            return {**entry, **_facts(scenes.load(scene_id))}
    except SceneError as error:
        return {**entry, "error": str(error)}


def _facts(scene: Scene) -> dict[str, Any]:
    import numpy as np

    from robonav.envs.scenes.floors import floors_of

    assert scene.free_space is not None  # scene sets load scenes with it
    sides = np.ptp(scene.vertices, axis=0)
    facts = {
        "triangles": len(scene.triangles),
        "textured": float((scene.texture_ids >= 0).mean()),
        "size_m": "x".join(f"{side:.1f}" for side in sides),
        "floors": len(floors_of(scene)),
        "free_area_m2": scene.free_space.area_m2(),
        "navmesh": "yes" if scene.navmesh_path else "no",
    }
    return {**facts, "file": str(scene.metadata["file"])} if "file" in scene.metadata else facts
