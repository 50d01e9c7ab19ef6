"""Kinds of scenes from other packages, through the entry point group `robonav.scenes`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from robonav.envs.scenes.scene import SceneError

GROUP = "robonav.scenes"


def plugged_in() -> Iterator[Callable[..., Any]]:
    """The opening function of each plug-in, by name; a plug-in is imported on its first call.

    An entry point names a function that takes what the user named, a split and an `AgentShape`, and returns
    a `SceneSet`, or None if the scenes are not of its kind. One that fails is reported in one sentence and
    passed over; a SceneError is for the user and goes through.
    """
    for entry_point in sorted(entry_points(group=GROUP), key=lambda found: found.name):
        yield partial(_ask, entry_point)


def _ask(entry_point: EntryPoint, spec: str, split: str, agent: object) -> Any:
    try:
        scenes = entry_point.load()(spec, split, agent)
        if scenes is not None and not (hasattr(scenes, "scene_ids") and hasattr(scenes, "load")):
            raise TypeError(f"it returned a {type(scenes).__name__}, which is no SceneSet")
    except SceneError:
        raise
    except Exception as error:  # whatever is wrong with it, the other kinds work
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        warnings.warn(
            f"the scene plug-in {entry_point.name!r} ({entry_point.value}) failed and is passed over "
            f"({reason}): update or uninstall its package",
            stacklevel=3,
        )
        return None
    return scenes
