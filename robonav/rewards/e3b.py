"""Elliptical episodic bonuses: how far an observation is from the span of the episode's others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from robonav.errors import UsageError
from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.episodic_memory import EpisodicReward, FrozenFeatures
from robonav.rewards.protocol import Snapshot


@dataclass(frozen=True)
class E3bConfig(RewardConfig):
    """Options of elliptical bonuses.

    Raises:
        UsageError: A number is out of its range.
    """

    name: ClassVar[str] = "e3b"
    source: ClassVar[str] = (
        "Henaff et al. 2022, Exploration via elliptical episodic bonuses, arXiv 2210.05805"
    )
    episodic: ClassVar[bool] = True

    keys: tuple[str, ...] | None = None
    """Entries of the observation that it reads; None = all."""
    width: int = 64
    """Numbers of a feature vector."""
    ridge: float = 0.1
    """What the covariance begins with."""

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.ridge <= 0 or self.width < 1:
            raise UsageError(
                f"reward {self.name} has ridge {self.ridge} and width {self.width}: "
                "ridge has to be above 0, and width 1 or more"
            )

    def build(self, context: RewardContext) -> E3b:
        """The reward for an environment."""
        return E3b(self, context)


class E3b(EpisodicReward):
    """phi^T C^-1 phi with C = ridge I + sum of phi phi^T of the episode (Henaff et al. 2022, eq. 1).

    phi is a frozen random network, not the paper's inverse dynamics. C^-1 is kept by Sherman-Morrison.
    """

    def __init__(self, config: E3bConfig, context: RewardContext) -> None:
        super().__init__(config, context)
        self._features = FrozenFeatures(context, config.keys, config.width, config.name)
        self._start = torch.eye(config.width, device=self.device) / config.ridge
        self._inverse = self._start.repeat(context.num_envs, 1, 1)

    def code(self, seen: Snapshot) -> Tensor:
        """Features (N, D)."""
        return self._features(seen)

    def bonus(self, code: Tensor) -> Tensor:
        """phi^T C^-1 phi."""
        return torch.einsum("nd,nde,ne->n", code, self._inverse, code)

    def add(self, code: Tensor, mask: Tensor) -> None:
        """Sherman-Morrison: C^-1 - u u^T / (1 + phi^T u) with u = C^-1 phi."""
        u = torch.einsum("nde,ne->nd", self._inverse, code)
        change = torch.einsum("nd,ne->nde", u, u) / (1.0 + (code * u).sum(1))[:, None, None]
        self._inverse = self._inverse - change * mask[:, None, None]

    def clear(self, mask: Tensor) -> None:
        """Begin with the ridge."""
        self._inverse[mask] = self._start
