"""The zero-shot tables of docs/exploration.md: an explorer in worlds unlike those it learned in; resumable.

    python -m benchmarks.zero_shot ../shared/data/scene_datasets/hm3d ../shared/data/scene_datasets/gibson
    python -m benchmarks.zero_shot my_house.glb my_scans/ --explorers explorer straight --starts 2

Nobody is tuned on these worlds. Each row tells visible completeness @256, @512 and @1024 and the mean
distance of the surface from what was seen, with 95 % intervals over starts; beside it, by how much the first
explorer is ahead, in pairs. Every evaluation that is finished is skipped, so the command can be stopped and
started again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from benchmarks.exploration import METRIC, evaluate, mean_over_seeds, read_records
from benchmarks.workers import worker_pool

DISTANCE = "mean_distance_m"
BASELINES = ("rgb-planner", "depth-planner", "frontier", "nearest-frontier", "straight", "random")
Records = dict[str, dict[str, Any]]
Rows = dict[str, list[Records]]


@dataclass(frozen=True)
class Options:
    """Options of the evaluations."""

    scenes: tyro.conf.Positional[tuple[str, ...]]
    """Worlds: whatever `robonav evaluate --scenes` takes; each is a part of the table."""
    out: Path = Path("runs/zero_shot")
    """Evaluations go here."""
    results: Path = Path("docs/results/zero_shot.json")
    """The table."""
    explorers: tuple[str, ...] = ("explorer", *BASELINES)
    """Names or checkpoints; all are compared with the first."""
    seeds: tuple[str, ...] = ()
    """Checkpoints of further training runs of the first explorer; its row is the mean over all of them."""
    starts: int = 4
    """Episodes a scene."""
    most_episodes: int = 40
    """Episodes in worlds of many scenes, which then get fewer starts."""
    episode_steps: int = 1024
    """Steps of an episode."""
    workers: int = 2
    """Processes side by side, one thread each."""


def episodes_in(scenes: str, options: Options) -> int:
    """Number of episodes in some worlds."""
    from robonav.envs.scenes import open_scenes

    return min(options.most_episodes, options.starts * len(open_scenes(scenes, "val").scene_ids))


def members_of(options: Options) -> dict[str, list[str]]:
    """Rows of the table: by name, the explorers whose mean a row is."""
    first, *others = options.explorers
    return {first: [first, *options.seeds], **{name: [name] for name in others}}


def folder_of(scenes: str, explorer: str) -> str:
    """Folder of an evaluation, below `out/evaluate`."""
    return "/".join(
        "".join(c if c.isalnum() else "-" for c in name).strip("-") for name in (scenes, explorer)
    )


def of_scene(scene_id: str, records: Records) -> Records:
    """The records of one scene."""
    return {key: record for key, record in records.items() if record["scene_id"] == scene_id}


def runs_in(scenes: str, options: Options) -> Rows:
    """Records of some worlds, by row and training run."""
    return {
        row: [read_records(options.out, folder_of(scenes, name)) for name in names]
        for row, names in members_of(options).items()
    }


def parts_of(options: Options) -> Iterator[tuple[str, Rows]]:
    """Parts of the table: each world, each of its scenes that has several starts, and all worlds together."""
    worlds = {scenes: runs_in(scenes, options) for scenes in options.scenes}
    for scenes, runs in worlds.items():
        yield Path(scenes).name, runs
        counts = Counter(record["scene_id"] for record in runs[options.explorers[0]][0].values())
        for scene_id, count in counts.items():
            if count > 1 and len(counts) > 1:
                yield (
                    scene_id,
                    {row: [of_scene(scene_id, run) for run in of_row] for row, of_row in runs.items()},
                )
    if len(worlds) > 1:
        yield "all", {row: _together([runs[row] for runs in worlds.values()]) for row in members_of(options)}


def _together(worlds: Sequence[list[Records]]) -> list[Records]:
    """The records of some worlds as if they were one, for each training run."""
    return [
        {f"{number}/{key}": record for number, run in enumerate(runs) for key, record in run.items()}
        for runs in zip(*worlds, strict=True)
    ]


def summarise(runs: Rows) -> dict[str, dict[str, Any]]:
    """Rows of one part: means with intervals over starts, and how far the first row is ahead."""
    from robonav.evaluation.statistics import bootstrap_mean, paired_difference

    rows: dict[str, dict[str, Any]] = {}
    best: dict[str, dict[str, dict[str, float]]] = {}
    for row, of_row in runs.items():
        values = {metric: mean_over_seeds(of_row, metric) for metric in (METRIC, DISTANCE)}
        best = best or values
        rows[row] = {"seeds": len(of_row)}
        for metric, by_step in values.items():
            rows[row][metric] = {s: bootstrap_mean(list(v.values())).as_dict() for s, v in by_step.items()}
        rows[row]["first_ahead_by"] = {
            step: paired_difference(best[METRIC][step], value).as_dict()
            for step, value in values[METRIC].items()
        }
    return rows


def as_markdown(table: dict[str, dict[str, dict[str, Any]]]) -> str:
    """The tables as docs/lab-notes/exploration.md shows them."""
    lines = []
    for part, rows in table.items():
        first = next(iter(rows.values()))
        steps, starts = list(first[METRIC]), next(iter(first[METRIC].values()))["count"]
        compared = sorted({steps[len(steps) // 3], steps[-1]}, key=steps.index)
        head = [f"{part} ({starts} starts)", *(f"@{step}" for step in steps), f"distance @{steps[-1]}, m"]
        head += [f"first ahead @{step}" for step in compared]
        lines += ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        for name, row in rows.items():
            cells = [_told(value, 1) for value in row[METRIC].values()] + [_told(row[DISTANCE][steps[-1]], 2)]
            cells += [_told(row["first_ahead_by"][step], 1) for step in compared]
            lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines[1:])


def _told(value: dict[str, float], digits: int) -> str:
    return f"{value['mean']:.{digits}f} [{value['low']:.{digits}f}, {value['high']:.{digits}f}]"


def main(options: Options) -> None:
    """Evaluate, write the table."""
    with worker_pool(options.workers) as pool:
        parts = [
            pool.submit(
                evaluate, name, folder_of(scenes, name), episodes_in(scenes, options), options, scenes
            )
            for scenes in options.scenes
            for names in members_of(options).values()
            for name in names
        ]
        for part in parts:
            part.result()
    table = {name: summarise(runs) for name, runs in parts_of(options)}
    options.results.parent.mkdir(parents=True, exist_ok=True)
    options.results.write_text(json.dumps(table, indent=1) + "\n")
    print(as_markdown(table))


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
