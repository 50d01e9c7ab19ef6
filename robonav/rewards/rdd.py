"""Random distribution distillation: how far a regression on noisy targets is from their mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from robonav.rewards.config import RewardContext
from robonav.rewards.visit_means import RidgeRegression, VisitMeansConfig, VisitMeansReward


@dataclass(frozen=True)
class RddConfig(VisitMeansConfig):
    """Options of random distribution distillation."""

    name: ClassVar[str] = "rdd"
    source: ClassVar[str] = "Fang et al. 2025, Random distribution distillation, eq. 11, arXiv 2505.11044"

    sigma: float = 1.0
    """Deviation of the targets around their mean."""
    target_mean: float = 0.0
    """Shift of the targets' mean (an ablation of the paper takes 1)."""

    def build(self, context: RewardContext) -> RandomDistributionDistillation:
        """The reward for an environment."""
        return RandomDistributionDistillation(self, context)


class RandomDistributionDistillation(VisitMeansReward):
    """RDD (Fang et al. 2025): |f - mu|^2 / (d sigma^2), where f regresses fresh draws of N(mu, sigma^2).

    mu is a fixed random function of the observation. After n visits the reward is about 1 / n (lemma 4.1),
    before the first one about 1 at sigma 1. Logged are the part that n explains, `count`, and the rest,
    `discrepancy`.
    """

    def build(self) -> dict[str, nn.Module]:
        """The regression, and the mean of its targets."""
        mean = nn.Linear(2 * self.config.frequencies, self.config.outputs)
        nn.init.normal_(mean.weight)  # features have length 1: numbers of variance 1
        nn.init.constant_(mean.bias, self.config.target_mean)
        return {**super().build(), "mean": mean.requires_grad_(False)}

    def start(self, inputs: int) -> Tensor:
        """Nothing is expected."""
        return torch.zeros(inputs, self.config.outputs)

    def draws(self, features: Tensor) -> Tensor:
        """Of N(mu, sigma^2)."""
        mean: Tensor = self.networks["mean"](features)
        return mean + self.config.sigma * self.draw(*mean.shape)

    def bonus_of(self, features: Tensor) -> Tensor:
        """Equation 11, in variances of a draw."""
        apart: Tensor = self.networks["regression"](features) - self.networks["mean"](features)
        return apart.square().mean(-1) / self.config.sigma**2

    def compare(self, features: Tensor) -> dict[str, float]:
        """The reward, its part that the number of visits explains, and the rest."""
        regression: RidgeRegression = self.networks["regression"]  # type: ignore[assignment]
        bonus, count = self.bonus_of(features).mean(), regression.leverage(features).mean()
        return {"bonus": float(bonus), "count": float(count), "discrepancy": float(bonus - count)}
