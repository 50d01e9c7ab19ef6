"""Learning-progress monitoring: paid is what the model learned, not what it still gets wrong."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar

from gymnasium import spaces
from torch import Tensor, nn

from robonav.rewards.config import RewardContext
from robonav.rewards.features import Network
from robonav.rewards.icm import check_actions
from robonav.rewards.learned import Batch, LearnedConfig, LearnedReward

_NOTHING = spaces.Dict({})


@dataclass(frozen=True)
class LpmConfig(LearnedConfig):
    """LPM: by how much the model foretells a step better than its former self is expected to."""

    renew: int = 8
    """Updates after which the present model becomes the former one."""

    name: ClassVar[str] = "lpm"
    source: ClassVar[str] = "2509.25438: expected error of the former model - error of the present one"

    def build(self, context: RewardContext) -> LearningProgress:
        """The reward for an environment."""
        check_actions(self.name, context.action_space)
        return LearningProgress(self, context)


class LearningProgress(LearnedReward):
    """E(o, a) - |F(g(o), a) - g(o')|^2, where E expects the error of the former forward model.

    Where a step is noise, the former model was as wrong as the present one: the mean of what is paid is 0.
    """

    def build(self) -> nn.ModuleDict:
        """A fixed random encoder, the model, its former self, and what expects the error of the latter."""
        code, hidden, width = self.config.outputs, self.config.hidden, self.action_width
        model = Network(_NOTHING, code, hidden, extra=code + width)
        return nn.ModuleDict(
            {
                "encoder": Network(self.space, code, hidden).requires_grad_(False),
                "model": model,
                "former": deepcopy(model).requires_grad_(False),
                "expected": Network(_NOTHING, 1, hidden, extra=code + width),
            }
        )

    def bonus(self, step: Batch) -> Tensor:
        """Reward (B,): expected error of the former model less that of the present one."""
        return self._expected(step) - self._error("model", step)

    def learn(self, batch: Batch) -> dict[str, float]:
        """Learn the model, and what error its former self has."""
        assert isinstance(self.config, LpmConfig)
        error = self._error("model", batch).mean()
        surprise = (self._expected(batch) - self._error("former", batch).detach()).square().mean()
        self.descend(error + surprise)
        if self.updates % self.config.renew == 0:
            self.networks["former"].load_state_dict(self.networks["model"].state_dict())
        return {"loss": float(error.detach()), "expected_loss": float(surprise.detach())}

    def _expected(self, step: Batch) -> Tensor:
        found: Tensor = self.networks["expected"]({}, self.networks["encoder"](step.before), step.action)
        return found.squeeze(-1)

    def _error(self, model: str, step: Batch) -> Tensor:
        foretold = self.networks[model]({}, self.networks["encoder"](step.before), step.action)
        error: Tensor = (foretold - self.networks["encoder"](step.after)).square().mean(-1)
        return error
