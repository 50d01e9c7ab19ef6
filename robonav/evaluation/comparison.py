"""Several evaluations side by side: one table, with differences paired by episode."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray

from robonav.envs.navigation.tasks import Score, task_class
from robonav.errors import UsageError
from robonav.evaluation.pictures import curve_svg
from robonav.evaluation.records import read_episodes, read_settings
from robonav.evaluation.statistics import Estimate, bootstrap_mean, paired_difference

Series = Callable[[dict[str, Any], Score], tuple[list[int], list[float]]]


@dataclass(frozen=True)
class Row:
    """One agent of the comparison.

    Attributes:
        name: Name in the table.
        folder: Folder of its evaluation.
        score: The main score of the task, which is compared.
        by_step: Its mean, by step.
        ahead: Lead of the table's first agent over this one, by step; empty for the first.
        collisions: Blocked moves an episode.
        curve_steps: (K,) steps of the curve.
        curve: (N, K) the score of each episode.
    """

    name: str
    folder: Path
    score: Score
    by_step: dict[str, Estimate]
    ahead: dict[str, Estimate]
    collisions: float
    curve_steps: list[int]
    curve: NDArray[np.float64]


def compare(folders: Mapping[str, Path]) -> list[Row]:
    """Rows for evaluations of the same episodes, by name; the first is compared with the others.

    Raises:
        UsageError: If an evaluation is missing, empty, or of other episodes or another task than the first.
    """
    tasks = {name: read_settings(folder).get("task") for name, folder in folders.items()}
    if len(set(tasks.values())) > 1:
        raise UsageError(f"the evaluations are of different tasks ({tasks}): compare one task at a time")
    score = task_class(next(iter(tasks.values()))).main_score()
    records = {name: {r["episode_id"]: r for r in read_episodes(folder)} for name, folder in folders.items()}
    first = next(iter(records.values()))
    for name, others in records.items():
        if not others or others.keys() != first.keys():
            raise UsageError(
                f"{folders[name]} holds {len(others)} episodes, not the {len(first)} that it is compared on: "
                "evaluate all with the same --scenes, --episodes and --seed"
            )
    every = [record for mine in records.values() for record in mine.values()]
    series = _curve if all(score.name in record["curve"] for record in every) else _reported
    return [_row(name, folders[name], score, mine, first, series) for name, mine in records.items()]


def _row(
    name: str, folder: Path, score: Score, mine: dict[str, Any], first: dict[str, Any], series: Series
) -> Row:
    steps = next(iter(mine.values()))[score.name]
    values = {step: {key: record[score.name][step] for key, record in mine.items()} for step in steps}
    best = {step: {key: record[score.name][step] for key, record in first.items()} for step in steps}
    collisions = bootstrap_mean([record["collisions"] for record in mine.values()]).mean
    means = {step: bootstrap_mean(list(by_episode.values())) for step, by_episode in values.items()}
    ahead = {} if mine is first else {step: paired_difference(best[step], values[step]) for step in steps}
    curves = [series(record, score) for record in mine.values()]
    curve = np.array([values for _, values in curves])
    return Row(name, folder, score, means, ahead, collisions, curves[0][0], curve)


def _curve(record: dict[str, Any], score: Score) -> tuple[list[int], list[float]]:
    """Steps and values of a score, every 32 steps."""
    return record["curve"]["step"], record["curve"][score.name]


def _reported(record: dict[str, Any], score: Score) -> tuple[list[int], list[float]]:
    """Steps and values of a score where it was reported, which records without its curve have too."""
    return [int(step) for step in record[score.name]], list(record[score.name].values())


def comparison_as_json(rows: Sequence[Row]) -> str:
    """The table as JSON."""
    table = {
        row.name: {
            row.score.name: {step: value.as_dict() for step, value in row.by_step.items()},
            "points_ahead": {step: value.as_dict() for step, value in row.ahead.items()},
            "collisions": row.collisions,
        }
        for row in rows
    }
    return json.dumps(table, indent=2) + "\n"


def comparison_as_html(rows: Sequence[Row], title: str, notes: Sequence[str], page: Path) -> str:
    """The table as an HTML page with links to each agent's own report.

    Args:
        rows: Rows of `compare`.
        title: Heading.
        notes: Sentences above the table.
        page: Path of the page, so that its links are relative.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    links = {row.name: os.path.relpath(row.folder / "report.html", page.parent) for row in rows}
    picture = curve_svg(rows[0].curve_steps, {row.name: row.curve for row in rows}, rows[0].score)
    return environment.get_template("comparison.html.jinja").render(
        rows=rows, title=title, notes=notes, links=links, picture=picture, steps=list(rows[0].by_step)
    )
