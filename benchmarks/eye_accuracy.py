"""Accuracy of the ranges that a predictor reads from images of scenes it was not taught on, as JSON lines.

    python -m benchmarks.eye_accuracy procedural my_house.glb scans/
    python -m benchmarks.eye_accuracy procedural --predictor eyes/mine
    python -m benchmarks.eye_accuracy procedural --altered 1     # does it hold in worlds unlike these houses?

Of each scene, views from random places in random directions, most with what was seen before a move. Of each
of 32 rays: the cross-entropies that it is taught by (free, occupied, in sight), and the median error of
how far the way is free, in metres, by how far it truly is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import tyro

from robonav.envs.navigation.loaded_scenes import LoadedScenes
from robonav.envs.scenes import open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.perception.plane_sweep import PlaneSweep
from robonav.perception.predictor import SIDE, OccupancyPredictor
from robonav.perception.shipped import load_predictor
from robonav.perception.teaching.predictor import free_way_m, scan_loss
from robonav.perception.teaching.views import Views, render_views
from robonav.perception.teaching.worlds import AlteredScenes

RANGES_M = (0.5, 1.0, 2.0, 3.0, 4.0)
_BATCH = 256


@dataclass(frozen=True)
class Options:
    """The predictor, and the views that it is shown."""

    scenes: tyro.conf.Positional[tuple[str, ...]] = ("procedural",)
    """Worlds, as `robonav evaluate --scenes` takes them (their `val` split)."""
    predictor: str = "nano"
    """A predictor that ships with robonav, or a folder of `robonav predictor`."""
    views: int = 256
    """Views of each scene."""
    most: int = 12
    """Scenes of each set, the first ones."""
    altered: float = 0.0
    """Share of the scenes that are shown as `robonav predictor` alters them: paint, height, clutter"""
    still: bool = False
    """Show what was seen before to no view: how well it reads single images"""
    seed: int = 0
    """Decides the views, and how scenes are altered."""


def errors(predictor: OccupancyPredictor, views: Views, still: bool = False) -> dict[str, float]:
    """Errors of the predictor's scan on views; if they are `still`, without what was seen before."""
    planes = PlaneSweep()
    with torch.no_grad():
        seen = [predictor(part.rgb, None if still else part.sweep(planes)) for part in views.split(_BATCH)]
        logits = torch.cat([predictor.scan_logits(features) for features in seen])
    names = ("free_loss", "occupied_loss", "sight_loss")
    result = dict(zip(names, scan_loss(logits, views.rays).tolist(), strict=True))
    told, true = free_way_m(logits.sigmoid()), free_way_m(views.rays.float())
    for low, high in pairwise(RANGES_M):
        chosen = (true >= low) & (true < high)
        if chosen.any():
            off = (told - true)[chosen].abs().median()
            result[f"median_error_m_at_{low:g}_to_{high:g}"] = float(off)
    return {name: round(value, 4) for name, value in result.items()}


def main(options: Options) -> None:
    """Look and compare."""
    torch.set_num_threads(1)
    predictor, camera = load_predictor(options.predictor).eval(), Camera(SIDE, SIDE)
    for spec in options.scenes:
        known = open_scenes(spec, "val")
        scenes = AlteredScenes(known, options.altered, np.random.default_rng(options.seed))
        worlds, seen = LoadedScenes(scenes, camera, 1, 1), []
        for scene_id in scenes.scene_ids[: options.most]:
            rng = np.random.default_rng(options.seed)
            seen.append(render_views(worlds.get(scene_id), camera, options.views, rng))
            print(json.dumps({"scene": scene_id, **errors(predictor, seen[-1], options.still)}), flush=True)
        found = errors(predictor, Views.join(seen), options.still)
        print(json.dumps({"scenes": spec, "count": len(seen), **found}), flush=True)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
