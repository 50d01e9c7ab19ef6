"""Environment steps per second: worlds alone, with the surprise reward, and end-to-end training of `guided`.

    python benchmarks/training_speed.py [--threads 2]
    python benchmarks/training_speed.py --threads 1 --ranks 2

prints one JSON object with the share of time that each part takes (in the first rank, where there are
several). Where cores are shared with other work, steps per CPU second tell more than steps per second.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro

from robonav.algorithms.ranks import Ranks
from robonav.algorithms.reward_scale import RunningRewardScale
from robonav.algorithms.sequence_ppo import SequencePPO
from robonav.envs.navigation.loaded_scenes import LoadedScenes
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.launch.presets import load_preset
from robonav.launch.ranks import run_ranks
from robonav.maps.reconstruction.tsdf import Reconstruction
from robonav.perception.plane_sweep import PlaneSweep
from robonav.planners.next_best_view import NextBestViewPlanner
from robonav.planners.own_map import OwnMap
from robonav.policies.encoder import ObservationEncoder
from robonav.policies.sequence import SequencePolicy
from robonav.training.run import TrainingRun


@dataclass(frozen=True)
class Options:
    """Options of the measurement."""

    threads: int = 2
    """Threads of each process."""
    ranks: int = 1
    """Processes that share the agents."""
    num_envs: int | None = None
    """Agents of all processes together; default: the preset's."""
    rollouts: int = 3
    """Training rollouts that are timed, after one to warm up; each loads houses that are new to it."""


class Stopwatch:
    """Adds up the seconds spent in some methods."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def watch(self, owner: type, method: str, name: str) -> None:
        """Time every call of a method from now on."""
        original: Callable[..., Any] = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return original(*args, **kwargs)
            finally:
                self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

        setattr(owner, method, timed)


def steps_per_second(step: Callable[[np.ndarray], Any], num_envs: int, count: int = 128) -> float:
    """Speed of a vectorised environment under random actions, mostly forward."""
    actions = np.random.default_rng(0).choice(3, p=(0.6, 0.2, 0.2), size=(count, num_envs))
    start = time.perf_counter()
    for action in actions:
        step(action)
    return count * num_envs / (time.perf_counter() - start)


def main(options: Options) -> None:
    """Measure in one process or several, and print."""
    if options.ranks == 1:
        measure(options, Ranks())
    else:
        run_ranks(options.ranks, partial(measure, options))


def measure(options: Options, ranks: Ranks) -> None:
    """Measure as one of the ranks; the first one prints."""
    config = replace(load_preset("guided"), threads=options.threads)
    if options.num_envs is not None:
        config = replace(config, num_envs=options.num_envs)
    with tempfile.TemporaryDirectory() as folder:
        run = TrainingRun(config, Path(folder) / "run", ranks=ranks)
        run.rewarded.reset()
        speeds = [steps_per_second(env.step, env.num_envs) for env in (run.worlds, run.rewarded)]
        worlds, with_reward = ranks.gather(np.array([speeds])).sum(0)
        rollout = config.num_envs * config.episode_steps
        run.algorithm.learn(rollout)
        watch = Stopwatch()
        watch.watch(NavigationSimulator, "_look", "render")
        watch.watch(LoadedScenes, "_load", "load houses")
        watch.watch(Reconstruction, "unknown_surface", "reward: compare with the map")
        watch.watch(Reconstruction, "integrate", "reward: integrate")
        watch.watch(ObservationEncoder, "look", "act: predictor")
        watch.watch(OwnMap, "observe", "act: own map, draw")
        watch.watch(OwnMap, "windows", "act: own map, look")
        watch.watch(NextBestViewPlanner, "advise", "act: plan on it")
        watch.watch(SequencePolicy, "step", "act: transformer")
        watch.watch(SequencePPO, "train", "learn")
        watch.watch(RunningRewardScale, "scaled", "reward: scale (waits for other ranks)")
        watch.watch(PlaneSweep, "observe", "act: plane sweep")
        start, busy = time.perf_counter(), time.process_time()
        run.algorithm.learn(options.rollouts * rollout, reset_num_timesteps=False)
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
        busy = float(ranks.gather(np.array([busy])).sum())
    if not ranks.is_first:
        return
    shares = {name: round(value / seconds, 3) for name, value in watch.seconds.items()}
    result = {
        "threads": options.threads,
        "ranks": options.ranks,
        "num_envs": config.num_envs,
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "worlds_steps_per_s": round(worlds),
        "environment_with_reward_steps_per_s": round(with_reward),
        "training_steps_per_s": round(options.rollouts * rollout / seconds),
        "training_steps_per_cpu_s": round(options.rollouts * rollout / busy),
        "share_of_training_time": {**shares, "rest": round(1 - sum(shares.values()), 3)},
        "torch_threads": torch.get_num_threads(),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
