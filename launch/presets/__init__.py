"""Presets: one small file each, with a `PRESET` that names everything that decides a run."""

from __future__ import annotations

import ast
import importlib.util
import sys
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from robonav.errors import UsageError

if TYPE_CHECKING:
    from robonav.training.config import TrainConfig


OLD_NAMES = {
    "nano": "guided",
    "nano-apples": "guided-apples",
    "nano-both": "guided-both",
    "nano-image-goal": "guided-image-goal",
    "nano-mapless": "recuriosity",
    "nano-rgb": "guided-rgb",
    "nano-sparse-goal": "guided-sparse-goal",
    "nano-sparse-goal-both": "guided-sparse-goal-both",
    "nano-sparse-goal-curious": "guided-sparse-goal-curious",
    "nano-topology": "guided-topology",
    "nano-unguided": "guided-no-planner",
}
"""Names that presets had, which are understood for one version more."""


def preset_names() -> list[str]:
    """Names of all presets, as typed at the command line."""
    return sorted(module.name.replace("_", "-") for module in iter_modules(__path__))


def preset_summaries() -> dict[str, str]:
    """Summaries of the presets, by name: the first line of each file's docstring; nothing is imported."""
    sources = {name: Path(__path__[0]) / f"{name.replace('-', '_')}.py" for name in preset_names()}
    about = {name: ast.get_docstring(ast.parse(source.read_text())) for name, source in sources.items()}
    return {name: (text or "").partition("\n")[0] for name, text in about.items()}


def load_preset(name: str) -> TrainConfig:
    """The configuration of one preset: by its name, of a .py file that defines PRESET, or a config.json.

    Raises:
        UsageError: There is none of that name, or the file holds none.
    """
    if name.endswith(".json"):
        from robonav.training.saved_config import read_saved_config

        return read_saved_config(Path(name))
    if name.endswith(".py"):
        return _preset_in(Path(name))
    if name in OLD_NAMES:
        print(f"preset {name} is now called {OLD_NAMES[name]}: use that name", file=sys.stderr)
        name = OLD_NAMES[name]
    if name not in preset_names():
        near = get_close_matches(name, [*preset_names(), *OLD_NAMES], 1)
        hint = f"perhaps you meant {near[0]}; " if near else ""
        raise UsageError(
            f"no preset named {name!r}: {hint}choose one of {', '.join(preset_names())}, or give a .py file "
            "that defines PRESET or the config.json of a run"
        )
    preset: TrainConfig = import_module(f"{__name__}.{name.replace('-', '_')}").PRESET
    return preset


def _preset_in(path: Path) -> TrainConfig:
    """The PRESET of a user's own file, which is run as any program of theirs."""
    from robonav.training.config import TrainConfig

    if not path.is_file():
        raise UsageError(f"{path} does not exist: give a .py file that defines PRESET")
    spec = importlib.util.spec_from_file_location(f"preset_{path.stem}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    preset = getattr(module, "PRESET", None)
    if not isinstance(preset, TrainConfig):
        raise UsageError(f"{path} defines no PRESET that is a TrainConfig: see launch/presets/guided.py")
    return preset
