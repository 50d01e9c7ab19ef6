"""Several intrinsic rewards at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.world import Frames
from robonav.rewards.protocol import IntrinsicReward


class WeightedSum:
    """An intrinsic reward that is the weighted sum of others.

    Args:
        parts: The others with their weights, by name; of none the sum is 0.
    """

    def __init__(self, parts: Mapping[str, tuple[float, IntrinsicReward]]) -> None:
        self.parts = dict(parts)

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Forget the episodes of these environments."""
        for _, part in self.parts.values():
            part.reset(env_ids)

    def compute(self, frames: Frames) -> NDArray[np.float32]:
        """Weighted sum (N,) of the parts' rewards."""
        total = np.zeros(len(frames.yaw), np.float32)
        for weight, part in self.parts.values():
            total += np.float32(weight) * part.compute(frames)
        return total

    def update(self, frames: Frames) -> None:
        """Show the frames to all parts."""
        for _, part in self.parts.values():
            part.update(frames)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """State of the parts, their names before a slash."""
        return {
            f"{name}/{key}": value
            for name, (_, part) in self.parts.items()
            for key, value in part.state_dict().items()
        }

    def load_state_dict(self, state: dict[str, NDArray[Any]]) -> None:
        """Restore what `state_dict` gave."""
        for name, (_, part) in self.parts.items():
            own = {key.partition("/")[2]: value for key, value in state.items() if key.startswith(f"{name}/")}
            part.load_state_dict(own)
