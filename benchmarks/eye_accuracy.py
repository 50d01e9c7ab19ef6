"""How well an eye reads ranges from images of scenes that it was not taught on; prints JSON, a line a scene.

    python -m benchmarks.eye_accuracy procedural my_house.glb scans/
    python -m benchmarks.eye_accuracy procedural --eye eyes/mine

Of each scene, views from random places in random directions. Errors are those of the nearest obstacle in each
of 16 columns: squared error of nearness 1 / (1 + metres), which the eye is taught, and the median of the
absolute error in metres by how far away the obstacle is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import tyro

from robonav.checkpoint import load_eye
from robonav.envs.navigation import WorldCache
from robonav.envs.scenes import open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.policies.vision import SIDE, VisionEncoder
from robonav.vision_training import Views, render_views

RANGES_M = (0.5, 1.0, 2.0, 3.0, 4.0)


@dataclass(frozen=True)
class Options:
    """Which eye, and what it is shown."""

    scenes: tyro.conf.Positional[tuple[str, ...]] = ("procedural",)
    """Worlds, as `robonav evaluate --scenes` takes them (their `val` split)."""
    eye: str = "nano"
    """An eye that ships with robonav, or a folder of `robonav vision`."""
    views: int = 256
    """Views of each scene."""
    most: int = 12
    """Scenes of each set, the first ones."""
    seed: int = 0
    """Decides the views."""


def errors(eye: VisionEncoder, views: Views) -> dict[str, float]:
    """Errors of the eye's scan on views."""
    with torch.no_grad():
        told = eye.scan(eye(views.rgb))[:, :2]
    squared = (told - views.scan).square().mean(dim=(0, 2))
    result = {"obstacle_mse": float(squared[0]), "eye_level_mse": float(squared[1])}
    true_m, told_m = (1.0 / near[:, 0].clamp(min=0.05).numpy() - 1.0 for near in (views.scan, told))
    for low, high in pairwise(RANGES_M):
        chosen = (true_m >= low) & (true_m < high)
        if chosen.any():
            result[f"median_error_m_at_{low:g}_to_{high:g}"] = float(
                np.median(np.abs(told_m - true_m)[chosen])
            )
    return {name: round(value, 4) for name, value in result.items()}


def main(options: Options) -> None:
    """Look and compare."""
    torch.set_num_threads(1)
    eye, camera = load_eye(options.eye).eval(), Camera(SIDE, SIDE)
    for spec in options.scenes:
        scenes = open_scenes(spec, "val")
        worlds, seen = WorldCache(scenes, camera, 1, 1), []
        for scene_id in scenes.scene_ids[: options.most]:
            rng = np.random.default_rng(options.seed)
            seen.append(render_views(worlds.get(scene_id), camera, options.views, rng))
            print(json.dumps({"scene": scene_id, **errors(eye, seen[-1])}), flush=True)
        print(json.dumps({"scenes": spec, "count": len(seen), **errors(eye, Views.join(seen))}), flush=True)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
