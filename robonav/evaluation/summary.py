"""What a run amounts to: means with intervals, and all that is needed to repeat it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from robonav.evaluation import task_scores
from robonav.evaluation.statistics import bootstrap_mean
from robonav.provenance import versions

BY_STEP = (*task_scores.BY_STEP, "visible_completeness_pct", "completeness_pct", "mean_distance_m")
SINGLE = (
    "steps_to_goal",
    "geodesic_distance_m",
    "area_m2",
    "free_area_m2",
    "visible_share_pct",
    "rooms_visited",
    "rooms",
    "path_length_m",
    "collisions",
)


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
        settings: What it was run with.
        command: The line that repeats it.
        revision: The commit that ran, as `git_revision` gave it when the run began.
        unusable_scenes: Names of those whose episodes were left out, because they cannot be loaded.
    """
    by_step = {
        name: {step: _mean([r[name][step] for r in records]) for step in records[0][name]}
        for name in BY_STEP
        if name in records[0]
    }
    single = [name for name in SINGLE if name in records[0]]
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
