"""The warehouse table of docs/warehouse.md: what a bonus teaches where goals are hidden; resumable.

    nice python -m benchmarks.warehouse --seeds 3 --steps 600000

trains each preset with each seed on one thread (finished runs are skipped, others resumed), evaluates all of
them and the planner that is told the map in the same episodes of halls that no training has seen, prints a
Markdown table and writes it as JSON.
Weights of the bonus were chosen on training halls, by one seed of 600,000 to 800,000 steps.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro

from robonav.agents.in_world import planner_in_world, policy_in_world
from robonav.evaluation.records import Records, read_episodes
from robonav.evaluation.statistics import bootstrap_mean, paired_difference
from robonav.evaluation.world_runner import Agent, WorldSettings, run_episodes
from robonav.launch.presets import load_preset
from robonav.rewards.rnd import RndConfig
from robonav.training.config import TrainConfig
from robonav.training.sb3_run import SB3Run

PLANNER = "pure-pursuit"
FROZEN = "warehouse-rnd-frozen"  # the control: its networks never learn, so that nothing becomes known
SCORES = {
    "success": "success, %",
    "spl": "SPL, %",
    "contacts_per_100_m": "contacts per 100 m",
    "time_s": "time, s",
}
PERCENT = ("success", "spl")


@dataclass(frozen=True)
class Options:
    """Options of the training runs and evaluations."""

    out: Path = Path("runs/warehouse")
    """Training runs and evaluations go here."""
    results: Path = Path("docs/results/warehouse.json")
    """The table."""
    presets: tuple[str, ...] = ("warehouse-ppo", "warehouse-cells", "warehouse-rnd", FROZEN)
    """Rows; the first is what the others are compared with."""
    seeds: int = 3
    """Runs of each preset."""
    steps: int = 600_000
    """Environment steps of a run."""
    episodes: int = 100
    """Episodes of each evaluation."""
    layout: str = "complex"
    """The hall."""


def config_of(row: str) -> TrainConfig:
    """The configuration of a row."""
    if row != FROZEN:
        return load_preset(row)
    learning = load_preset("warehouse-rnd")
    assert isinstance(learning.reward_options, RndConfig)
    return replace(learning, reward_options=replace(learning.reward_options, learns=False))


def train(preset: str, seed: int, options: Options) -> Path:
    """Train one run, or go on with it; its folder."""
    out = options.out / options.layout / f"{preset}-{seed}"
    config = config_of(preset)
    assert config.world_options is not None
    world = replace(config.world_options, layout=options.layout)
    config = replace(config, seed=seed, steps=options.steps, threads=1, device="cpu", world_options=world)
    SB3Run(config, out, resume=out.exists()).learn(progress_bar=False)
    print(f"trained {out}", flush=True)
    return out


def evaluate(name: str, agent: Agent, options: Options) -> None:
    """Evaluate in unseen halls, or go on with it."""
    world = config_of(options.presets[0]).world_options
    assert world is not None
    world = replace(world, layout=options.layout)
    settings = WorldSettings(name, world.name, world, options.episodes)
    run_episodes(
        settings, agent, Records(folder_of(name, options), settings.facts(), resume=True), lambda done: None
    )
    print(f"evaluated {name}", flush=True)


def folder_of(name: str, options: Options) -> Path:
    """Folder of an evaluation."""
    return options.out / options.layout / "evaluate" / name


def summarise(options: Options) -> dict[str, dict]:
    """Rows of the table: means over episodes and seeds, and success ahead of the first preset."""
    members = {name: [f"{name}-{seed}" for seed in range(options.seeds)] for name in options.presets}
    members[PLANNER] = [PLANNER]
    rows: dict[str, dict] = {}
    success: dict[str, dict[str, float]] = {}
    for row, names in members.items():
        runs = [
            read_episodes(folder_of(name, options)) for name in names if folder_of(name, options).exists()
        ]
        if not runs:
            continue
        means = {score: mean_over_seeds(runs, score) for score in SCORES}
        success[row] = means["success"]
        rows[row] = {
            "seeds": len(runs),
            **{s: bootstrap_mean(list(m.values())).as_dict() for s, m in means.items()},
        }
        rows[row]["success_of_each_seed"] = [float(np.mean([r["success"] for r in run])) for run in runs]
        if row != options.presets[0]:
            ahead = paired_difference(success[row], success[options.presets[0]])
            rows[row]["success_ahead_by"] = ahead.as_dict()
    return rows


def mean_over_seeds(runs: Sequence[Sequence[dict]], score: str) -> dict[str, float]:
    """Score by episode, the mean of the runs."""
    by_episode: dict[str, list[float]] = {}
    for run in runs:
        for record in run:
            by_episode.setdefault(record["episode_id"], []).append(float(record[score]))
    return {episode: float(np.mean(values)) for episode, values in by_episode.items()}


def as_markdown(rows: dict[str, dict]) -> str:
    """The table."""
    lines = [
        f"| row | seeds | {' | '.join(SCORES.values())} | success ahead by |",
        "|---" * (len(SCORES) + 3) + "|",
    ]
    for name, row in rows.items():
        cells = [interval(row[score], 100 if score in PERCENT else 1) for score in SCORES]
        ahead = interval(row["success_ahead_by"], 100) if "success_ahead_by" in row else ""
        lines.append(f"| {name} | {row['seeds']} | {' | '.join(cells)} | {ahead} |")
    return "\n".join(lines)


def interval(value: dict[str, float], scale: float) -> str:
    """A mean with its interval."""
    mean, low, high = (scale * value[key] for key in ("mean", "low", "high"))
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]"


def main(options: Options) -> None:
    """Train, evaluate, print and write."""
    evaluate(PLANNER, planner_in_world(PLANNER), options)
    for seed in range(options.seeds):
        for preset in options.presets:
            run = train(preset, seed, options)
            evaluate(f"{preset}-{seed}", policy_in_world(run), options)
            rows = summarise(options)
            options.results.parent.mkdir(parents=True, exist_ok=True)
            options.results.write_text(json.dumps(rows, indent=1) + "\n")
    print(as_markdown(summarise(options)))


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
