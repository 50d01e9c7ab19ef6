"""Worlds by name beside that of navigation: one package and one line in `WORLDS`, or an entry point."""

from __future__ import annotations

from typing import Any

from robonav.envs.plugins import class_named, with_options
from robonav.envs.scenes.scene import SceneError
from robonav.envs.warehouse.config import WarehouseConfig
from robonav.envs.world_config import WorldConfig

WORLDS: tuple[type[WorldConfig], ...] = (WarehouseConfig,)
_GROUP = "robonav.worlds"


def world_class(name: str) -> type[WorldConfig]:
    """The configuration class of a kind of world.

    Raises:
        SceneError: There is none of that name.
    """
    return class_named(_GROUP, name, WORLDS, _is_world, SceneError)


def make_world(name: str, **options: Any) -> WorldConfig:
    """A kind of world with its options; those that are not given are its defaults.

    Raises:
        SceneError: There is none of that name, or it has no such option, or refuses its value.
    """
    return with_options(_GROUP, world_class(name), options, SceneError)


def _is_world(found: Any) -> None:
    if not (isinstance(found, type) and issubclass(found, WorldConfig)):
        raise TypeError(f"it is {found!r}, which is no WorldConfig")
