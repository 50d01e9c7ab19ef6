"""Disagreement: models that learned the same differ where there is something left to learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from robonav.rewards.config import RewardContext
from robonav.rewards.features import Batch, Encoder, frozen_random, mlp
from robonav.rewards.learned import LearnedConfig, LearnedReward, StepTensors


@dataclass(frozen=True)
class DisagreementConfig(LearnedConfig):
    """Options of disagreement."""

    name: ClassVar[str] = "disagreement"
    source: ClassVar[str] = "Pathak et al. 2019, Exploration via disagreement, eq. 1, arXiv 1906.04161"

    code: int = 64
    """Width of the random space in which they foretell."""
    models: int = 5
    """Forward models."""

    def build(self, context: RewardContext) -> Disagreement:
        """The reward for an environment."""
        return Disagreement(self, context)


class Disagreement(LearnedReward):
    """Variance of an ensemble of forward models (Pathak et al. 2019, eq. 1), averaged over the code.

    They differ by initial weights, and by which half of the samples, drawn anew, each learns from. All come
    to foretell the mean of what is pure noise, so noise pays little once it was seen often.
    """

    def build(self) -> dict[str, nn.Module]:
        """A fixed random encoder, and the models."""
        width, code, actions = self.config.width, self.config.code, self.read_action.width
        encoder = frozen_random(Encoder(self.read.shapes, width, code))
        models = [mlp(code + actions, width, code) for _ in range(self.config.models)]
        return {
            "encoder": nn.Sequential(encoder, nn.LayerNorm(code, elementwise_affine=False)),
            "models": nn.ModuleList(models),
        }

    def loss(self, steps: StepTensors) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean squared error of each model on its half."""
        foretold, after = self._foretold(steps), self._code(steps.after)
        error = (foretold - after).square().mean(-1)
        half = torch.rand(error.shape, generator=self.generator).to(self.device) < 0.5
        return (error * half).sum() / half.sum().clamp(min=1), {}

    def bonus(self, steps: StepTensors) -> Tensor:
        """The variance over models."""
        return self._foretold(steps).var(0, unbiased=False).mean(-1)

    def _foretold(self, steps: StepTensors) -> Tensor:
        """(K, B, D)."""
        known = torch.cat([self._code(steps.before), steps.action], dim=-1)
        models: nn.ModuleList = self.networks["models"]  # type: ignore[assignment]
        return torch.stack([model(known) for model in models])

    def _code(self, seen: Batch) -> Tensor:
        code: Tensor = self.networks["encoder"](self.scale(seen))
        return code
