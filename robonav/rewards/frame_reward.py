"""Rewards that read nothing but the frames of a robonav world: the short form of the protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robonav.envs.world import Frames
from robonav.rewards.protocol import Snapshot, State, Transition


class FrameReward(Protocol):
    """A reward for what N agents saw; episodic state is cleared by `reset`."""

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Forget the episodes of these environments (default: all)."""

    def compute(self, frames: Frames) -> NDArray[np.float32]:
        """Reward (N,) of frames that were not shown to `update` yet; changes nothing."""

    def update(self, frames: Frames) -> None:
        """Take the frames in: what was seen once is no news."""

    def state_dict(self) -> State:
        """State that outlives episodes, to be saved with a checkpoint."""

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave."""


class OnFrames:
    """An `IntrinsicReward` made of a `FrameReward`.

    The last frames of an episode are judged and not taken in: the map is thrown away with the episode.

    Args:
        reward: What judges the frames.
    """

    def __init__(self, reward: FrameReward) -> None:
        self.reward = reward

    def reset(self, mask: NDArray[np.bool_], first: Snapshot) -> None:
        """Forget the episodes of the agents in `mask` (N,), and take everybody's frames in."""
        self.reward.reset(None if mask.all() else np.flatnonzero(mask).tolist())
        self.reward.update(_frames(first))

    def compute(
        self,
        before: Snapshot,
        action: NDArray[Any],
        after: Snapshot,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Reward (N,) of the frames that the step led to."""
        return self.reward.compute(_frames(after))

    def update(self, step: Transition) -> dict[str, float]:
        """Take the frames in; where an episode is over, the `reset` that follows takes everybody's in."""
        if not step.over.any():
            self.reward.update(_frames(step.after))
        return {}

    def state_dict(self) -> State:
        """That of the inner reward."""
        return self.reward.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave."""
        self.reward.load_state_dict(state)


def _frames(seen: Snapshot) -> Frames:
    assert seen.frames is not None, "IntrinsicRewardVecEnv looks for them when it is made"
    return seen.frames
