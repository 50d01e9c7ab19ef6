"""Tasks of agents in the worlds; knows no policy.

A task is one file beside this one and one line in `TASKS`, or an entry point `robonav.tasks` of another
package that names its `TaskConfig`.
"""

from __future__ import annotations

from typing import Any

from robonav.envs.navigation.tasks.apples import ApplePicking, ApplesConfig
from robonav.envs.navigation.tasks.explore import ExploreConfig, Exploring
from robonav.envs.navigation.tasks.image_goal import ImageGoal, ImageGoalConfig
from robonav.envs.navigation.tasks.sparse_goal import SparseGoal, SparseGoalConfig
from robonav.envs.navigation.tasks.task import Score, Task, TaskConfig, TaskMaker, TaskStep, Walk
from robonav.envs.plugins import class_named, plugged_in, with_options
from robonav.envs.scenes.scene import SceneError

TASKS: tuple[type[TaskConfig], ...] = (ExploreConfig, ApplesConfig, ImageGoalConfig, SparseGoalConfig)
_GROUP = "robonav.tasks"

__all__ = [
    "TASKS",
    "ApplePicking",
    "ApplesConfig",
    "ExploreConfig",
    "Exploring",
    "ImageGoal",
    "ImageGoalConfig",
    "Score",
    "SparseGoal",
    "SparseGoalConfig",
    "Task",
    "TaskConfig",
    "TaskMaker",
    "TaskStep",
    "Walk",
    "resolved",
    "task_class",
    "task_config",
    "tasks",
]


def tasks() -> dict[str, type[TaskConfig]]:
    """All tasks by name: those that come with robonav, then those of installed packages."""
    return {task.name: task for task in (*plugged_in(_GROUP, _is_task).values(), *TASKS)}


def task_class(name: str | None) -> type[TaskConfig]:
    """The configuration class of a task; None = exploring.

    Raises:
        SceneError: There is none of that name, or it has no scores.
    """
    kind = class_named(_GROUP, name or ExploreConfig.name, TASKS, _is_task, SceneError)
    kind.main_score()
    return kind


def task_config(name: str | None, **options: Any) -> TaskConfig:
    """The configuration of a task; options that are not given are its defaults.

    Raises:
        SceneError: There is none of that name, or it has no such option, or refuses its value.
    """
    return with_options(_GROUP, task_class(name), options, SceneError)


def resolved(name: str | None, options: TaskConfig | None) -> TaskConfig:
    """The configuration of a task by its name and its options; None = its defaults.

    Raises:
        SceneError: There is no such task, or the options are another task's.
    """
    kind = task_class(name)
    if options is not None and not isinstance(options, kind):
        raise SceneError(f"task {kind.name} was given a {type(options).__name__}: give its {kind.__name__}")
    return options or kind()


def _is_task(found: Any) -> None:
    if not (isinstance(found, type) and issubclass(found, TaskConfig)):
        raise TypeError(f"it is {found!r}, which is no TaskConfig")
