"""Random network distillation: the error of a network that learns a fixed random one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from robonav.rewards.config import RewardContext
from robonav.rewards.features import Network
from robonav.rewards.learned import Batch, LearnedConfig, LearnedReward


@dataclass(frozen=True)
class RndConfig(LearnedConfig):
    """RND: what was often seen, in any episode, is no news."""

    learning_rate: float = 1e-4
    """Of Adam."""

    name: ClassVar[str] = "rnd"
    source: ClassVar[str] = "Burda et al. 2019 (1810.12894), section 2.2"

    def build(self, context: RewardContext) -> RandomNetworkDistillation:
        """The reward for an environment."""
        return RandomNetworkDistillation(self, context)


class RandomNetworkDistillation(LearnedReward):
    """mean_d (f(o') - g(o'))^2 with a fixed random network g that f learns."""

    def build(self) -> nn.ModuleDict:
        """Target and predictor, alike."""
        target, predictor = (Network(self.space, self.config.outputs, self.config.hidden) for _ in range(2))
        return nn.ModuleDict({"target": target.requires_grad_(False), "predictor": predictor})

    def bonus(self, step: Batch) -> Tensor:
        """Reward (B,): mean squared error."""
        error: Tensor = self.networks["predictor"](step.after) - self.networks["target"](step.after)
        return error.square().mean(-1)

    def learn(self, batch: Batch) -> dict[str, float]:
        """Learn the target."""
        loss = self.bonus(batch).mean()
        self.descend(loss)
        return {"loss": float(loss.detach())}
