"""Several intrinsic rewards at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.rewards.protocol import IntrinsicReward, Snapshot, State, Transition


class WeightedSum:
    """An intrinsic reward that is the weighted sum of others.

    Args:
        parts: The others with their weights, by name; of none the sum is 0.
    """

    def __init__(self, parts: Mapping[str, tuple[float, IntrinsicReward]]) -> None:
        self.parts = dict(parts)

    def reset(self, mask: NDArray[np.bool_], first: Snapshot) -> None:
        """Forget the episodes of the agents in `mask` (N,)."""
        for _, part in self.parts.values():
            part.reset(mask, first)

    def compute(
        self,
        before: Snapshot,
        action: NDArray[Any],
        after: Snapshot,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Weighted sum (N,) of the parts' rewards."""
        total = np.zeros(len(terminated), np.float32)
        for weight, part in self.parts.values():
            total += np.float32(weight) * part.compute(before, action, after, terminated, truncated)
        return total

    def update(self, step: Transition) -> dict[str, float]:
        """Show the step to all parts; their numbers have their names before a slash."""
        return {
            f"{name}/{key}": value
            for name, (_, part) in self.parts.items()
            for key, value in part.update(step).items()
        }

    def state_dict(self) -> State:
        """State of the parts, their names before a slash."""
        return {
            f"{name}/{key}": value
            for name, (_, part) in self.parts.items()
            for key, value in part.state_dict().items()
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave."""
        for name, (_, part) in self.parts.items():
            own = {key.partition("/")[2]: value for key, value in state.items() if key.startswith(f"{name}/")}
            part.load_state_dict(own)
