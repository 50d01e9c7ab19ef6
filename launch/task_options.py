"""--task.NAME: the options of the task that --task names, for every command that has one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, make_dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeVar

import tyro

from robonav.errors import UsageError

if TYPE_CHECKING:
    from robonav.envs.navigation.tasks import TaskConfig

Command = TypeVar("Command")


def spelled_out(args: Sequence[str], task: str | None) -> list[str]:
    """The arguments with short flags of tasks, such as --obstacles, replaced by those that they stand for.

    Raises:
        UsageError: One belongs to another task.
    """
    from robonav.envs.navigation.tasks import TASKS, task_class

    others = {flag: kind.name for kind in TASKS for flag in kind.aliases}
    own = task_class(task).aliases
    spelled = []
    for arg in args:
        flag, equals, value = arg.removeprefix("--").partition("=")
        if not arg.startswith("--") or flag not in {**others, **own}:
            spelled.append(arg)
        elif flag in own:
            spelled.append(f"--task.{own[flag].replace('_', '-')}{equals}{value}")
        else:
            raise UsageError(f"--{flag} belongs to --task {others[flag]}: add it, or leave --{flag} out")
    return spelled


def value_of(args: Sequence[str], flag: str) -> str | None:
    """Return the value of a flag, typed `--flag value` or `--flag=value`; None = it is not there."""
    for arg, following in zip(args, [*args[1:], None], strict=False):
        if arg == flag:
            return following
        if arg.startswith(f"{flag}="):
            return arg.partition("=")[2]
    return None


def with_task_options(command: type[Command], task: str | None) -> type[Command]:
    """The command with a field `task_options` for the options of a task, typed --task.NAME."""
    from robonav.envs.navigation.tasks import task_class, task_config

    options = (
        "task_options",
        Annotated[task_class(task), tyro.conf.arg(name="task")],
        field(default_factory=partial(task_config, task)),
    )
    return make_dataclass(command.__name__, [options], bases=(command,), frozen=True)


def words_of(options: TaskConfig | None) -> list[str]:
    """The command line that gives these options; nothing for None."""
    if options is None:
        return []
    return [f"--task.{name.replace('_', '-')} {value}" for name, value in vars(options).items()]
