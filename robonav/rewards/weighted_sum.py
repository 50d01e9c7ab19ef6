"""Several intrinsic rewards at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.protocol import IntrinsicReward, Snapshot, State, Transition


@dataclass(frozen=True)
class WeightedSumConfig(RewardConfig):
    """Rewards with their weights, by name; of none the sum is 0."""

    parts: Mapping[str, tuple[float, RewardConfig]]

    name = "weighted-sum"
    source = "the sum of other rewards"

    @property
    def episodic(self) -> bool:  # type: ignore[override]
        """Whether any of the parts is."""
        return any(config.episodic for _, config in self.parts.values())

    def build(self, context: RewardContext) -> WeightedSum:
        """The sum for an environment.

        Raises:
            UsageError: A part cannot read its observations.
        """
        return WeightedSum(
            {name: (weight, config.build(context)) for name, (weight, config) in self.parts.items()}
        )


class WeightedSum:
    """An intrinsic reward that is the weighted sum of others.

    Args:
        parts: The others with their weights, by name; of none the sum is 0.
    """

    def __init__(self, parts: Mapping[str, tuple[float, IntrinsicReward]]) -> None:
        self.parts = dict(parts)

    def reset(self, mask: NDArray[np.bool_], first: Snapshot) -> None:
        """Forget the episodes of the agents in `mask`."""
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
        """Show the step to all parts; what they say, their names before a slash."""
        said: dict[str, float] = {}
        for name, (_, part) in self.parts.items():
            said |= {f"{name}/{key}": value for key, value in part.update(step).items()}
        return said

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
