"""Rewards that are known exactly, for tests of what judges rewards."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.protocol import Snapshot, State, Transition


@dataclass(frozen=True)
class CountedConfig(RewardConfig):
    """Pays (1 + visits)^power for an observation, where visits are those that `update` saw."""

    power: float = -0.5

    name: ClassVar[str] = "counted"
    source: ClassVar[str] = "exact visit counts"

    def build(self, context: RewardContext) -> Counted:
        return Counted(self.power)


class Counted:
    """Counts observations by their bytes."""

    def __init__(self, power: float) -> None:
        self.power = power
        self.counts: Counter[bytes] = Counter()

    def reset(self, mask: NDArray[np.bool_], first: Snapshot) -> None:
        """Counts outlive episodes."""

    def compute(self, before: Snapshot, action: Any, after: Snapshot, *ends: Any) -> NDArray[np.float32]:
        return np.asarray([max(1, self.counts[key]) ** self.power for key in _keys(after)], np.float32)

    def update(self, step: Transition) -> dict[str, float]:
        self.counts.update(_keys(step.after))
        return {}

    def state_dict(self) -> State:
        keys = np.asarray([np.frombuffer(key, np.uint8) for key in self.counts])
        return {"keys": keys, "counts": np.asarray(list(self.counts.values()))}

    def load_state_dict(self, state: State) -> None:
        self.counts = Counter(dict(zip(map(bytes, state["keys"]), state["counts"].tolist(), strict=True)))


def _keys(seen: Snapshot) -> list[bytes]:
    return [row.tobytes() for row in seen.observation["observation"]]
