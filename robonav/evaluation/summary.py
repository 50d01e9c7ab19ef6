"""Summary of a run: means with intervals, and all that is needed to repeat it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from robonav.envs.navigation.tasks import Score, task_class
from robonav.evaluation.statistics import bootstrap_mean
from robonav.provenance import versions

COMMON = (
    Score("rooms_visited", "Rooms entered", by_step=False),
    Score("rooms", "Rooms", by_step=False),
    Score("path_length_m", "Path length", "m", by_step=False),
    Score("collisions", "Blocked moves", by_step=False),
)
"""Scores of every walk, whatever the task."""


def scores_in(record: dict[str, Any], task: str | None) -> list[Score]:
    """The scores that an episode's record holds: those of its task, then those of every walk."""
    return [score for score in (*task_class(task).scores, *COMMON) if score.name in record]


def summarise(
    records: Sequence[dict[str, Any]],
    settings: dict[str, Any],
    command: str,
    revision: str | None,
    unusable_scenes: Sequence[str] = (),
) -> dict[str, Any]:
    """The content of `summary.json`.

    Args:
        records: All episodes of the run.
        settings: Settings of the run.
        command: The line that repeats it.
        revision: The commit that ran, as `git_revision` gave it when the run began.
        unusable_scenes: Names of those whose episodes were left out, because they cannot be loaded.
    """
    scores = scores_in(records[0], settings.get("task"))
    by_step = {
        name: {step: _mean([r[name][step] for r in records]) for step in records[0][name]}
        for name in (score.name for score in scores if score.by_step)
    }
    single = [score.name for score in scores if not score.by_step]
    return {
        "command": command,
        "settings": settings,
        "episodes": len(records),
        "scenes": len({record["scene_id"] for record in records}),
        "unusable_scenes": list(unusable_scenes),
        "metrics": {**by_step, **{name: _mean([r[name] for r in records]) for name in single}},
        "interval": "95 % percentile bootstrap over episodes, 10,000 resamples, seed 0",
        "versions": versions(),
        "git_revision": revision,
    }


def _mean(values: list[float]) -> dict[str, float]:
    return bootstrap_mean(values).as_dict()
