"""The one interface of intrinsic rewards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robonav.envs.world import Frames


class IntrinsicReward(Protocol):
    """A reward for what N agents saw; episodic state is cleared by `reset`."""

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Forget the episodes of these environments (default: all)."""

    def compute(self, frames: Frames) -> NDArray[np.float32]:
        """Reward (N,) of frames that were not shown to `update` yet; changes nothing."""

    def update(self, frames: Frames) -> None:
        """Take the frames in: what was seen once is no news."""

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """State that outlives episodes, to be saved with a checkpoint."""

    def load_state_dict(self, state: dict[str, NDArray[Any]]) -> None:
        """Restore what `state_dict` gave."""
