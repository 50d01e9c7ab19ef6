"""The intrinsic curiosity module: the surprise of a model that foretells what an action will lead to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from robonav.rewards.config import RewardContext
from robonav.rewards.features import Batch, Encoder, mlp
from robonav.rewards.learned import LearnedConfig, LearnedReward, StepTensors


@dataclass(frozen=True)
class IcmConfig(LearnedConfig):
    """Options of the intrinsic curiosity module."""

    name: ClassVar[str] = "icm"
    source: ClassVar[str] = "Pathak et al. 2017, Curiosity-driven exploration, eq. 2-7, arXiv 1705.05363"

    code: int = 64
    """Width of the space in which it foretells."""
    forward_weight: float = 0.2
    """Share of the forward model in the loss, beta of eq. 7; the rest is the inverse model's."""
    forward_trains_encoder: bool = False
    """Whether the forward model's gradients reach the encoder, which then may agree on what is easy."""

    def build(self, context: RewardContext) -> IntrinsicCuriosity:
        """The reward for an environment."""
        return IntrinsicCuriosity(self, context)


class IntrinsicCuriosity(LearnedReward):
    """ICM (Pathak et al. 2017): the error of a forward model in a space that tells actions apart.

    The encoder is taught by the inverse model (eq. 2): which action led from one observation to the next.
    """

    def build(self) -> dict[str, nn.Module]:
        """Encoder, inverse and forward model."""
        width, code, actions = self.config.width, self.config.code, self.read_action.width
        # normalised, or the inverse model would let codes, and so the reward, grow for ever
        encoder = nn.Sequential(
            Encoder(self.read.shapes, width, code), nn.LayerNorm(code, elementwise_affine=False)
        )
        return {
            "encoder": encoder,
            "inverse": mlp(2 * code, width, actions),
            "forward_model": mlp(code + actions, width, code),
        }

    def loss(self, steps: StepTensors) -> tuple[Tensor, dict[str, Tensor]]:
        """Equation 7 without the policy's part."""
        before, after = self._code(steps.before), self._code(steps.after)
        guess = self.networks["inverse"](torch.cat([before, after], dim=-1))
        inverse = self.read_action.loss(guess, steps.action).mean()
        if not self.config.forward_trains_encoder:
            before, after = before.detach(), after.detach()
        forward, share = self._error(before, after, steps.action).mean(), self.config.forward_weight
        return (1 - share) * inverse + share * forward, {"inverse": inverse, "forward": forward}

    def bonus(self, steps: StepTensors) -> Tensor:
        """Half the squared error of the forward model (eq. 6)."""
        return self._error(self._code(steps.before), self._code(steps.after), steps.action)

    def _code(self, seen: Batch) -> Tensor:
        code: Tensor = self.networks["encoder"](self.scale(seen))
        return code

    def _error(self, before: Tensor, after: Tensor, action: Tensor) -> Tensor:
        foretold: Tensor = self.networks["forward_model"](torch.cat([before, action], dim=-1))
        return 0.5 * (foretold - after).square().sum(-1)
