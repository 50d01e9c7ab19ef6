"""Captions: what an agent sees, in a few canonical words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robonav.envs.sensors.camera import Camera
from robonav.errors import UsageError
from robonav.rewards.config import RewardContext
from robonav.rewards.oni.text import is_text, read_text
from robonav.rewards.protocol import Snapshot

Captioner = Callable[[Snapshot], list[str]]
Captions = Literal["auto", "text", "minigrid", "depth"]

# Codes of MiniGrid (minigrid/core/constants.py).
_UNSEEN, _EMPTY, _WALL, _FLOOR, _DOOR, _AGENT = 0, 1, 2, 3, 4, 10
_KINDS = ("unseen", "nothing", "wall", "floor", "door", "key", "ball", "box", "goal", "lava", "agent")
_COLORS = ("red", "green", "blue", "purple", "yellow", "grey")
_STATES = ("open", "closed", "locked")
_COLORLESS = ("unseen", "nothing", "wall", "goal", "lava", "agent")

_OPEN = 3.0  # metres from which a direction counts as open
_JUMP = 1.0  # metres that depth jumps at the jambs of a doorway
_DOORWAY = (0.6, 1.6)  # metres between them


class TextCaptions:
    """The text under a key of the observation."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, seen: Snapshot) -> list[str]:
        """N captions."""
        return read_text(np.asarray(seen.observation[self._key]))


class MiniGridCaptions:
    """The mission, what is in front, near and carried, from MiniGrid's codes (N, V, V, 3) of what is in view.

    The agent stands in the middle of the last row and looks at the first one.
    """

    def __init__(self, has_mission: bool) -> None:
        self._has_mission = has_mission

    def __call__(self, seen: Snapshot) -> list[str]:
        """N captions."""
        cells = np.asarray(seen.observation["image"])
        views, which = np.unique(cells.reshape(len(cells), -1), axis=0, return_inverse=True)
        said = [_view(view.reshape(cells.shape[1:])) for view in views]
        captions = [said[index] for index in which.ravel()]
        if not self._has_mission:
            return captions
        missions = read_text(np.asarray(seen.observation["mission"]))
        return [f"mission: {mission}; {caption}" for mission, caption in zip(missions, captions, strict=True)]


class DepthCaptions:
    """Captions from privileged depth: distances to the left, ahead and to the right, doorways and bumps."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera

    def __call__(self, seen: Snapshot) -> list[str]:
        """N captions."""
        assert seen.frames is not None, "depth is of robonav's worlds"
        depth = np.where(seen.frames.depth > 0, seen.frames.depth, np.inf)
        rows = depth.shape[1]
        profile = np.median(depth[:, 2 * rows // 5 : max(3 * rows // 5, 2 * rows // 5 + 1)], axis=1)
        third = profile.shape[1] // 3
        sides = [profile[:, :third], profile[:, third:-third], profile[:, -third:]]
        nearest = np.stack([side.min(axis=1) for side in sides], axis=1)
        facts = np.column_stack([np.round(2 * nearest) / 2, self._doorways(profile), seen.frames.collided])
        kinds, which = np.unique(facts, axis=0, return_inverse=True)
        said = [_surroundings(kind) for kind in kinds]
        return [said[index] for index in which.ravel()]

    def _doorways(self, profile: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether depth (N, W) along the horizon jumps away and back within the width of a door."""
        jumps = np.diff(np.minimum(profile, 10 * _OPEN), axis=1)
        away = jumps >= _JUMP
        left = away.argmax(axis=1)
        columns = np.arange(jumps.shape[1])
        back = (jumps <= -_JUMP) & (columns > left[:, None])
        right = back.argmax(axis=1)
        agents = np.arange(len(profile))
        jambs = (profile[agents, left] + profile[agents, np.minimum(right + 1, len(columns))]) / 2
        width = (right - left) * np.where(np.isfinite(jambs), jambs, 0) / self._camera.focal
        found: NDArray[np.bool_] = away.any(axis=1) & back.any(axis=1)
        return found & (width >= _DOORWAY[0]) & (width <= _DOORWAY[1])


def captioner(context: RewardContext, kind: Captions, key: str | None, reward: str) -> Captioner:
    """Return the captioner of an environment's observations.

    Args:
        context: The environment.
        kind: "text" reads a key of text, "minigrid" codes of cells, "depth" privileged frames, "auto" the
            first of these that there is.
        key: Of the text; None = the first one.
        reward: Its name, for errors.

    Raises:
        UsageError: There is nothing of that kind.
    """
    if kind not in get_args(Captions):
        raise UsageError(
            f"reward {reward} has captions {kind!r}: take one of {', '.join(get_args(Captions))}"
        )
    known = context.select((key,) if key else None, reward).spaces
    texts = [name for name, space in known.items() if key or name == "caption" or _is_plain_text(name, space)]
    if texts and kind in ("auto", "text"):
        _check_text(known[texts[0]], texts[0], reward)
        return TextCaptions(texts[0])
    if kind in ("auto", "minigrid") and _is_grid(known.get("image")):
        return MiniGridCaptions("mission" in known)
    if kind in ("auto", "depth") and context.world is not None and context.camera is not None:
        return DepthCaptions(context.camera)
    raise UsageError(
        f"reward {reward} finds no captions ({kind}) in observations of {', '.join(known)}: it reads text "
        "under `caption` (see TextAsBytes), MiniGrid's `image`, or the depth of robonav's worlds"
    )


def _is_plain_text(name: str, space: spaces.Space[Any]) -> bool:
    """Whether it is text of its own: MiniGrid's mission is the same all through an episode."""
    return name != "mission" and is_text(space)


def _check_text(space: spaces.Space[Any], key: str, reward: str) -> None:
    is_bytes = isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) == 1
    if not (is_bytes or is_text(space)):
        raise UsageError(
            f"reward {reward} cannot read {key!r} of {space} as text: "
            "it has to be Text, or bytes of TextAsBytes"
        )


def _is_grid(space: spaces.Space[Any] | None) -> bool:
    shape = space.shape if isinstance(space, spaces.Box) and space.dtype == np.uint8 else ()
    return len(shape) == 3 and shape[2] == 3 and shape[0] == shape[1] <= 15 and shape[0] % 2 == 1


def _view(cells: NDArray[Any]) -> str:
    size = len(cells)
    ahead, held = cells[size // 2, size - 2], cells[size // 2, size - 1]
    scenery = np.isin(cells[..., 0], (_UNSEEN, _EMPTY, _WALL, _FLOOR, _AGENT))
    scenery[size // 2, size - 2 :] = True  # said already
    near = sorted({_name(cell) for cell in cells[~scenery]})
    carried = "nothing" if held[0] in (_UNSEEN, _EMPTY, _AGENT) else _name(held)
    return f"front: {_name(ahead)}; near: {', '.join(near) or 'nothing'}; carrying: {carried}"


def _name(cell: NDArray[Any]) -> str:
    kind, color, state = (int(code) for code in cell)
    word = _KINDS[kind] if kind < len(_KINDS) else f"object {kind}"
    if word in _COLORLESS:
        return word
    colored = f"{_COLORS[color]} {word}" if color < len(_COLORS) else word
    return f"{_STATES[state]} {colored}" if kind == _DOOR and state < len(_STATES) else colored


def _surroundings(facts: NDArray[np.floating]) -> str:
    sides = zip(("left", "ahead", "right"), facts[:3], strict=True)
    parts = [f"{side}: {'open space' if d >= _OPEN else f'a wall at {d:.1f} m'}" for side, d in sides]
    return "; ".join([*parts, *(["a doorway"] if facts[3] else []), *(["bumped"] if facts[4] else [])])
