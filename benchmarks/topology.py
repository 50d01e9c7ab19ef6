"""Far goals without a map: two levels, their ablations, planners and flat policies; resumable.

    python benchmarks/topology.py                               # all
    python benchmarks/topology.py --parts planners two-levels   # a part
    python benchmarks/topology.py --parts planners two-levels --scenes FOLDER --results floors.json

Every explorer walks the same episodes in unseen houses (split `val`), each to its end, so that coverage is
compared at equal steps. It writes a JSON line an episode as each batch is finished and skips what is there,
so it can be stopped and started again at any time; then it prints Markdown tables and writes --results.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import tyro

from robonav.agent import Explorer
from robonav.agents.registry import make_explorer
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.tasks import SparseGoalConfig, Walk
from robonav.envs.navigation.world import NavigationWorld
from robonav.envs.rollout import rollout
from robonav.envs.scenes import open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Episode
from robonav.evaluation.runner import plan_episodes
from robonav.evaluation.statistics import bootstrap_mean, paired_difference
from robonav.evaluation.top_down_map import floor_seen
from robonav.launch.presets import load_preset
from robonav.maps.topology.sub_goals import SubGoalWeights
from robonav.planners.topological.config import HierarchyConfig
from robonav.planners.topological.explorer import TopologicalExplorer
from robonav.planners.topological.rules import Greedy
from robonav.rewards.rnd import RndConfig
from robonav.training.config import TrainConfig
from robonav.training.process import set_threads
from robonav.training.run import TrainingRun

Part = Literal["planners", "two-levels", "ablations", "obstacles", "drift", "flat"]
# Rows of policies without two levels: the run's folder, and what it is trained with.
FLAT = {
    "flat PPO": ("sparse-goal", load_preset("guided-sparse-goal")),
    "flat PPO + RND": (
        "sparse-goal-rnd",
        replace(
            load_preset("guided-sparse-goal"),
            reward="rnd",
            reward_options=RndConfig(features="predictor"),
            surprise_weight=0.01,
        ),
    ),
    "flat PPO + reconstruction curiosity": (
        "sparse-goal-curious",
        load_preset("guided-sparse-goal-curious"),
    ),
    "flat PPO, both drives": ("sparse-goal-both", load_preset("guided-sparse-goal-both")),
}
OURS = ("topological, greedy",)
REPEATED = ("goal-planner", *OURS)  # with obstacles and with drift
RATIOS = ("coverage_pct", "success_pct", "steps_to_goal")  # TopoNav's: coverage, success, time
METRICS = ("success_pct", "spl", "steps_to_goal", "coverage_pct", "collisions")


@dataclass(frozen=True)
class Options:
    """Options of the training runs and evaluations."""

    out: Path = Path("runs/topology")
    """Training runs and episodes go here."""
    results: Path = Path("docs/results/topology.json")
    """The table."""
    parts: tuple[Part, ...] = get_args(Part)
    """Rows of the table to run."""
    scenes: str = "procedural"
    """Worlds to walk in: what `robonav evaluate --scenes` takes."""
    split: str = "val"
    """Split of the worlds, where they are split."""
    episodes: int = 32
    """Unseen houses, one episode each; more episodes than worlds are spread over them."""
    episode_steps: int = 400
    """Steps of an evaluated episode."""
    seeds: int = 3
    """Training runs of each learned row."""
    flat_steps: int = 65_536
    """Environment steps of each training run of a flat policy."""
    batch: int = 8
    """Episodes side by side."""


@dataclass(frozen=True)
class Run:
    """One explorer under one condition: a part of a row of the table."""

    row: str
    make: Callable[[], Explorer]
    seed: int = 0
    obstacles: int = 0
    drift: float = 0.0

    @property
    def name(self) -> str:
        """Name of the row with its condition."""
        conditions = [f"{self.obstacles} obstacles"] if self.obstacles else []
        conditions += [f"{100 * self.drift:g} % drift"] if self.drift else []
        return " | ".join([self.row, *conditions])

    @property
    def file(self) -> str:
        """Name of the file of its episodes."""
        words = "".join(c if c.isalnum() else "-" for c in self.name)
        return f"{words}-{self.seed}.jsonl"


def runs_of(options: Options) -> Iterator[Run]:
    """All runs that were asked for."""
    base = list(_base())
    for part in options.parts:
        if part == "planners":
            yield from (run for run in base if run.row not in OURS)
        elif part == "two-levels":
            yield from (run for run in base if run.row in OURS)
        elif part == "ablations":
            yield from _ablations()
        elif part == "flat":
            yield from _flat(options)
        else:
            conditions = [{"obstacles": 3}] if part == "obstacles" else [{"drift": 0.01}, {"drift": 0.03}]
            for condition in conditions:
                yield from (replace(run, **condition) for run in base if run.row in REPEATED)
            if part == "obstacles":
                config = HierarchyConfig(squeeze_m=np.inf)
                make = partial(TopologicalExplorer, Greedy(), config)
                yield Run("greedy, never squeezes", make, obstacles=3)


def _base() -> Iterator[Run]:
    for name in ("random", "goal-bumper", "goal-planner", "goal-frontier"):
        yield Run(name, partial(make_explorer, name, "sparse-goal"))
    yield Run("topological, greedy", partial(TopologicalExplorer, Greedy()))


def _ablations() -> Iterator[Run]:
    changes = {
        "no guard": HierarchyConfig(guard=False),
        "no priorities": HierarchyConfig(guard=False, interrupt=False),
        "no frontier nodes": HierarchyConfig(nodes="places", squeeze_m=np.inf),
        "no detours in the score": HierarchyConfig(weights=SubGoalWeights(detour=0.0)),
    }
    for name, config in changes.items():
        yield Run(f"greedy, {name}", partial(TopologicalExplorer, Greedy(), config))


def _flat(options: Options) -> Iterator[Run]:
    for row, (name, config) in FLAT.items():
        for seed in range(options.seeds):
            yield Run(row, partial(_flat_policy, options, name, config, seed), seed)


def _flat_policy(options: Options, name: str, config: TrainConfig, seed: int) -> Explorer:
    """The flat policy of a seed, trained first unless it is."""
    folder = options.out / "train" / f"{name}-{seed}"
    config = replace(config, seed=seed, steps=options.flat_steps, threads=1)
    TrainingRun(config, folder, resume=True).learn(progress_bar=False)
    return make_explorer(str(folder), "sparse-goal")


@lru_cache
def _simulator(scenes: str, split: str, camera: Camera, agents: int) -> NavigationSimulator:
    """Shared by all rows, for it keeps the worlds that it loaded."""
    return NavigationSimulator(open_scenes(scenes, split), agents, camera, threads=1)


def walk_all(run: Run, options: Options) -> list[dict[str, Any]]:
    """Records of all episodes of a run; what is on disk already is read."""
    path = options.out / f"{Path(options.scenes).name}-{options.split}" / run.file
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.read_text().splitlines() if path.exists() else []
    done = {record["episode_id"]: record for record in map(json.loads, lines)}
    scene_ids = open_scenes(options.scenes, options.split).scene_ids
    planned = plan_episodes(scene_ids, options.episodes, seed=0)
    missing = [plan for plan in planned if plan.episode_id not in done]
    explorer = run.make() if missing else None
    for first in range(0, len(missing), options.batch):
        assert explorer is not None
        plans = missing[first : first + options.batch]
        simulator = _simulator(options.scenes, options.split, explorer.camera, len(plans))
        episodes = [plan.episode(simulator) for plan in plans]
        records = walk(explorer, simulator, episodes, run, options.episode_steps)
        with open(path, "a", encoding="utf-8") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)
        done |= {record["episode_id"]: record for record in records}
    return [done[plan.episode_id] for plan in planned]


def walk(
    explorer: Explorer, simulator: NavigationSimulator, episodes: list[Episode], run: Run, steps: int
) -> list[dict[str, Any]]:
    """Let an explorer walk episodes side by side, each of so many steps: their records."""
    count = len(episodes)
    config = SparseGoalConfig(run.obstacles, run.drift)
    worlds = NavigationWorld(simulator, max_episode_steps=None, task=config.make)
    task, observation = worlds.task, worlds.start(episodes)
    explorer.reset(count, run.seed)
    collisions, poses, achieved = np.zeros(count, np.int64), [], []
    for frames in rollout(worlds, observation, partial(explorer.act, camera=simulator.camera), steps):
        collisions += frames.collided
        poses.append(np.column_stack([frames.position[:, :2], frames.yaw]))
        achieved.append(task.achieved.copy())
    trajectories, done = np.array(poses, np.float64), np.array(achieved)
    records = []
    for agent, episode in enumerate(episodes):
        world = simulator.world(agent)
        score = config.score(
            Walk(world.free_space, trajectories[:, agent], done[:, agent], task.facts(agent)), [steps]
        )
        island = world.free_space.islands == int(world.free_space.island_at(np.array(episode.start[:2])))
        floor, seen = floor_seen(
            world.sensor, simulator.camera, world.free_space, island, trajectories[:, agent]
        )
        records.append(
            {
                "episode_id": episode.episode_id,
                "success_pct": score["success_pct"][str(steps)],
                "spl": score["spl"][str(steps)],
                "steps_to_goal": score["steps_to_goal"],
                "coverage_pct": round(100.0 * seen.sum() / floor.sum(), 3),
                "collisions": int(collisions[agent]),
                "geodesic_distance_m": score["geodesic_distance_m"],
                "obstacles": len(score["obstacles_at"]),
            }
        )
    return records


def summarise(runs: dict[str, list[list[dict[str, Any]]]]) -> dict[str, dict[str, Any]]:
    """Rows by name: means over houses (of means over seeds) with intervals.

    Rows with a condition have the paired difference to the same explorer without it; our two levels have what
    they gain over all others: percent of the other's mean, and the paired difference.
    """
    values = {
        name: {
            metric: {
                records[0]["episode_id"]: float(np.mean([record[metric] for record in records]))
                for records in zip(*seeds, strict=True)
            }
            for metric in METRICS
        }
        for name, seeds in runs.items()
    }
    rows: dict[str, dict[str, Any]] = {}
    for name, metrics in values.items():
        rows[name] = {"seeds": len(runs[name])}
        rows[name] |= {metric: bootstrap_mean(list(v.values())).as_dict() for metric, v in metrics.items()}
        plain = values.get(name.split(" | ")[0])
        if " | " in name and plain:
            loss = paired_difference(metrics["success_pct"], plain["success_pct"])
            rows[name]["success_beside_no_condition"] = loss.as_dict()
        if name in OURS:
            rows[name]["over"] = {
                other: {metric: _gain(metrics[metric], theirs[metric]) for metric in RATIOS}
                for other, theirs in values.items()
                if other != name and " | " not in other
            }
    return rows


def _gain(ours: dict[str, float], theirs: dict[str, float]) -> dict[str, float | None]:
    """Difference of our means from theirs, in percent of theirs (None if they have nothing), and in units."""
    mean = float(np.mean(list(theirs.values())))
    difference = paired_difference(ours, theirs).as_dict()
    return {"percent": round(100.0 * difference["mean"] / mean, 1) if mean else None, **difference}


def as_markdown(rows: dict[str, dict[str, Any]]) -> str:
    """The table as docs/lab-notes/far_goals.md shows it."""
    head = ["explorer", "seeds", "success, %", "SPL", "steps to the goal", "coverage, %", "blocked moves"]
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    digits = {"success_pct": 0, "spl": 2, "steps_to_goal": 0, "coverage_pct": 0, "collisions": 1}
    for name, row in rows.items():
        values = [(row[metric], places) for metric, places in digits.items()]
        cells = [f"{v['mean']:.{d}f} [{v['low']:.{d}f}, {v['high']:.{d}f}]" for v, d in values]
        lines.append(" | ".join([name.replace(" | ", ", "), str(row["seeds"]), *cells]))
    return "\n".join(f"| {line} |" for line in lines)


def ratios_as_markdown(rows: dict[str, dict[str, Any]]) -> str:
    """TopoNav's three ratios of our two levels over all others."""
    lines = ["explorer | over | coverage | success | time", " | ".join(["---"] * 5)]
    for name, row in rows.items():
        for other, gains in row.get("over", {}).items():
            cells = [
                f"{'' if g['percent'] is None else format(g['percent'], '+.0f') + ' % '}"
                f"({g['mean']:+.1f} [{g['low']:.1f}, {g['high']:.1f}])"
                for g in gains.values()
            ]
            lines.append(" | ".join([name, other, *cells]))
    return "\n".join(f"| {line} |" for line in lines)


def main(options: Options) -> None:
    """Train, walk, write the table after every row."""
    set_threads(1)
    found: dict[str, list[list[dict[str, Any]]]] = {}
    for run in runs_of(options):
        found.setdefault(run.name, []).append(walk_all(run, options))
        rows = summarise(found)
        options.results.parent.mkdir(parents=True, exist_ok=True)
        options.results.write_text(json.dumps(rows, indent=1) + "\n")
        print(f"{run.name}, seed {run.seed}: {rows[run.name]['success_pct']['mean']:.0f} %", flush=True)
    rows = summarise(found)
    print(as_markdown(rows), ratios_as_markdown(rows), sep="\n\n")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
