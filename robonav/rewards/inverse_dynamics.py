"""The intrinsic curiosity module: the surprise of a model that foretells what a motion will show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from robonav.envs.navigation.steps import FORWARD, FORWARD_M, LEFT, NUM_ACTIONS, RIGHT, TURN_RAD
from robonav.envs.world import Frames
from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.learner import Learner, LearnsFromFrames, mlp, the_predictor

MOTIONS = NUM_ACTIONS + 1  # none, then the actions


def motion_class(motion: NDArray[np.float32]) -> NDArray[np.int64]:
    """The step (N,) that comes nearest to a motion (N, 3): action + 1, or 0 where hardly anything moved."""
    turned = motion[:, 2]
    went = np.linalg.norm(motion[:, :2], axis=1) > FORWARD_M / 2
    cases = [turned > TURN_RAD / 2, turned < -TURN_RAD / 2, went]
    return np.select(cases, [LEFT + 1, RIGHT + 1, FORWARD + 1], default=0).astype(np.int64)


class IntrinsicCuriosityModule:
    """ICM (Pathak et al. 2017): the error of a forward model in a space that tells motions apart.

    An encoder of the frozen predictor's features is taught by the inverse model (which motion led from one to
    the next, eq. 2); the forward model (eq. 4) does not teach it, or both would agree on a constant. It
    is told which motion was carried out, as odometry would tell it; no pose.

    Args:
        num_envs: Number of environments.
        predictor: The frozen predictor, which has `config.features` outputs.
        seed: Decides initial weights.
        width: Hidden units.
        code: Width of the space in which the forward model predicts.
        forward_weight: Share of the forward model in the loss, beta of eq. 7.
        learning_rate: Of Adam.
    """

    def __init__(
        self,
        num_envs: int,
        predictor: nn.Module,
        seed: int = 0,
        width: int = 256,
        code: int = 64,
        forward_weight: float = 0.2,
        learning_rate: float = 3e-4,
    ) -> None:
        def build(features: int) -> nn.ModuleDict:
            return nn.ModuleDict(
                {
                    # normalised, or the inverse model would let codes, and so the reward, grow for ever
                    "encoder": mlp(features, width, code).append(
                        nn.LayerNorm(code, elementwise_affine=False)
                    ),
                    "inverse": mlp(2 * code, width, MOTIONS),
                    "forward_model": mlp(code + MOTIONS, width, code),
                }
            )

        self._forward_weight = forward_weight
        self._learner = Learner(num_envs, predictor, build, learning_rate, seed)
        self._before: Tensor | None = None

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Forget the last frames of these environments; what was learned stays."""
        self._learner.reset(env_ids)

    def compute(self, frames: Frames) -> NDArray[np.float32]:
        """Reward (N,): half the squared error of the forward model (eq. 6); 0 for a first frame."""
        if self._before is None:
            return np.zeros(len(frames.yaw), np.float32)
        seen_before = self._before
        with torch.no_grad():
            code = self._encode(seen_before), self._encode(self._learner.look(frames))
            error = self._forward_error(*code, torch.as_tensor(motion_class(frames.motion))).numpy()
        return np.where(self._learner.goes_on, error, 0.0).astype(np.float32)

    def update(self, frames: Frames) -> None:
        """Learn from the transitions to these frames, and remember them."""
        seen = self._learner.look(frames)
        if self._before is not None and self._learner.goes_on.any():
            seen_before = self._before
            goes_on = torch.as_tensor(self._learner.goes_on)
            self._learner.take_in(seen[goes_on])
            motion = torch.as_tensor(motion_class(frames.motion))[goes_on]
            self._learner.descend(self._loss(seen_before[goes_on], seen[goes_on], motion))
        self._before = seen
        self._learner.goes_on[:] = True

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """The three networks, Adam's moments, statistics of features."""
        return self._learner.state_dict()

    def load_state_dict(self, state: dict[str, NDArray[Any]]) -> None:
        """Restore what `state_dict` gave."""
        self._learner.load_state_dict(state)

    def _encode(self, features: Tensor) -> Tensor:
        code: Tensor = self._learner.networks["encoder"](self._learner.standardised(features))
        return code

    def _forward_error(self, before: Tensor, after: Tensor, motion: Tensor) -> Tensor:
        """(B,) of codes (B, D) and motions (B,)."""
        known = torch.cat([before, F.one_hot(motion, MOTIONS).float()], dim=-1)
        error: Tensor = (self._learner.networks["forward_model"](known) - after).square().sum(-1)
        return 0.5 * error

    def _loss(self, seen_before: Tensor, seen: Tensor, motion: Tensor) -> Tensor:
        before, after = self._encode(seen_before), self._encode(seen)
        guess = self._learner.networks["inverse"](torch.cat([before, after], dim=-1))
        forward = self._forward_error(before.detach(), after.detach(), motion).mean()
        return (1 - self._forward_weight) * F.cross_entropy(guess, motion) + self._forward_weight * forward


@dataclass(frozen=True)
class IcmConfig(RewardConfig):
    """Pays where a forward model in a space that tells motions apart is wrong."""

    name = "icm"
    source = "Pathak et al. 2017, eq. 6: error of a forward model"

    def build(self, context: RewardContext) -> LearnsFromFrames:
        """The reward, which reads features of robonav's predictor.

        Raises:
            UsageError: There is no predictor, or no world whose images it reads.
        """
        predictor = the_predictor(context, self.name)
        return LearnsFromFrames(IntrinsicCuriosityModule(context.num_envs, predictor, context.seed))
