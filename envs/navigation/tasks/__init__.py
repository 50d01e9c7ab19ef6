"""What agents can be told to do in the worlds beside exploring them; knows no policy."""

from __future__ import annotations

from functools import partial
from typing import Literal

from robonav.envs.navigation.tasks.apples import APPLES, ApplePicking
from robonav.envs.navigation.tasks.image_goal import ImageGoal
from robonav.envs.navigation.tasks.sparse_goal import SparseGoal
from robonav.envs.navigation.tasks.task import Exploring, Task, TaskMaker, Verdict

TaskName = Literal["apples", "image-goal", "sparse-goal"]

__all__ = [
    "ApplePicking",
    "Exploring",
    "ImageGoal",
    "SparseGoal",
    "Task",
    "TaskMaker",
    "TaskName",
    "Verdict",
    "task_maker",
]


def task_maker(
    name: TaskName | None,
    apples: int | None = None,
    obstacles: int = 0,
    drift: float = 0.0,
) -> TaskMaker:
    """What makes the task of that name for a simulator; None = exploring.

    Args:
        name: As typed at the command line.
        apples: How many there are to be picked; None = 5.
        obstacles: How many appear on the way to a sparse goal.
        drift: Error of the odometry there, as a share of the way.
    """
    makers: dict[str | None, TaskMaker] = {
        None: Exploring,
        "apples": partial(ApplePicking, count=apples or APPLES),
        "image-goal": ImageGoal,
        "sparse-goal": partial(SparseGoal, obstacles=obstacles, drift=drift),
    }
    return makers[name]
