"""Coin flips: the mean of n fresh vectors of signs has a squared length of 1 / n."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from robonav.rewards.config import RewardContext
from robonav.rewards.visit_means import VisitMeansConfig, VisitMeansReward


@dataclass(frozen=True)
class CoinFlipConfig(VisitMeansConfig):
    """Options of coin flips."""

    name: ClassVar[str] = "coin-flip"
    source: ClassVar[str] = "Lobel et al. 2023, Flipping coins to estimate pseudocounts, arXiv 2306.03186"

    def build(self, context: RewardContext) -> CoinFlip:
        """The reward for an environment."""
        return CoinFlip(self, context)


class CoinFlip(VisitMeansReward):
    """Coin-flip pseudo-counts (Lobel et al. 2023): sqrt(mean f^2), where f regresses fresh vectors of +-1.

    After n visits the reward is about 1 / sqrt(n). f begins as a random prior of variance 1, so that what was
    never seen pays about 1.
    """

    def start(self, inputs: int) -> Tensor:
        """The prior; features have length 1, so f has variance 1."""
        return torch.randn(inputs, self.config.outputs)

    def draws(self, features: Tensor) -> Tensor:
        """Signs."""
        shape = (len(features), self.config.outputs)
        return 2.0 * torch.randint(2, shape, generator=self.generator).to(features) - 1.0

    def bonus_of(self, features: Tensor) -> Tensor:
        """About 1 / sqrt(n)."""
        predicted: Tensor = self.networks["regression"](features)
        return predicted.square().mean(-1).sqrt()
