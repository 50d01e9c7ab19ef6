"""Distributional random network distillation: a predictor of the mean of many random networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from robonav.rewards.config import RewardContext
from robonav.rewards.features import Batch, Encoder, frozen_random
from robonav.rewards.learned import LearnedConfig, LearnedReward, StepTensors


@dataclass(frozen=True)
class DrndConfig(LearnedConfig):
    """Options of distributional random network distillation."""

    name: ClassVar[str] = "drnd"
    source: ClassVar[str] = "Yang et al. 2024, Exploration and anti-exploration with DRND, arXiv 2401.09750"

    outputs: int = 64
    """Numbers that are predicted."""
    targets: int = 10
    """Fixed random networks; each sample trains towards one of them, drawn anew."""
    alpha: float = 0.9
    """Weight of the distance to the mean; the rest is for the pseudo-count."""

    def build(self, context: RewardContext) -> DistributionalDistillation:
        """The reward for an environment."""
        return DistributionalDistillation(self, context)


def drnd_bonus(predicted: Tensor, targets: Tensor, alpha: float) -> Tensor:
    """DRND's bonus (B,) of predictions (B, D) and the answers (K, B, D) of K targets.

    alpha |f - mu|^2 + (1 - alpha) sqrt((f^2 - mu^2) / (B2 - mu^2)), means over D, with mu and B2 the first
    two moments over targets; the ratio, an estimate of 1 / n, is kept in [0, 1].
    """
    mean, second = targets.mean(0), targets.square().mean(0)
    distance = (predicted - mean).square().mean(-1)
    ratio = (predicted.square() - mean.square()).abs() / (second - mean.square()).clamp(min=1e-6)
    return alpha * distance + (1 - alpha) * ratio.clamp(0.0, 1.0).sqrt().mean(-1)


class DistributionalDistillation(LearnedReward):
    """DRND (Yang et al. 2024): RND's error and a pseudo-count, both from a set of random targets."""

    def build(self) -> dict[str, nn.Module]:
        """Fixed targets, and one predictor."""
        width, outputs = self.config.width, self.config.outputs
        shapes = self.read.shapes
        targets = [frozen_random(Encoder(shapes, width, outputs)) for _ in range(self.config.targets)]
        return {"targets": nn.ModuleList(targets), "predictor": Encoder(shapes, width, width, outputs)}

    def loss(self, steps: StepTensors) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean squared error towards one target a sample."""
        predicted, targets = self._said(steps.after)
        drawn = torch.randint(len(targets), (len(predicted),), generator=self.generator).to(self.device)
        chosen = targets[drawn, torch.arange(len(predicted), device=self.device)]
        return (predicted - chosen).square().mean(), {}

    def bonus(self, steps: StepTensors) -> Tensor:
        """Of what the action led to."""
        return drnd_bonus(*self._said(steps.after), self.config.alpha)

    def _said(self, seen: Batch) -> tuple[Tensor, Tensor]:
        scaled = self.scale(seen)
        targets: nn.ModuleList = self.networks["targets"]  # type: ignore[assignment]
        return self.networks["predictor"](scaled), torch.stack([target(scaled) for target in targets])
