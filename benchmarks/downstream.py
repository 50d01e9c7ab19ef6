"""Does exploring first help? Fine-tuned explorers against training from scratch, same steps; resumable.

    python benchmarks/downstream.py                       # everything: about an hour on two cores
    python benchmarks/downstream.py --seeds 1 --apples 1 --episodes 20
    python benchmarks/downstream.py --base recuriosity --init runs/recuriosity-{seed}
    python benchmarks/downstream.py --tasks image-goal --replayed Angiola.json.gz Angiola_f0.npy

Tasks: apple picking (policies learn among five apples and are measured with 1, 3 and 5) and image goals.
Beside the two trained policies stand the explorer as it is (it was never told of the task) and the baselines.
Every part that is finished is skipped, so the command can be stopped and started again at any time. It prints
Markdown tables and writes them as JSON to --results.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from benchmarks.workers import worker_pool

if TYPE_CHECKING:
    from robonav.envs.episode_files import ListedEpisode
    from robonav.envs.scenes import SceneSet

UNTAUGHT = ("rgb-planner", "frontier", "straight", "random")
FOR_PICTURES = ("picture-planner",)
WAYS = ("fine-tuned", "from scratch")


@dataclass(frozen=True)
class Options:
    """Options of the training runs and evaluations."""

    out: Path = Path("runs/downstream")
    """Training runs and evaluations go here."""
    results: Path = Path("docs/results/downstream.json")
    """The table."""
    base: str = "guided"
    """Preset of the policies: `guided`, or `recuriosity`, whose explorers know what they have learned."""
    init: str = "explorer"
    """Policy to fine-tune: `explorer`, or a checkpoint of that preset; `{seed}` stands for the run's seed."""
    tasks: tuple[Literal["apples", "image-goal"], ...] = ("apples", "image-goal")
    """Tasks to train and to measure."""
    apples: tuple[int, ...] = (1, 3, 5)
    """Numbers of apples to be found when measuring; each makes a table of its own."""
    surprise: float = 0.0
    """Weight of the surprise that all of them are paid beside the task while they learn."""
    trained_apples: int = 5
    """Apples in an episode of training."""
    seeds: int = 3
    """Training runs of each policy."""
    steps: int = 65_536
    """Environment steps of each training run."""
    num_envs: int = 32
    """Agents that walk at the same time while training."""
    episodes: int = 50
    """Unseen houses, one episode each."""
    episode_steps: int = 256
    """Steps of an evaluated episode."""
    replayed: tuple[Path, Path] | None = None
    """An image-goal episode file of Habitat's and the worlds that it belongs to: a table of its own."""
    workers: int = 2
    """Processes side by side, one thread each."""


@dataclass(frozen=True)
class Goal:
    """One task of the table; `apples` is None where it is not about apples."""

    task: Literal["apples", "image-goal"]
    apples: int | None = None
    replayed: bool = False

    @property
    def name(self) -> str:
        """As folders and rows are called."""
        detail = "replayed" if self.replayed else self.apples
        return self.task if detail is None else f"{self.task}-{detail}"

    @property
    def metrics(self) -> tuple[str, ...]:
        """Fields of a record that say how well it went."""
        return ("success_pct", "spl") if self.task == "image-goal" else ("apples_picked",)


def goals_of(options: Options) -> list[Goal]:
    """All tasks of the table."""
    goals = [Goal("apples", count) for count in options.apples] if "apples" in options.tasks else []
    if "image-goal" in options.tasks:
        goals.append(Goal("image-goal"))
        goals += [Goal("image-goal", replayed=True)] if options.replayed else []
    return goals


def run_folder(task: str, way: str, seed: int, options: Options) -> Path:
    """Run folder of a policy."""
    return options.out / "train" / task / f"{way.replace(' ', '-')}-{seed}"


def train(task: str, way: str, seed: int, options: Options) -> None:
    """Train one policy on one thread, or go on with it."""
    from robonav.envs.navigation.tasks import task_config
    from robonav.launch.presets import load_preset
    from robonav.training.fine_tuning import fine_tuning_rates
    from robonav.training.run import TrainingRun

    out = run_folder(task, way, seed, options)
    base, for_task = load_preset(options.base), load_preset(f"guided-{task}")
    is_tuned = way == "fine-tuned"
    config = replace(
        for_task,
        policy=base.policy,
        finder=for_task.finder if base.policy.planner else None,
        ppo=fine_tuning_rates(base.ppo) if is_tuned else base.ppo,
        init=options.init.format(seed=seed) if is_tuned else None,
        surprise_weight=options.surprise,
        task_options=task_config(task, **({"count": options.trained_apples} if task == "apples" else {})),
        seed=seed,
        steps=options.steps,
        num_envs=options.num_envs,
        threads=1,
    )
    TrainingRun(config, out, resume=(out / "config.json").exists()).learn(progress_bar=False)
    print(f"trained {task}, {way}, seed {seed}", flush=True)


def evaluate(goal: Goal, explorer: str, name: str, options: Options) -> None:
    """Evaluate one explorer on one thread, or go on with it."""
    from robonav.agents.registry import fingerprint, make_explorer
    from robonav.envs.navigation.tasks import task_config
    from robonav.envs.scenes import open_scenes
    from robonav.evaluation.records import RunFolder
    from robonav.evaluation.runner import Evaluation, Settings
    from robonav.training.process import set_threads

    set_threads(1)
    file, worlds = options.replayed if goal.replayed and options.replayed else (None, Path("procedural"))
    settings = Settings(
        explorer,
        str(worlds),
        options.episodes,
        options.episode_steps,
        task=goal.task,
        task_options=task_config(goal.task, **({"count": goal.apples} if goal.apples else {})),
    )
    facts = {**asdict(settings), "explorer_hash": fingerprint(explorer)}
    folder = RunFolder(options.out / "evaluate" / goal.name / name, facts, resume=True)
    scenes = open_scenes(settings.scenes, "val")
    planned = _replayed(file, scenes, options.episodes) if file else None
    walk = Evaluation(settings, make_explorer(explorer, goal.task), scenes, threads=1, planned=planned)
    walk.run(folder, lambda done: None)
    print(f"evaluated {goal.name}, {name}", flush=True)


def _replayed(file: Path, scenes: SceneSet, count: int) -> Sequence[ListedEpisode]:
    """So many of the file's episodes whose start and goal lie on the floor of these worlds."""
    from robonav.envs.episode_files import open_episodes, with_goals

    on_floor, _ = open_episodes(file, scenes)
    reachable, _ = with_goals(on_floor, scenes, str(file))
    return reachable.some(count, seed=0).episodes


def members_of(goal: Goal, options: Options) -> dict[str, dict[str, str]]:
    """Rows of a task: by row the explorers of all seeds, by the name of their evaluation."""
    seeds = range(options.seeds)
    rows = {
        way: {f"{way}-{seed}": str(run_folder(goal.task, way, seed, options)) for seed in seeds}
        for way in WAYS
    }
    inits = dict.fromkeys(options.init.format(seed=seed) for seed in seeds)  # once where all are the same
    return {
        **rows,
        "explorer as it is": {f"explorer-{seed}": init for seed, init in enumerate(inits)},
        **{name: {name: name} for name in (*(FOR_PICTURES if goal.task == "image-goal" else ()), *UNTAUGHT)},
    }


def summarise(goal: Goal, options: Options) -> dict[str, dict]:
    """Rows of a task: means over episodes and seeds, and what fine-tuning is ahead of each, in pairs."""
    from robonav.evaluation.statistics import bootstrap_mean, paired_difference

    rows: dict[str, dict] = {}
    for metric in goal.metrics:
        values = {
            row: _mean_over_seeds(goal, metric, list(names), options)
            for row, names in members_of(goal, options).items()
        }
        for row, by_step in values.items():
            rows.setdefault(row, {})[metric] = {
                step: {
                    **bootstrap_mean(list(by_episode.values())).as_dict(),
                    "fine_tuned_ahead_by": paired_difference(
                        values["fine-tuned"][step], by_episode
                    ).as_dict(),
                }
                for step, by_episode in by_step.items()
            }
    return rows


def _mean_over_seeds(
    goal: Goal, metric: str, names: Sequence[str], options: Options
) -> dict[str, dict[str, float]]:
    """A metric by step and episode."""
    from robonav.evaluation.records import read_episodes

    runs = [
        {
            record["episode_id"]: record
            for record in read_episodes(options.out / "evaluate" / goal.name / name)
        }
        for name in names
    ]
    steps = next(iter(runs[0].values()))[metric]
    return {
        step: {key: sum(run[key][metric][step] for run in runs) / len(runs) for key in runs[0]}
        for step in steps
    }


def as_markdown(table: dict[str, dict[str, dict]]) -> str:
    """One table a task."""
    lines = []
    for goal, rows in table.items():
        columns = [(metric, step) for metric, steps in next(iter(rows.values())).items() for step in steps]
        lines += ["", goal, ""]
        lines.append(" | ".join(["", "who", *(f"{metric} @{step}" for metric, step in columns), ""]).strip())
        lines.append("|" + "---|" * (len(columns) + 1))
        for who, row in rows.items():
            cells = [row[metric][step] for metric, step in columns]
            told = [f"{cell['mean']:.2f} [{cell['low']:.2f}, {cell['high']:.2f}]" for cell in cells]
            lines.append(" | ".join(["", who, *told, ""]).strip())
    return "\n".join(lines)


def main(options: Options) -> None:
    """Train, evaluate, write the table."""
    goals = goals_of(options)
    with worker_pool(options.workers) as pool:
        runs = [(task, way, seed) for task in options.tasks for seed in range(options.seeds) for way in WAYS]
        for trained in [pool.submit(train, *run, options) for run in runs]:
            trained.result()
        evaluated = [
            pool.submit(evaluate, goal, explorer, name, options)
            for goal in goals
            for names in members_of(goal, options).values()
            for name, explorer in names.items()
        ]
        for done in evaluated:
            done.result()
    table = {goal.name: summarise(goal, options) for goal in goals}
    settings = {name: str(value) for name, value in asdict(options).items() if name not in ("out", "results")}
    options.results.parent.mkdir(parents=True, exist_ok=True)
    partial = options.results.with_suffix(".partial")
    partial.write_text(json.dumps({"settings": settings, "tasks": table}, indent=1) + "\n")
    partial.replace(options.results)
    print(as_markdown(table))


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
