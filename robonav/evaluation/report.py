"""`report.html`: one self-contained page with the table, the curves and top-down maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from robonav.evaluation import task_scores
from robonav.evaluation.pictures import curve_svg, map_png
from robonav.evaluation.top_down_map import TopDownMap

MAX_MAPS = 24
LABELS = {
    "apples_picked": "Apples picked",
    "success_pct": "Goals reached, %",
    "spl": "SPL: success weighted by path length",
    "visible_completeness_pct": "Visible completeness, %",
    "completeness_pct": "Completeness, %",
    "mean_distance_m": "Mean distance to the observed surface, m",
    "steps_to_goal": "Steps to the goal, all where it was not reached",
    "geodesic_distance_m": "Shortest way to the goal, m",
    "area_m2": "Floor area that came into view, m²",
    "free_area_m2": "Floor area of the island, m²",
    "visible_share_pct": "Share of the surface that can be seen at all, %",
    "rooms_visited": "Rooms entered",
    "rooms": "Rooms",
    "path_length_m": "Path length, m",
    "collisions": "Blocked moves",
}


def render_report(
    summary: dict[str, Any], records: Sequence[dict[str, Any]], load_map: Callable[[str], TopDownMap]
) -> str:
    """The page as text.

    Args:
        summary: Content of `summary.json`.
        records: All episodes.
        load_map: Top-down map by episode id.
    """
    folder = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=folder, autoescape=True, undefined=StrictUndefined)
    return environment.get_template("report.html.jinja").render(
        summary=summary,
        labels=LABELS,
        last=last_step(records),
        curves=[_curve(records, name) for name in ("visible_completeness_pct", "completeness_pct")],
        task=[name for name in task_scores.BY_STEP if name in records[0]],
        episodes=[
            (record, map_png(load_map(record["episode_id"]), marks(record))) for record in shown(records)
        ],
        records=records,
    )


def last_step(records: Sequence[dict[str, Any]]) -> str:
    """The last step that all metrics were taken at."""
    return max(records[0]["visible_completeness_pct"], key=int)


def shown(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most 24 episodes to picture: the worst, the best, then the first ones."""
    step = last_step(records)
    ranked = sorted(records, key=lambda record: record["visible_completeness_pct"][step])
    ends = [ranked[0], ranked[-1]] if len(ranked) > 1 else ranked
    rest = [record for record in records if not any(record is end for end in ends)]
    return [*ends, *rest][:MAX_MAPS]


def marks(record: dict[str, Any]) -> list[tuple[float, float]]:
    """Where (x, y) the apples or the goal of an episode were; nothing if it had no task."""
    goal = record.get("goal")
    return [(goal["x"], goal["y"])] if goal else [(x, y) for x, y in record.get("apples_at", ())]


def _curve(records: Sequence[dict[str, Any]], name: str) -> str:
    values = np.array([record["curve"][name] for record in records])
    return curve_svg(records[0]["curve"]["step"], {name: values}, LABELS[name])
