"""What other packages add through entry points: scenes, tasks, rewards, robots (`docs/extend.md`)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any


def installed(group: str) -> list[EntryPoint]:
    """Entry points of a group, such as `robonav.tasks`, by name; nothing is imported yet."""
    return sorted(entry_points(group=group), key=lambda found: found.name)


def plugged_in(group: str, check: Callable[[Any], None]) -> dict[str, Any]:
    """What the entry points of a group name, by the names of the entry points.

    One that cannot be imported, or that `check` refuses by raising, is reported in one sentence and passed
    over: whatever is wrong with it, the others work.
    """
    found = {}
    for entry_point in installed(group):
        try:
            thing = entry_point.load()
            check(thing)
        except Exception as error:
            pass_over(entry_point, error)
        else:
            found[entry_point.name] = thing
    return found


def pass_over(entry_point: EntryPoint, error: Exception) -> None:
    """Say in one sentence that a plug-in does not work."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    kind = entry_point.group.removeprefix("robonav.").removesuffix("s")
    warnings.warn(
        f"the {kind} plug-in {entry_point.name!r} ({entry_point.value}) failed and is passed over "
        f"({reason}): update or uninstall its package",
        stacklevel=3,
    )
