"""What an agent's walk was worth for its task: apples picked, goals reached, SPL; all by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.navigation.tasks import TaskName
from robonav.envs.scenes.geodesics import geodesics_of
from robonav.envs.scenes.scene import FreeSpace

BY_STEP = ("apples_picked", "success_pct", "spl")  # fields of a record that a task may add


@dataclass(frozen=True, eq=False)
class Walk:
    """What became of one episode.

    Attributes:
        free_space: Where the agent could walk.
        trajectory: (T + 1, 3) x, y, yaw in metres and radians, the start first.
        achieved: (T + 1,) how much of its task was done by then.
        task: What was set, as `Task.facts` gives it.
    """

    free_space: FreeSpace
    trajectory: NDArray[np.float64]
    achieved: NDArray[np.int64]
    task: dict[str, Any]


# The fields that a task adds to the record of a walk, given the steps to report at.
Score = Callable[[Walk, Iterable[int]], dict[str, Any]]


def no_score(walk: Walk, steps: Iterable[int]) -> dict[str, Any]:
    """Exploring has no task."""
    return {}


def apples_picked(walk: Walk, steps: Iterable[int]) -> dict[str, Any]:
    """Number of apples that were picked up to each step."""
    return {"apples_picked": {str(step): int(walk.achieved[step]) for step in sorted(steps)}, **walk.task}


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


def far_goal_reached(walk: Walk, steps: Iterable[int]) -> dict[str, Any]:
    """The same, and the steps to the goal; an episode that never arrives counts with all of its steps."""
    score = goal_reached(walk, steps)
    first = score["success_step"]
    return {**score, "steps_to_goal": len(walk.achieved) - 1 if first is None else first}


SCORES: dict[TaskName | None, Score] = {
    None: no_score,
    "apples": apples_picked,
    "image-goal": goal_reached,
    "sparse-goal": far_goal_reached,
}


def geodesic_m(free_space: FreeSpace, start: NDArray[np.float64], end: NDArray[np.float64]) -> float:
    """Length of the shortest way between two places (2,), metres."""
    return float(geodesics_of(free_space).geodesic(start[None], end[None])[0])
