"""Worlds by name beside that of navigation: one package and one line in `WORLDS`, or an entry point."""

from __future__ import annotations

from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from robonav.envs.plugins import plugged_in
from robonav.envs.scenes.scene import SceneError
from robonav.envs.warehouse.config import WarehouseConfig
from robonav.envs.world_config import WorldConfig

WORLDS: tuple[type[WorldConfig], ...] = (WarehouseConfig,)


def worlds() -> dict[str, type[WorldConfig]]:
    """All kinds of worlds by name: those that come with robonav, then those of installed packages."""
    return {kind.name: kind for kind in (*plugged_in("robonav.worlds", _is_world).values(), *WORLDS)}


def world_class(name: str) -> type[WorldConfig]:
    """The configuration class of a kind of world.

    Raises:
        SceneError: There is none of that name.
    """
    known = {kind.name: kind for kind in WORLDS}
    known = known if name in known else worlds()
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"perhaps you meant {near[0]}; " if near else ""
        raise SceneError(f"there is no world {name!r}: {hint}choose one of {', '.join(sorted(known))}")
    return known[name]


def make_world(name: str, **options: Any) -> WorldConfig:
    """A kind of world with its options; those that are not given are its defaults.

    Raises:
        SceneError: There is none of that name, or it has no such option, or refuses its value.
    """
    kind = world_class(name)
    known = [field.name for field in fields(kind)]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise SceneError(f"world {name} has no option {unknown[0]!r}: its options: {', '.join(known)}")
    return kind(**options)


def _is_world(found: Any) -> None:
    if not (isinstance(found, type) and issubclass(found, WorldConfig)):
        raise TypeError(f"it is {found!r}, which is no WorldConfig")
