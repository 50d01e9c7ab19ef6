"""Mean reward a step of known explorers under every form of the surprise.

    python benchmarks/surprise_calibration.py

A good reward pays an explorer much more than one that turns on the spot or walks about at random, and goes on
paying it after the first look around. Prints JSON: reward in the first and in the second half of an episode.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import tyro
from numpy.typing import NDArray

from robonav.agent import Explorer
from robonav.agents.registry import make_explorer
from robonav.envs.navigation.episodes import sample_episode
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import LEFT
from robonav.envs.navigation.world import NavigationWorld
from robonav.envs.rollout import rollout
from robonav.envs.scenes import open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Frames
from robonav.rewards.curiosity import GeometricSurprise, ReconstructionCuriosity, RgbSurprise


@dataclass(frozen=True)
class Options:
    """Options of the measurement."""

    houses: int = 8
    """Unseen houses, one episode each."""
    steps: int = 256
    """Steps of an episode."""
    explorers: tuple[str, ...] = ("frontier", "nearest-frontier", "straight", "random")
    """Baselines and run folders that are judged, beside one that turns on the spot."""


class Spinner:
    """Turns left on the spot for ever."""

    camera = Camera()

    def reset(self, num_agents: int, seed: int) -> None:
        """Nothing to forget."""

    def act(
        self, observation: dict[str, NDArray[np.generic]], frames: Frames, camera: Camera
    ) -> NDArray[np.int64]:
        """Left (N,)."""
        return np.full(len(frames.yaw), LEFT)


def rewards_of(houses: int) -> dict[str, ReconstructionCuriosity]:
    """Every form of the reward, each with maps of its own."""
    camera = Camera()
    forms = {
        "geometric, all depths": (GeometricSurprise(), 100.0),
        "geometric, within 4 m": (GeometricSurprise(), 4.0),
        "geometric, within 2 m": (GeometricSurprise(), 2.0),
        "rgb": (RgbSurprise(), 100.0),
    }
    return {
        name: ReconstructionCuriosity(houses, camera, how, reach_m=reach)
        for name, (how, reach) in forms.items()
    }


def frames_of(explorer: Explorer, options: Options) -> Iterator[Frames]:
    """Frames of an explorer, from the start on."""
    scenes = open_scenes("procedural", "val")
    world = NavigationWorld(NavigationSimulator(scenes, options.houses, explorer.camera))
    ids = scenes.scene_ids[: options.houses]
    seen = world.start([sample_episode(world.simulator, scene_id, 0) for scene_id in ids])
    explorer.reset(options.houses, seed=0)
    return rollout(world, seen, partial(explorer.act, camera=explorer.camera), options.steps)


def main(options: Options) -> None:
    """Measure and print."""
    explorers: dict[str, Explorer] = {name: make_explorer(name) for name in options.explorers}
    explorers["turning on the spot"] = Spinner()
    table: dict[str, dict[str, list[float]]] = {}
    for name, explorer in explorers.items():
        curiosities = rewards_of(options.houses)
        paid: dict[str, list[float]] = {form: [] for form in curiosities}
        for frames in frames_of(explorer, options):
            for form, curiosity in curiosities.items():
                paid[form].append(float(curiosity.compute(frames).mean()))
                curiosity.update(frames)
        half = options.steps // 2 + 1
        for form, rewards in paid.items():
            parts = (rewards[1:half], rewards[half:])
            table.setdefault(form, {})[name] = [round(float(np.mean(part)), 4) for part in parts]
    print(json.dumps(table, indent=1))


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
