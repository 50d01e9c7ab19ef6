"""The ablation table of docs/lab-notes/exploration.md: ReCuriosity's design part by part; resumable.

    python -m benchmarks.ablations                      # everything: an hour or two on two cores
    python -m benchmarks.ablations --floors ../shared/data/gibson_floors   # and real floors besides
    python -m benchmarks.ablations --steps 32768 --seeds 1 --episodes 8

All policies are `recuriosity` (a causal transformer over the frozen predictor's features; no own map, no
planner) but for what the row's name says, and learn for the same steps. Every part that is finished is
skipped, so the command can be stopped and started again at any time; a row is written once it is complete.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tyro

from benchmarks.exploration import METRIC, Agent, evaluate, mean_over_seeds, read_records, train
from benchmarks.workers import worker_pool
from robonav.launch.presets import load_preset
from robonav.rewards.curiosity import GeometricConfig
from robonav.training.config import TrainConfig

FULL = "recuriosity"
_FULL = load_preset("recuriosity")


def _policy(**changes: Any) -> TrainConfig:
    return replace(_FULL, policy=replace(_FULL.policy, **changes))


VARIANTS = {
    FULL: _FULL,
    "forgetful": replace(_FULL, reward_options=GeometricConfig(memory_frames=16)),
    "memoryless": _policy(window=1),
    "critic-1": _policy(critic_context=1),
    "actor-1": _policy(actor_context=1),
    "icm": replace(_FULL, reward="icm"),
    "rnd": replace(_FULL, reward="rnd"),
    "coverage": replace(_FULL, reward="coverage"),  # ground truth: the upper reference for rewards
    "context-16": _policy(actor_context=16, critic_context=16),
    "forgetful-64": replace(_FULL, reward_options=GeometricConfig(memory_frames=64)),
    "rnn": _policy(trunk="lstm", blocks=3),  # as large as two transformer blocks of the same width
    "context-4": _policy(actor_context=4, critic_context=4),
}
BASELINES = ("random", "straight", "frontier")


@dataclass(frozen=True)
class Options:
    """Options of the training runs and evaluations."""

    out: Path = Path("runs/ablations")
    """Training runs and evaluations go here."""
    results: Path = Path("docs/results/ablations.json")
    """The table."""
    variants: tuple[str, ...] = tuple(VARIANTS)
    """Names of `VARIANTS`, in the order in which they are trained."""
    seeds: int = 3
    """Training runs of each."""
    steps: int = 131_072
    """Environment steps of each run."""
    episodes: int = 50
    """Unseen houses, one episode each."""
    floors: Path | None = None
    """Floor plans (split val) to evaluate on as well, one episode each."""
    floor_episodes: int = 20
    """Number of floor plans."""
    episode_steps: int = 256
    """Steps of an evaluated episode."""
    workers: int = 2
    """Processes side by side, one thread each."""


@dataclass(frozen=True)
class Worlds:
    """Unseen worlds to evaluate on."""

    name: str
    scenes: str
    episodes: int


def all_worlds(options: Options) -> list[Worlds]:
    """All kinds of worlds of the table."""
    kinds = [Worlds("houses", "procedural", options.episodes)]
    return kinds + ([Worlds("floors", str(options.floors), options.floor_episodes)] if options.floors else [])


def run(variant: str, seed: int, options: Options) -> None:
    """Train and evaluate one policy."""
    agent = Agent(variant, options.steps, seed)
    train(agent, VARIANTS[variant], options)
    evaluate_everywhere(str(agent.checkpoint(options.out)), f"{agent.row}-{seed}", options)


def evaluate_everywhere(explorer: str, name: str, options: Options) -> None:
    """Evaluate one explorer in all kinds of worlds."""
    for worlds in all_worlds(options):
        evaluate(explorer, f"{worlds.name}/{name}", worlds.episodes, options, worlds.scenes)


def finished(worlds: Worlds, options: Options) -> dict[str, list[dict[str, dict]]]:
    """Records of all seeds of the rows that are complete, by row."""
    members = {name: [name] for name in BASELINES}
    for variant in options.variants:
        row = Agent(variant, options.steps, 0).row
        members[variant] = [f"{row}-{seed}" for seed in range(options.seeds)]
    runs = {
        row: [read_records(options.out, f"{worlds.name}/{name}") for name in names]
        for row, names in members.items()
    }
    return {row: found for row, found in runs.items() if all(len(r) == worlds.episodes for r in found)}


def summarise(worlds: Worlds, options: Options) -> dict[str, dict]:
    """Rows of the table: means over worlds and seeds, and how far the full design is ahead."""
    from robonav.evaluation.statistics import bootstrap_mean, paired_difference

    runs = finished(worlds, options)
    values = {row: mean_over_seeds(of_row) for row, of_row in runs.items()}
    rows: dict[str, dict] = {}
    for row, by_step in values.items():
        rows[row] = {
            "seeds": len(runs[row]),
            METRIC: {step: bootstrap_mean(list(value.values())).as_dict() for step, value in by_step.items()},
            "mean_of_each_seed": {
                step: [round(sum(r[METRIC][step] for r in run.values()) / len(run), 2) for run in runs[row]]
                for step in by_step
            },
        }
        if FULL in values:
            rows[row]["full_ahead_by"] = {
                step: paired_difference(values[FULL][step], by_step[step]).as_dict() for step in by_step
            }
    return rows


def as_markdown(table: dict[str, dict[str, dict]]) -> str:
    """The tables as docs/lab-notes/exploration.md shows them."""
    lines = []
    for kind, rows in table.items():
        last = list(next(iter(rows.values()))[METRIC])[-1]
        lines += ["", f"| policy, {kind} | @{last} | each seed | full ahead |", "|---|---|---|---|"]
        for name, row in rows.items():
            value, lead = row[METRIC][last], row.get("full_ahead_by", {}).get(last)
            seeds = ", ".join(f"{mean:.1f}" for mean in row["mean_of_each_seed"][last])
            ahead = f"{lead['mean']:+.1f} [{lead['low']:+.1f}, {lead['high']:+.1f}]" if lead else ""
            interval = f"{value['mean']:.1f} [{value['low']:.1f}, {value['high']:.1f}]"
            lines.append(f"| {name} | {interval} | {seeds} | {ahead} |")
    return "\n".join(lines[1:])


def main(options: Options) -> None:
    """Train and evaluate seed by seed, and write the table anew after each policy."""
    with worker_pool(options.workers) as pool:
        parts = [pool.submit(evaluate_everywhere, name, name, options) for name in BASELINES]
        for seed in range(options.seeds):
            parts += [pool.submit(run, variant, seed, options) for variant in options.variants]
        for part in parts:
            part.result()
            table = {worlds.name: summarise(worlds, options) for worlds in all_worlds(options)}
            options.results.parent.mkdir(parents=True, exist_ok=True)
            options.results.write_text(json.dumps(table, indent=1) + "\n")
    print(as_markdown(table))


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
