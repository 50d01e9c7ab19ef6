"""Random network distillation: the prediction error of a network that learns a fixed random one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robonav.envs.world import Frames
from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.learner import Learner, LearnsFromFrames, mlp, the_predictor


class RandomNetworkDistillation:
    """RND (Burda et al. 2019): the error of a predictor of what a fixed random network says of a frame.

    It remembers across episodes, not within one: what was seen often, in any house, is no news. Its input is
    the frozen predictor's features, in standard deviations; it learns from each frame once, by one Adam step.

    Args:
        num_envs: Number of environments.
        predictor: The frozen predictor, which has `config.features` outputs.
        seed: Decides the random networks.
        width: Hidden units.
        outputs: Numbers that are predicted.
        learning_rate: Of Adam.
    """

    def __init__(
        self,
        num_envs: int,
        predictor: nn.Module,
        seed: int = 0,
        width: int = 256,
        outputs: int = 64,
        learning_rate: float = 1e-4,
    ) -> None:
        def build(features: int) -> nn.ModuleDict:
            target = mlp(features, width, outputs).requires_grad_(False)
            return nn.ModuleDict({"target": target, "predictor": mlp(features, width, width, outputs)})

        self._learner = Learner(num_envs, predictor, build, learning_rate, seed)

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Know that new episodes begin; what was learned stays."""
        self._learner.reset(env_ids)

    def compute(self, frames: Frames) -> NDArray[np.float32]:
        """Reward (N,): mean squared error of the prediction."""
        with torch.no_grad():
            return self._error(self._learner.look(frames)).numpy()

    def update(self, frames: Frames) -> None:
        """Learn to predict these frames, unless they are first ones."""
        goes_on = self._learner.goes_on.copy()
        self._learner.goes_on[:] = True
        if goes_on.any():
            features = self._learner.look(frames)[torch.as_tensor(goes_on)]
            self._learner.take_in(features)
            self._learner.descend(self._error(features).mean())

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Both networks, Adam's moments, statistics of features."""
        return self._learner.state_dict()

    def load_state_dict(self, state: dict[str, NDArray[Any]]) -> None:
        """Restore what `state_dict` gave."""
        self._learner.load_state_dict(state)

    def _error(self, features: Tensor) -> Tensor:
        """(B,) of features (B, F)."""
        networks, scaled = self._learner.networks, self._learner.standardised(features)
        error: Tensor = (networks["predictor"](scaled) - networks["target"](scaled)).square().mean(-1)
        return error


@dataclass(frozen=True)
class RndConfig(RewardConfig):
    """Pays for images whose features a predictor of a random network does not know yet."""

    name = "rnd"
    source = "Burda et al. 2019: error of a predictor of a fixed random network"

    def build(self, context: RewardContext) -> LearnsFromFrames:
        """The reward, which reads features of robonav's predictor.

        Raises:
            UsageError: There is no predictor, or no world whose images it reads.
        """
        predictor = the_predictor(context, self.name)
        return LearnsFromFrames(RandomNetworkDistillation(context.num_envs, predictor, context.seed))
