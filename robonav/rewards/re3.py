"""State entropy by the distance to the k-th nearest observation of a random encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from robonav.errors import UsageError
from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.episodic_memory import EpisodicReward, FrozenFeatures, RingBuffer


@dataclass(frozen=True)
class Re3Config(RewardConfig):
    """Options of random-encoder entropy.

    Raises:
        UsageError: A number is out of its range.
    """

    name: ClassVar[str] = "re3"
    source: ClassVar[str] = (
        "Seo et al. 2021, State entropy maximization with random encoders, arXiv 2102.09430"
    )
    episodic: ClassVar[bool] = True

    keys: tuple[str, ...] | None = None
    """Entries of the observation that it reads; None = all."""
    width: int = 64
    """Numbers of a feature vector."""
    k: int = 3
    """Rank of the nearest neighbour; the farthest known one while there are fewer."""
    cap: int = 2000
    """Steps of an episode that are remembered."""

    def __post_init__(self) -> None:
        """Check ranges."""
        if min(self.width, self.k, self.cap) < 1:
            raise UsageError(
                f"reward {self.name} has width {self.width}, k {self.k} and cap {self.cap}: "
                "each has to be 1 or more"
            )

    def build(self, context: RewardContext) -> Re3:
        """The reward for an environment."""
        return Re3(self, context)


class Re3(EpisodicReward):
    """log(1 + distance to the k-th nearest) (Seo et al. 2021, eq. 3), in features of a frozen random network.

    Neighbours are sought in the agent's own episode, not in a replay buffer as in the paper.
    """

    def __init__(self, config: Re3Config, context: RewardContext) -> None:
        features = FrozenFeatures(context, config.keys, config.width, config.name)
        super().__init__(config, context.device, features)
        self._memory = RingBuffer(context.num_envs, config.cap, config.width, torch.float32, self.device)

    def bonus(self, code: Tensor) -> Tensor:
        """Equation 3; k is clamped to what is known."""
        away = self._memory.nearest(code, self.config.k)
        return away.masked_fill(away.isinf(), 0.0).amax(1).log1p()

    def add(self, code: Tensor, mask: Tensor) -> None:
        """Remember the observation."""
        self._memory.add(code, mask)

    def clear(self, mask: Tensor) -> None:
        """Forget all observations."""
        self._memory.clear(mask)
