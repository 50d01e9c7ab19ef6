"""Elliptical episodic bonuses: how far an observation is from the span of the episode's others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robonav.errors import UsageError
from robonav.rewards.config import RewardContext
from robonav.rewards.features import Batch, Encoder, mlp
from robonav.rewards.learned import LearnedConfig, LearnedReward, StepTensors
from robonav.rewards.protocol import Snapshot


@dataclass(frozen=True)
class E3bConfig(LearnedConfig):
    """Options of elliptical bonuses.

    Raises:
        UsageError: A number is out of its range.
    """

    name: ClassVar[str] = "e3b"
    source: ClassVar[str] = (
        "Henaff et al. 2022, Exploration via elliptical episodic bonuses, arXiv 2210.05805"
    )
    episodic: ClassVar[bool] = True

    code: int = 64
    """Numbers of a code; the inverse covariance of each agent has so many rows."""
    ridge: float = 0.1
    """Diagonal of the covariance before anything was seen."""

    def __post_init__(self) -> None:
        """Check ranges."""
        super().__post_init__()
        if self.ridge <= 0 or self.code < 1:
            raise UsageError(
                f"reward {self.name} has ridge {self.ridge} and code {self.code}: "
                "ridge has to be above 0, and code 1 or more"
            )

    def build(self, context: RewardContext) -> E3b:
        """The reward for an environment."""
        return E3b(self, context)


class E3b(LearnedReward):
    """phi^T C^-1 phi with C = ridge I + sum of phi phi^T of the episode (Henaff et al. 2022, eq. 1).

    phi is taught by inverse dynamics, as in the paper: which action led from one observation to the next.
    With `learns=False` it stays random. C^-1 is kept by Sherman-Morrison.
    """

    def build(self) -> dict[str, nn.Module]:
        """Encoder and inverse model."""
        width, code = self.config.width, self.config.code
        # normalised, or the inverse model would let codes, and so the reward, grow for ever
        encoder = nn.Sequential(
            Encoder(self.read.shapes, width, code), nn.LayerNorm(code, elementwise_affine=False)
        )
        return {"encoder": encoder, "inverse": mlp(2 * code, width, self.read_action.width)}

    def blank(self, num_envs: int) -> dict[str, Tensor]:
        """C^-1 (N, D, D) of each agent."""
        start = torch.eye(self.config.code, device=self.device) / self.config.ridge
        return {"inverse": start.repeat(num_envs, 1, 1)}

    def reset(self, mask: NDArray[np.bool_], first: Snapshot) -> None:
        """Begin with the ridge, and count the first observations."""
        super().reset(mask, first)
        if mask.any():
            chosen = torch.as_tensor(mask, device=self.device)
            fresh = self.blank(len(mask))["inverse"]
            self.memory["inverse"] = torch.where(chosen[:, None, None], fresh, self.memory["inverse"])
            self._add(self._code(self.read(first)), chosen)

    def bonus(self, steps: StepTensors) -> Tensor:
        """phi^T C^-1 phi of what the action led to."""
        code = self._code(steps.after)
        return torch.einsum("nd,nde,ne->n", code, self.memory["inverse"], code)

    def took_in(self, steps: StepTensors) -> None:
        """Count what the action led to."""
        self._add(self._code(steps.after), torch.ones_like(steps.first))

    def loss(self, steps: StepTensors) -> tuple[Tensor, dict[str, Tensor]]:
        """The inverse model's: how far its guess is from the action."""
        before, after = (self.networks["encoder"](self.scale(seen)) for seen in (steps.before, steps.after))
        guess = self.networks["inverse"](torch.cat([before, after], dim=-1))
        return self.read_action.loss(guess, steps.action).mean(), {}

    @torch.no_grad()
    def _code(self, seen: Batch) -> Tensor:
        code: Tensor = self.networks["encoder"](self.scale(seen))
        return code

    def _add(self, code: Tensor, mask: Tensor) -> None:
        """Sherman-Morrison: C^-1 - u u^T / (1 + phi^T u) with u = C^-1 phi."""
        inverse = self.memory["inverse"]
        u = torch.einsum("nde,ne->nd", inverse, code)
        change = torch.einsum("nd,ne->nde", u, u) / (1.0 + (code * u).sum(1))[:, None, None]
        self.memory["inverse"] = inverse - change * mask[:, None, None]
