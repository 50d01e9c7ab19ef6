"""Additions of other packages through entry points: scenes, tasks, rewards, robots (`docs/extend.md`)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

Kind = TypeVar("Kind", bound=Any)


def installed(group: str) -> list[EntryPoint]:
    """Entry points of a group, such as `robonav.tasks`, by name; nothing is imported yet."""
    return sorted(entry_points(group=group), key=lambda found: found.name)


def plugged_in(group: str, check: Callable[[Any], None]) -> dict[str, Any]:
    """Load the objects of a group's entry points, by the names of the entry points.

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


def class_named(
    group: str,
    name: str,
    built_in: Iterable[type[Kind]],
    check: Callable[[Any], None],
    refusal: type[Exception],
) -> type[Kind]:
    """The class of that name: one that comes with robonav, else one of an installed package.

    Raises:
        refusal: There is none of that name.
    """
    known = {kind.name: kind for kind in built_in}
    if name not in known:
        known = {kind.name: kind for kind in plugged_in(group, check).values()} | known
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"perhaps you meant {near[0]}; " if near else ""
        raise refusal(f"there is no {_kind(group)} {name!r}: {hint}choose one of {', '.join(sorted(known))}")
    return known[name]


def with_options(group: str, kind: type[Kind], options: Mapping[str, Any], refusal: type[Exception]) -> Kind:
    """A dataclass of a kind with its options; those that are not given are its defaults.

    Raises:
        refusal: It has no such option.
    """
    known = [field.name for field in fields(kind)]
    for option in options:
        if option not in known:
            near = get_close_matches(option, known, 1)
            hint = f"perhaps you meant {near[0]}; " if near else ""
            raise refusal(
                f"{_kind(group)} {kind.name} has no option {option!r}: {hint}its options: {', '.join(known)}"
            )
    return kind(**options)


def _kind(group: str) -> str:
    return group.removeprefix("robonav.").removesuffix("s")


def pass_over(entry_point: EntryPoint, error: Exception) -> None:
    """Say in one sentence that a plug-in does not work."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    warnings.warn(
        f"the {_kind(entry_point.group)} plug-in {entry_point.name!r} ({entry_point.value}) failed and is "
        f"passed over ({reason}): update or uninstall its package",
        stacklevel=3,
    )
