"""Kinds of scenes from other packages, through the entry point group `robonav.scenes`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import EntryPoint
from typing import Any

from robonav.envs.plugins import installed, pass_over
from robonav.envs.scenes.scene import SceneError

GROUP = "robonav.scenes"


def plugged_in() -> Iterator[Callable[..., Any]]:
    """The opening function of each plug-in, by name; a plug-in is imported on its first call.

    An entry point names a function that takes what the user named, a split and an `AgentShape`, and returns
    a `SceneSet`, or None if the scenes are not of its kind. One that fails is reported in one sentence and
    passed over; a SceneError is for the user and goes through.
    """
    for entry_point in installed(GROUP):
        yield partial(_ask, entry_point)


def _ask(entry_point: EntryPoint, spec: str, split: str, agent: object) -> Any:
    try:
        scenes = entry_point.load()(spec, split, agent)
        if scenes is not None and not (hasattr(scenes, "scene_ids") and hasattr(scenes, "load")):
            raise TypeError(f"it returned a {type(scenes).__name__}, which is no SceneSet")
    except SceneError:
        raise
    except Exception as error:  # whatever is wrong with it, the other kinds work
        pass_over(entry_point, error)
        return None
    return scenes
