"""`report.html`: one self-contained page with the table, the curves and top-down maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from robonav.envs.navigation.tasks import Score, task_class
from robonav.envs.navigation.tasks.task import VISIBLE_COMPLETENESS
from robonav.evaluation.pictures import curve_svg, map_png
from robonav.evaluation.summary import scores_in
from robonav.evaluation.top_down_map import TopDownMap

MAX_MAPS = 24


def render_report(
    summary: dict[str, Any], records: Sequence[dict[str, Any]], load_map: Callable[[str], TopDownMap]
) -> str:
    """The page as text.

    Args:
        summary: Content of `summary.json`.
        records: All episodes.
        load_map: Top-down map by episode id.
    """
    task = task_class(summary["settings"].get("task"))
    scores = scores_in(records[0], summary["settings"].get("task"))
    main = task.main_score().name
    folder = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=folder, autoescape=True, undefined=StrictUndefined)
    return environment.get_template("report.html.jinja").render(
        summary=summary,
        by_step=[score for score in scores if score.by_step],
        single=[score for score in scores if not score.by_step],
        figure=Score.figure,
        steps=list(records[0][main]),
        last=last_step(records, main),
        curves=[
            _curve(records, score)
            for score in scores
            if all(score.name in record["curve"] for record in records)
        ],
        marks_are=task.marks_are,
        episodes=[
            (record, map_png(load_map(record["episode_id"]), task().marks(record)))
            for record in shown(records, main)
        ],
        records=records,
    )


def last_step(records: Sequence[dict[str, Any]], score: str) -> str:
    """The last step that a score was taken at."""
    return max(records[0][score], key=int)


def shown(records: Sequence[dict[str, Any]], score: str = VISIBLE_COMPLETENESS.name) -> list[dict[str, Any]]:
    """At most 24 episodes to picture: the worst, the best, then the first ones."""
    step = last_step(records, score)
    ranked = sorted(records, key=lambda record: record[score][step])
    ends = [ranked[0], ranked[-1]] if len(ranked) > 1 else ranked
    rest = [record for record in records if not any(record is end for end in ends)]
    return [*ends, *rest][:MAX_MAPS]


def _curve(records: Sequence[dict[str, Any]], score: Score) -> str:
    values = np.array([record["curve"][score.name] for record in records])
    return curve_svg(records[0]["curve"]["step"], {score.name: values}, score)
