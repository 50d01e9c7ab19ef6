"""E3B: how far a state lies outside of the ellipse of those that the episode has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn

from robonav.rewards.config import RewardContext
from robonav.rewards.features import Network
from robonav.rewards.icm import action_loss, check_actions
from robonav.rewards.learned import Batch, LearnedConfig, LearnedReward
from robonav.rewards.protocol import Snapshot, Transition

_NOTHING = spaces.Dict({})


@dataclass(frozen=True)
class E3bConfig(LearnedConfig):
    """E3B: an episodic bonus for states of any form, about 1/n of a state that was seen n times."""

    outputs: int = 32
    """Length of a state's code."""
    ridge: float = 0.1
    """Lambda: how much an episode is taken to have seen at its start."""
    encoder: Literal["inverse", "random"] = "inverse"
    """inverse = codes from which actions can be told, as in the paper; random = never learned."""

    name: ClassVar[str] = "e3b"
    source: ClassVar[str] = "Henaff et al. 2022 (2210.05805), eq. 2"
    episodic: ClassVar[bool] = True

    def build(self, context: RewardContext) -> EllipticalBonus:
        """The reward for an environment."""
        if self.encoder == "inverse":
            check_actions(self.name, context.action_space)
        return EllipticalBonus(self, context)


class EllipticalBonus(LearnedReward):
    """f(o')^T C^-1 f(o') with C = sum of f f^T over the episode + ridge I, inverted step by step.

    Codes change while the encoder learns, also within an episode, as in the authors' code.
    """

    config: E3bConfig

    def __init__(self, config: E3bConfig, context: RewardContext) -> None:
        super().__init__(config, context)
        self._start = torch.eye(config.outputs, device=context.device) / config.ridge
        self._inverse = self._start.repeat(context.num_envs, 1, 1)

    def build(self) -> nn.ModuleDict:
        """Encoder, and the inverse model that teaches it."""
        code, hidden = self.config.outputs, self.config.hidden
        encoder = Network(self.space, code, hidden).requires_grad_(self.config.encoder == "inverse")
        inverse = Network(_NOTHING, self.action_width, hidden, extra=2 * code)
        return nn.ModuleDict({"encoder": encoder, "inverse": inverse})

    def reset(self, mask: NDArray[np.bool_], first: Snapshot) -> None:
        """Forget the episodes of the agents in `mask` (N,), and take in where they begin."""
        chosen = torch.as_tensor(mask, device=self._inverse.device)
        self._inverse[chosen] = self._start
        self._take_in(self._codes(first), chosen)

    def compute(
        self,
        before: Snapshot,
        action: NDArray[Any],
        after: Snapshot,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Reward (N,): paid from the first step on, as it needs no training."""
        code = self._codes(after)
        paid: NDArray[np.float32] = torch.einsum("nd,nde,ne->n", code, self._inverse, code).cpu().numpy()
        return paid

    def update(self, step: Transition) -> dict[str, float]:
        """Take in where the step led to, and learn."""
        self._take_in(self._codes(step.after), torch.ones(len(step.terminated), dtype=torch.bool))
        return super().update(step)

    def learn(self, batch: Batch) -> dict[str, float]:
        """Learn to tell actions from codes; a random encoder stays as it is."""
        if self.config.encoder == "random":
            return {}
        encoder = self.networks["encoder"]
        guess = self.networks["inverse"]({}, encoder(batch.before), encoder(batch.after))
        loss = action_loss(self.context.action_space, guess, batch.action)
        self.descend(loss)
        return {"inverse_loss": float(loss.detach())}

    def _codes(self, seen: Snapshot) -> Tensor:
        with torch.no_grad():
            code: Tensor = self.networks["encoder"](self.read(seen))
        return code

    def _take_in(self, code: Tensor, chosen: Tensor) -> None:
        """Sherman and Morrison: (C + f f^T)^-1 of all agents at once."""
        across = torch.einsum("nde,ne->nd", self._inverse, code)
        scale = 1 + (code * across).sum(-1)
        less = torch.einsum("nd,ne->nde", across, across) / scale[:, None, None]
        self._inverse = torch.where(
            chosen[:, None, None].to(code.device), self._inverse - less, self._inverse
        )
