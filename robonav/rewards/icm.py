"""The intrinsic curiosity module: the error of a model that foretells what an action leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from gymnasium import spaces
from torch import Tensor, nn
from torch.nn import functional as F

from robonav.errors import UsageError
from robonav.rewards.config import RewardContext
from robonav.rewards.features import Network
from robonav.rewards.learned import Batch, LearnedConfig, LearnedReward

_NOTHING = spaces.Dict({})


@dataclass(frozen=True)
class IcmConfig(LearnedConfig):
    """ICM: what a model of the world, in a space of what actions change, foretold wrongly."""

    forward_weight: float = 0.2
    """Share of the forward model in the loss, beta of eq. 7."""

    name: ClassVar[str] = "icm"
    source: ClassVar[str] = "Pathak et al. 2017 (1705.05363), eq. 2, 4, 6"

    def build(self, context: RewardContext) -> IntrinsicCuriosityModule:
        """The reward for an environment."""
        check_actions(self.name, context.action_space)
        return IntrinsicCuriosityModule(self, context)


def check_actions(reward: str, space: spaces.Space[object]) -> None:
    """Refuse actions that no model can foretell from.

    Raises:
        UsageError: They are of another kind.
    """
    if not isinstance(space, (spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary, spaces.Box)):
        raise UsageError(
            f"reward {reward} reads actions, which here are {space}: expected Discrete, MultiDiscrete, "
            "MultiBinary or Box"
        )


class IntrinsicCuriosityModule(LearnedReward):
    """|F(e(o), a) - e(o')|^2 / 2, where the inverse model, which tells a from e(o) and e(o'), teaches e.

    The forward model does not teach the encoder, or both would agree on a constant. Codes are normalised,
    or the encoder could make the reward grow for ever.
    """

    def build(self) -> nn.ModuleDict:
        """Encoder, inverse and forward model."""
        code, hidden, width = self.config.outputs, self.config.hidden, self.action_width
        return nn.ModuleDict(
            {
                "encoder": Network(self.space, code, hidden),
                "inverse": Network(_NOTHING, width, hidden, extra=2 * code),
                "forward_model": Network(_NOTHING, code, hidden, extra=code + width),
            }
        )

    def bonus(self, step: Batch) -> Tensor:
        """Reward (B,): half the squared error of the forward model."""
        return self._forward_error(self._encode(step.before), self._encode(step.after), step.action)

    def learn(self, batch: Batch) -> dict[str, float]:
        """Learn both models."""
        assert isinstance(self.config, IcmConfig)
        before, after = self._encode(batch.before), self._encode(batch.after)
        guess = self.networks["inverse"]({}, before, after)
        inverse = action_loss(self.context.action_space, guess, batch.action)
        forward = self._forward_error(before.detach(), after.detach(), batch.action).mean()
        share = self.config.forward_weight
        self.descend((1 - share) * inverse + share * forward)
        return {"inverse_loss": float(inverse.detach()), "forward_loss": float(forward.detach())}

    def _encode(self, inputs: dict[str, Tensor]) -> Tensor:
        return F.layer_norm(self.networks["encoder"](inputs), (self.config.outputs,))

    def _forward_error(self, before: Tensor, after: Tensor, action: Tensor) -> Tensor:
        foretold: Tensor = self.networks["forward_model"]({}, before, action)
        return 0.5 * (foretold - after).square().sum(-1)


def action_loss(space: spaces.Space[object], guess: Tensor, action: Tensor) -> Tensor:
    """How wrong a guess (B, F) of actions (B, F) is: cross entropy of whole numbers, else squared error."""
    if isinstance(space, spaces.Discrete):
        return F.cross_entropy(guess, action)
    if isinstance(space, spaces.MultiDiscrete):
        sizes = [int(n) for n in space.nvec.ravel()]
        parts = zip(guess.split(sizes, dim=-1), action.split(sizes, dim=-1), strict=True)
        return torch.stack([F.cross_entropy(g, a) for g, a in parts]).mean()
    return (guess - action).square().mean()
