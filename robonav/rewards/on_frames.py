"""Rewards that are paid for the privileged frames of robonav's worlds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robonav.envs.world import Frames
from robonav.errors import UsageError
from robonav.rewards.protocol import NothingToSave, Snapshot, Transition


class FrameReward(Protocol):
    """Pays N agents for where they got to; what it knows lives and dies with their episodes."""

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Forget the episodes of these agents (default: all)."""

    def compute(self, frames: Frames) -> NDArray[np.float32]:
        """Reward (N,) of frames that were not shown to `update` yet; changes nothing."""

    def update(self, frames: Frames) -> None:
        """Take the frames in: what was seen once is no news."""


class OnFrames(NothingToSave):
    """A `FrameReward` as an `IntrinsicReward`.

    Where episodes end, the last frames of the others wait for the first ones of the next episodes: maps take
    in one frame of each agent in every step.

    Args:
        inner: The reward of frames.
    """

    def __init__(self, inner: FrameReward) -> None:
        self.inner = inner
        self._last: Frames | None = None

    def reset(self, mask: NDArray[np.bool_], first: Snapshot) -> None:
        """Forget the episodes of the agents in `mask`, and take in the first frames of the next ones."""
        frames = self._frames(first)
        self.inner.reset(np.flatnonzero(mask).tolist())
        self._last = frames if self._last is None or mask.all() else _merged(mask, frames, self._last)
        self.inner.update(self._last)

    def compute(
        self,
        before: Snapshot,
        action: NDArray[Any],
        after: Snapshot,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Reward (N,) of the frames that the step led to."""
        return self.inner.compute(self._frames(after))

    def update(self, step: Transition) -> dict[str, float]:
        """Take in the frames that the step led to."""
        self._last = self._frames(step.after)
        if not step.over.any():
            self.inner.update(self._last)
        return {}

    def _frames(self, snapshot: Snapshot) -> Frames:
        if snapshot.frames is None:
            raise UsageError(
                f"{type(self.inner).__name__} is paid for frames, and the environments have none: give a "
                "view of a world, such as NavigationVecEnv or WorldVecEnv"
            )
        return snapshot.frames


def _merged(mask: NDArray[np.bool_], inside: Frames, outside: Frames) -> Frames:
    """Frames whose rows in `mask` (N,) are those of `inside`."""
    merged: dict[str, Any] = {}
    for name, rows in vars(inside).items():
        if rows is not None:
            merged[name] = getattr(outside, name).copy()
            merged[name][mask] = rows[mask]
        else:
            merged[name] = None
    return type(inside)(**merged)
