"""`robonav scenes preview`: pictures of scenes, to see whether they are as they should be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from robonav.errors import UsageError
from robonav.launch.mesh_options import MeshOptions


@dataclass(frozen=True)
class PreviewCommand(MeshOptions):
    """Draw a PNG a scene: where one can walk and start, from above, and four views from there.

    Green is the floor where agents start, yellow are islands that they cannot reach, numbers are the starts
    of the four views. Lying views mean a wrong --up, a floor of a few pixels a wrong --scale.

    Examples:
        robonav scenes preview my_house.glb
        robonav scenes preview hm3d --split minival --scenes 2 --out previews
    """

    path: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SCENES")]
    """`procedural`, a mesh, a floor plan (map.yaml), a room scan, or a folder of them."""
    split: str = "val"
    """Split of the data set, where it has splits."""
    scenes: int = 10
    """Number of scenes, the first ones of a set."""
    out: Path = Path("previews")
    """Folder for the pictures."""
    seed: int = 0
    """Decides the starts."""

    def run(self) -> int:
        """Draw them, and say where each is; 1 if a scene cannot be used."""
        from robonav.envs.preview import draw_preview
        from robonav.envs.scenes import SceneError, open_scenes

        if self.scenes < 1:
            raise UsageError(f"scenes is {self.scenes}: give at least 1")
        if self.seed < 0:
            raise UsageError(f"seed is {self.seed}: give 0 or more")
        scenes = open_scenes(self.spec(self.path), self.split)
        failures = 0
        for scene_id in scenes.scene_ids[: self.scenes]:
            try:
                picture = draw_preview(scenes.load(scene_id), self.seed)
            except SceneError as error:
                failures += 1
                print(f"{scene_id}: {error}", flush=True)
                continue
            self.out.mkdir(parents=True, exist_ok=True)
            file = self.out / (re.sub(r"[^\w.-]", "_", scene_id) + ".png")
            picture.save(file)
            print(file, flush=True)
        left = len(scenes.scene_ids) - self.scenes
        if left > 0:
            print(f"{left} more scenes: --scenes {len(scenes.scene_ids)} draws all")
        return int(failures > 0)
