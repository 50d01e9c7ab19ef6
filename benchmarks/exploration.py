"""The exploration table of docs/exploration.md: train, evaluate on unseen houses, compare; resumable.

    python -m benchmarks.exploration                      # everything: an hour on two cores
    python -m benchmarks.exploration --seeds 1 --episodes 20

Every part that is finished is skipped, so the command can be stopped and started again at any time. It prints
a Markdown table and writes it as JSON to --results; rows `guided @STEPS` are the curve over training.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from benchmarks.workers import worker_pool
from robonav.launch.presets import load_preset
from robonav.training.config import TrainConfig

BASELINES = ("frontier", "nearest-frontier", "rgb-planner", "depth-planner", "straight", "random")
METRIC = "visible_completeness_pct"


@dataclass(frozen=True)
class Options:
    """Options of the training runs and evaluations."""

    out: Path = Path("runs/exploration")
    """Training runs and evaluations go here."""
    results: Path = Path("docs/results/exploration.json")
    """The table."""
    seeds: int = 3
    """Training runs of the explorer."""
    steps: int = 131_072
    """Environment steps of the explorer."""
    unguided_seeds: int = 1
    """Training runs of the explorer without its planner, for the same steps."""
    curve_every: int = 65_536
    """Steps between points of the curve over training (seed 0)."""
    episodes: int = 100
    """Unseen houses, one episode each, for the explorer and the baselines."""
    fewer_episodes: int = 50
    """The first so many of these houses, for the curve and without the planner."""
    episode_steps: int = 512
    """Steps of an evaluated episode."""
    workers: int = 2
    """Processes side by side, one thread each."""


@dataclass(frozen=True, order=True)
class Agent:
    """One trained policy: a checkpoint of a run."""

    preset: str
    steps: int
    seed: int

    def folder(self, out: Path) -> Path:
        """The run that it belongs to."""
        return out / "train" / f"{self.preset}-{self.seed}"

    def checkpoint(self, out: Path) -> Path:
        """Folder of its weights."""
        return self.folder(out) / "checkpoints" / f"step_{self.steps:012d}"

    @property
    def row(self) -> str:
        """Name of the row of the table, the same for all seeds."""
        return f"{self.preset} @{self.steps}"


def agents_of(options: Options) -> list[Agent]:
    """All checkpoints that the table needs."""
    agents = {Agent("guided", options.steps, seed) for seed in range(options.seeds)}
    agents |= {Agent("guided-no-planner", options.steps, seed) for seed in range(options.unguided_seeds)}
    curve = range(options.curve_every, options.steps + 1, options.curve_every)
    return sorted(agents | {Agent("guided", steps, 0) for steps in curve})


def train(agent: Agent, config: TrainConfig, options: Options) -> None:
    """Train one run on one thread, or go on with it."""
    from robonav.training.run import TrainingRun

    out = agent.folder(options.out)
    config = replace(config, seed=agent.seed, steps=agent.steps, threads=1)
    TrainingRun(config, out, resume=out.exists()).learn(progress_bar=False)
    print(f"trained {agent.preset}, seed {agent.seed}: {agent.steps} steps", flush=True)


def evaluate(explorer: str, name: str, episodes: int, options: Options, scenes: str = "procedural") -> None:
    """Evaluate one explorer on one thread in unseen worlds, or go on with it."""
    from robonav.agents.registry import fingerprint, make_explorer
    from robonav.envs.scenes import open_scenes
    from robonav.evaluation.records import RunFolder
    from robonav.evaluation.runner import Evaluation, Settings
    from robonav.training.process import set_threads

    set_threads(1)
    settings = Settings(explorer, scenes, episodes, options.episode_steps)
    facts = {
        "explorer": explorer,
        "explorer_hash": fingerprint(explorer),
        "scenes": scenes,
        "episodes": episodes,
        "steps": options.episode_steps,
    }
    folder = RunFolder(options.out / "evaluate" / name, facts, resume=True)
    worlds = open_scenes(scenes, "val")
    Evaluation(settings, make_explorer(explorer), worlds, threads=1).run(folder, lambda done: None)
    print(f"evaluated {name}", flush=True)


def summarise(agents: Sequence[Agent], options: Options) -> dict[str, dict]:
    """Rows of the table: means over episodes and seeds, and the explorer's lead over the baselines."""
    from robonav.evaluation.statistics import bootstrap_mean, paired_difference

    members: dict[str, list[str]] = {name: [name] for name in BASELINES}
    for agent in agents:
        members.setdefault(agent.row, []).append(f"{agent.row}-{agent.seed}")
    runs = {row: [read_records(options.out, name) for name in names] for row, names in members.items()}
    values = {row: mean_over_seeds(of_row) for row, of_row in runs.items()}
    best = values[f"guided @{options.steps}"]
    rows: dict[str, dict] = {}
    for row, by_step in values.items():
        rows[row] = {
            "seeds": len(runs[row]),
            METRIC: {step: bootstrap_mean(list(value.values())).as_dict() for step, value in by_step.items()},
            "mean_of_each_seed": {step: [_mean(run, step) for run in runs[row]] for step in by_step},
            "explorer_ahead_by": {
                step: paired_difference(best[step], by_step[step]).as_dict() for step in by_step
            },
            "collisions": sum(r["collisions"] for run in runs[row] for r in run.values())
            / sum(len(run) for run in runs[row]),
        }
    return rows


def read_records(out: Path, name: str) -> dict[str, dict]:
    """Records that an evaluation has written so far, by episode."""
    from robonav.evaluation.records import read_episodes

    folder = out / "evaluate" / name
    begun = (folder / "episodes.jsonl").exists()
    return {record["episode_id"]: record for record in read_episodes(folder)} if begun else {}


def mean_over_seeds(runs: Sequence[dict[str, dict]], metric: str = METRIC) -> dict[str, dict[str, float]]:
    """A metric, by default visible completeness, by step and episode."""
    steps = next(iter(runs[0].values()))[metric]
    return {
        step: {key: sum(run[key][metric][step] for run in runs) / len(runs) for key in runs[0]}
        for step in steps
    }


def _mean(run: dict[str, dict], step: str) -> float:
    return round(sum(record[METRIC][step] for record in run.values()) / len(run), 2)


def as_markdown(rows: dict[str, dict]) -> str:
    """The table as docs/exploration.md shows it."""
    steps = list(next(iter(rows.values()))[METRIC])
    columns = [f"@{step}" for step in steps]
    head = ["explorer", "seeds", *columns, f"explorer ahead @{steps[1]}", "blocked moves"]
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    for name, row in rows.items():
        cells = [f"{v['mean']:.1f} [{v['low']:.1f}, {v['high']:.1f}]" for v in row[METRIC].values()]
        lead = row["explorer_ahead_by"][steps[1]]
        lead_text = f"{lead['mean']:+.1f} [{lead['low']:+.1f}, {lead['high']:+.1f}]"
        lines.append(" | ".join([name, str(row["seeds"]), *cells, lead_text, f"{row['collisions']:.0f}"]))
    return "\n".join(f"| {line} |" for line in lines)


def main(options: Options) -> None:
    """Train, evaluate, write the table."""
    agents = agents_of(options)
    runs = {(agent.preset, agent.seed): 0 for agent in agents}
    for agent in agents:
        runs[agent.preset, agent.seed] = max(runs[agent.preset, agent.seed], agent.steps)
    with worker_pool(options.workers) as pool:
        trained = [
            pool.submit(train, Agent(preset, steps, seed), load_preset(preset), options)
            for (preset, seed), steps in runs.items()
        ]
        for future in trained:
            future.result()
        evaluated = [pool.submit(evaluate, name, name, options.episodes, options) for name in BASELINES]
        for agent in agents:
            path, name = str(agent.checkpoint(options.out)), f"{agent.row}-{agent.seed}"
            trained_fully = agent.preset == "guided" and agent.steps == options.steps
            episodes = options.episodes if trained_fully else options.fewer_episodes
            evaluated.append(pool.submit(evaluate, path, name, episodes, options))
        for future in evaluated:
            future.result()
    rows = summarise(agents, options)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    options.results.write_text(json.dumps(rows, indent=1) + "\n")
    print(as_markdown(rows))


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
