"""Random network distillation: the error of a network that learns what a fixed random one says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from robonav.rewards.config import RewardContext
from robonav.rewards.features import Batch, Encoder, frozen_random
from robonav.rewards.learned import LearnedConfig, LearnedReward, StepTensors


@dataclass(frozen=True)
class RndConfig(LearnedConfig):
    """Options of random network distillation."""

    name: ClassVar[str] = "rnd"
    source: ClassVar[str] = "Burda et al. 2019, Exploration by random network distillation, arXiv 1810.12894"

    outputs: int = 64
    """Numbers that are predicted."""
    learning_rate: float = 1e-4
    """Of Adam."""

    def build(self, context: RewardContext) -> RandomNetworkDistillation:
        """The reward for an environment."""
        return RandomNetworkDistillation(self, context)


class RandomNetworkDistillation(LearnedReward):
    """RND (Burda et al. 2019, section 2.2): mean squared error of a predictor on what an action led to."""

    def build(self) -> dict[str, nn.Module]:
        """A fixed target, and a predictor with one layer more."""
        width, outputs = self.config.width, self.config.outputs
        return {
            "target": frozen_random(Encoder(self.read.shapes, width, outputs)),
            "predictor": Encoder(self.read.shapes, width, width, outputs),
        }

    def loss(self, steps: StepTensors) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean error."""
        return self._error(steps.after).mean(), {}

    def bonus(self, steps: StepTensors) -> Tensor:
        """The error (N,) of each agent."""
        return self._error(steps.after)

    def _error(self, seen: Batch) -> Tensor:
        scaled = self.scale(seen)
        error: Tensor = (
            (self.networks["predictor"](scaled) - self.networks["target"](scaled)).square().mean(-1)
        )
        return error
