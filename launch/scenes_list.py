"""`robonav scenes list`: what scenes a path holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import tyro

if TYPE_CHECKING:
    from robonav.envs.scenes import SceneSet


@dataclass(frozen=True)
class ListCommand:
    """Print the scenes that a path holds: kind, id, size and file.

    Examples:
        robonav scenes list my_house.glb
        robonav scenes list hm3d --split minival --json
    """

    path: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SCENES")]
    """`procedural`, a mesh, a floor plan (map.yaml), a room scan, or a folder of them."""
    split: str = "val"
    """Which part of a data set that has splits."""
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print JSON for programs."""

    def run(self) -> None:
        """Print a line a scene."""
        from robonav.envs.scenes import open_scenes

        scenes = open_scenes(self.path, self.split)
        entries = [_entry(scene_id, scenes) for scene_id in scenes.scene_ids]
        if self.json:
            print(json.dumps(entries, indent=2))
            return
        widths = [max(len(entry[key]) for entry in entries) for key in ("kind", "scene_id")]
        for entry in entries:
            size = f"{entry['bytes'] / 1e6:.1f} MB" if entry["file"] else "generated"
            row = f"{entry['kind']:{widths[0]}}  {entry['scene_id']:{widths[1]}}  {size:>10}  {entry['file']}"
            print(row.rstrip())


def _entry(scene_id: str, scenes: SceneSet) -> dict[str, Any]:
    """What is known of a scene without loading it; a generated one has no file."""
    from robonav.envs.scenes import FileScenes

    kind = scene_id.partition("/")[0] if "/" in scene_id else "mesh"
    path = scenes.file_of(scene_id) if isinstance(scenes, FileScenes) else None
    size = path.stat().st_size if path else 0
    return {"kind": kind, "scene_id": scene_id, "bytes": size, "file": str(path) if path else ""}
