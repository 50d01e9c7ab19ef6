"""Scores of tasks that lead to a place: success and SPL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.navigation.tasks.task import Score, Walk
from robonav.envs.scenes.geodesics import geodesics_of
from robonav.envs.scenes.scene import FreeSpace

SUCCESS = Score("success_pct", "Goals reached", "%")
SPL = Score("spl", "SPL: success weighted by path length")
GEODESIC = Score("geodesic_distance_m", "Shortest way to the goal", "m", by_step=False)


def goal_reached(walk: Walk, steps: Iterable[int]) -> dict[str, Any]:
    """Success up to each step, and SPL as Anderson et al. 2018 define it (arXiv 1807.06757).

    SPL = S l / max(p, l): S is 1 for a success, p the length of the way that was gone until then and l that
    of the shortest way from the start to the goal, on the free space of the agent without obstacles.
    """
    goal = walk.task["goal"]
    shortest = geodesic_m(walk.free_space, walk.trajectory[0, :2], np.array([goal["x"], goal["y"]]))
    moved = np.linalg.norm(np.diff(walk.trajectory[:, :2], axis=0), axis=1)
    done = np.flatnonzero(walk.achieved)
    first = int(done[0]) if len(done) else None
    spl = 0.0 if first is None else shortest / max(float(moved[:first].sum()), shortest)
    reached = {step: first is not None and first <= step for step in sorted(steps)}
    return {
        "success_pct": {str(step): 100.0 * is_there for step, is_there in reached.items()},
        "spl": {str(step): round(spl * is_there, 4) for step, is_there in reached.items()},
        "success_step": first,
        "geodesic_distance_m": round(shortest, 3),
        **walk.task,
    }


def goal_mark(record: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Place (x, y) of an episode's goal."""
    return [(record["goal"]["x"], record["goal"]["y"])]


def geodesic_m(free_space: FreeSpace, start: NDArray[np.float64], end: NDArray[np.float64]) -> float:
    """Length of the shortest way between two places (2,), metres."""
    return float(geodesics_of(free_space).geodesic(start[None], end[None])[0])
