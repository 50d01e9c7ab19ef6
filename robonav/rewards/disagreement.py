"""Disagreement of an ensemble: where models that learned from the same steps foretell different things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from gymnasium import spaces
from torch import Tensor, nn

from robonav.rewards.config import RewardContext
from robonav.rewards.features import Network
from robonav.rewards.icm import check_actions
from robonav.rewards.learned import Batch, LearnedConfig, LearnedReward

_NOTHING = spaces.Dict({})


@dataclass(frozen=True)
class DisagreementConfig(LearnedConfig):
    """Disagreement: the variance of what an ensemble of forward models foretells."""

    models: int = 4
    """Forward models; each learns from a share of the steps of its own."""

    name: ClassVar[str] = "disagreement"
    source: ClassVar[str] = "Pathak et al. 2019 (1906.04161), eq. 1"

    def build(self, context: RewardContext) -> Disagreement:
        """The reward for an environment."""
        check_actions(self.name, context.action_space)
        return Disagreement(self, context)


class Disagreement(LearnedReward):
    """mean_d Var_k F_k(g(o), a) with a fixed random encoder g; noise that all models average is not paid."""

    def build(self) -> nn.ModuleDict:
        """The encoder, which stays as it was drawn, and the ensemble."""
        assert isinstance(self.config, DisagreementConfig)
        code, hidden = self.config.outputs, self.config.hidden
        encoder = Network(self.space, code, hidden).requires_grad_(False)
        models = [
            Network(_NOTHING, code, hidden, extra=code + self.action_width) for _ in range(self.config.models)
        ]
        return nn.ModuleDict({"encoder": encoder, "models": nn.ModuleList(models)})

    def bonus(self, step: Batch) -> Tensor:
        """Reward (B,): variance over models, mean over the code."""
        return self._foretold(step).var(0, unbiased=False).mean(-1)

    def learn(self, batch: Batch) -> dict[str, float]:
        """Each model learns from half of the steps, drawn anew."""
        target = self.networks["encoder"](batch.after)
        error = (self._foretold(batch) - target).square().mean(-1)
        chosen = torch.rand(error.shape, generator=self.rng).to(error.device) < 0.5
        loss = (error * chosen).sum() / chosen.sum().clamp(min=1)
        self.descend(loss)
        return {"loss": float(loss.detach())}

    def _foretold(self, step: Batch) -> Tensor:
        """(K, B, D)."""
        code = self.networks["encoder"](step.before)
        models = self.networks["models"].children()
        return torch.stack([model({}, code, step.action) for model in models])
