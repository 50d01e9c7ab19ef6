"""What agents can be told to do in the worlds beside exploring them; knows no policy."""

from __future__ import annotations

from functools import partial
from typing import Literal

from robonav.envs.tasks.apples import APPLES, ApplePicking
from robonav.envs.tasks.image_goal import ImageGoal
from robonav.envs.tasks.task import Exploring, Task, TaskMaker, Verdict

TaskName = Literal["apples", "image-goal"]

__all__ = ["ApplePicking", "Exploring", "ImageGoal", "Task", "TaskMaker", "TaskName", "Verdict", "task_maker"]


def task_maker(name: TaskName | None, apples: int | None = None) -> TaskMaker:
    """What makes the task of that name for a simulator; None = exploring.

    Args:
        name: As typed at the command line.
        apples: How many there are to be picked; None = 5.
    """
    makers: dict[str | None, TaskMaker] = {
        None: Exploring,
        "apples": partial(ApplePicking, count=apples or APPLES),
        "image-goal": ImageGoal,
    }
    return makers[name]
