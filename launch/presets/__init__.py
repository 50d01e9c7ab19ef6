"""Presets: one small file each, with a `PRESET` that names everything that decides a run."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from robonav.errors import UsageError

if TYPE_CHECKING:
    from robonav.training.config import TrainConfig


def preset_names() -> list[str]:
    """Names of all presets, as typed at the command line."""
    return sorted(module.name.replace("_", "-") for module in iter_modules(__path__))


def load_preset(name: str) -> TrainConfig:
    """The configuration of one preset.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in preset_names():
        raise UsageError(f"no preset named {name!r}; choose one of {', '.join(preset_names())}")
    preset: TrainConfig = import_module(f"{__name__}.{name.replace('-', '_')}").PRESET
    return preset
