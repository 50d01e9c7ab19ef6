"""Predictions of the reconstruction at poses that it was not built from, beside the sensor's views there.

In procedural `val` houses the frontier planner walks, the map takes its frames in, and then it is asked for
views from where the robot has been, a step aside and turned at random. Usage:

    OMP_NUM_THREADS=1 python benchmarks/map_accuracy.py [--houses 8] [--steps 100] [--views 12]

Prints JSON. Of the pixels whose surface the map has seen: absolute depth error (median and 95th percentile,
metres), the shares that are off by more than half a voxel and by more than a voxel, the share that is unknown
(missing), and the mean absolute error of colours (of 255). Of the pixels whose surface it has not: the share
that it claims to know (invented), mostly what it knows behind them.
"""

from __future__ import annotations

import argparse
import json
from functools import partial

import numpy as np
from numpy.typing import NDArray

from robonav.envs.navigation.episodes import sample_episode
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.world import NavigationWorld
from robonav.envs.rollout import rollout
from robonav.envs.scenes import open_scenes
from robonav.maps.reconstruction.tsdf import Expectation, Reconstruction
from robonav.planners.frontier import FrontierExplorer, NearestFrontier
from robonav.rewards.curiosity import pinhole_of

Frame = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]


def walk_and_views(houses: int, steps: int, views: int) -> tuple[list[Frame], list[Frame]]:
    """Frames (rgb, depth, T_world_camera) of a walk in each house, and of other poses there."""
    worlds = open_scenes("procedural", split="val")
    explorer = FrontierExplorer(NearestFrontier)
    simulator = NavigationSimulator(worlds, num_agents=houses, camera=explorer.camera)
    world = NavigationWorld(simulator)
    seen = world.start([sample_episode(simulator, scene, 0) for scene in worlds.scene_ids[:houses]])
    explorer.reset(houses, 0)
    walk, places = [], []
    for frames in rollout(world, seen, partial(explorer.act, camera=simulator.camera), steps - 1):
        walk.append((frames.rgb, frames.depth, frames.T_world_camera))
        places.append(frames.position)
    rng = np.random.default_rng(0)
    asked = []
    for _ in range(views):
        position = np.array([places[k][env] for env, k in enumerate(rng.integers(0, steps, houses))])
        position[:, :2] += rng.uniform(-0.15, 0.15, (houses, 2))
        poses = simulator.camera.poses(position, rng.uniform(-np.pi, np.pi, houses))
        views_seen = [simulator.world(env).sensor.render(poses[env : env + 1]) for env in range(houses)]
        rgb, depth = (np.concatenate(parts) for parts in zip(*views_seen, strict=True))
        asked.append((rgb, depth, poses))
    return walk, asked


def compare(
    asked: Frame, expected: Expectation, new: NDArray[np.bool_], voxel_size: float
) -> dict[str, NDArray]:
    """The quantities of one batch of views, pixel by pixel."""
    rgb, depth, _ = asked
    seen = (depth > 0) & ~new
    both = seen & ~expected.unknown
    error = np.abs(expected.depth - depth)
    return {
        "depth_error_m": error[both],
        "off_by_half_a_voxel": (both & (error > 0.5 * voxel_size))[seen],
        "off_by_a_voxel": (both & (error > voxel_size))[seen],
        "missing": expected.unknown[seen],
        "invented": ~expected.unknown[(depth > 0) & new],
        "rgb_error": np.abs(expected.rgb.astype(float) - rgb).mean(axis=-1)[both],
    }


def measure(
    maps: Reconstruction, walk: list[Frame], asked: list[Frame], voxel_size: float
) -> dict[str, float]:
    """Take the walk in and compare the views."""
    for rgb, depth, T in walk:
        maps.integrate(rgb, depth, T)
    parts = [
        compare(view, maps.render(view[2]), maps.unknown_surface(view[1], view[2]), voxel_size)
        for view in asked
    ]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    error = joined.pop("depth_error_m")
    result = {"depth_error_median_m": np.median(error), "depth_error_p95_m": np.percentile(error, 95)}
    result |= {name: values.mean() for name, values in joined.items()}
    return {name: round(float(value), 5) for name, value in result.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--houses", type=int, default=8)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--views", type=int, default=12)
    parser.add_argument("--voxel-size", type=float, default=0.10)
    options = parser.parse_args()
    walk, asked = walk_and_views(options.houses, options.steps, options.views)
    maps = Reconstruction(options.houses, pinhole_of(FrontierExplorer.camera), options.voxel_size)
    print(json.dumps(vars(options) | measure(maps, walk, asked, options.voxel_size), indent=2))


if __name__ == "__main__":
    main()
