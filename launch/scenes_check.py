"""`robonav scenes check`: what is wrong with scenes, and how to mend it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from robonav.launch.mesh_options import MeshOptions

if TYPE_CHECKING:
    from robonav.envs.scenes import SceneSet


@dataclass(frozen=True)
class CheckCommand(MeshOptions):
    """Say what is wrong with each scene and how to mend it: layout, axes, scale, floor, islands, textures.

    Exit code 0 if all scenes can be explored (remarks aside), 1 if one cannot, 2 if there is none.

    Examples:
        robonav scenes check my_house.glb
        robonav scenes check my_scan.ply --up y --scale 0.01
        robonav scenes check hm3d --split minival
    """

    path: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SCENES")]
    """`procedural`, a mesh, a floor plan (map.yaml), a room scan, or a folder of them."""
    split: str = "val"
    """Split of the data set, where it has splits."""

    def run(self) -> int:
        """Print a paragraph a scene, each as soon as it is known."""
        from robonav.envs.scenes import open_scenes

        scenes = open_scenes(self.spec(self.path), self.split)
        unusable = sum(not _check(scene_id, scenes) for scene_id in scenes.scene_ids)
        count = len(scenes.scene_ids)
        print(f"{count - unusable} of {count} scenes can be explored")
        return int(unusable > 0)


def _check(scene_id: str, scenes: SceneSet) -> bool:
    """Print what there is to say of a scene; whether it can be used."""
    from robonav.envs.scenes import SceneError
    from robonav.envs.scenes.health import findings_of

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # they are among the findings
            findings = findings_of(scenes.load(scene_id))
    except SceneError as error:
        print(f"{scene_id}: cannot be used\n  found   {error}", flush=True)
        return False
    print(f"{scene_id}: {'usable, but' if findings else 'good'}")
    for finding in findings:
        print(f"  found   {finding.what}\n  remedy  {finding.remedy}", flush=True)
    return True
