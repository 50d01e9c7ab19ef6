"""Learning progress: how much better a model foretells a step than the one before it was expected to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from robonav.rewards.config import RewardContext
from robonav.rewards.features import Batch, Encoder, frozen_random, mlp
from robonav.rewards.learned import LearnedConfig, LearnedReward, Steps


@dataclass(frozen=True)
class LpmConfig(LearnedConfig):
    """Options of learning progress monitoring."""

    name: ClassVar[str] = "lpm"
    source: ClassVar[str] = "Learning progress monitoring, 2025, arXiv 2509.25438"

    code: int = 64
    """Width of the random space in which it foretells."""
    epochs: int = 4
    """How often it goes through what was gathered; progress is what that brings."""

    def build(self, context: RewardContext) -> LearningProgress:
        """The reward for an environment."""
        return LearningProgress(self, context)


class LearningProgress(LearnedReward):
    """LPM (arXiv 2509.25438): expected error of the previous model minus the error of the current one.

    A second model learns, from the step and the action, the error that the first one made before its last
    training. Pure noise pays 0 on average: no training lowers its error. The reward may be negative.
    """

    def build(self) -> dict[str, nn.Module]:
        """A fixed random encoder, the model, and the model of its error."""
        width, code, actions = self.config.width, self.config.code, self.read_action.width
        encoder = frozen_random(Encoder(self.read.shapes, width, code))
        return {
            "encoder": nn.Sequential(encoder, nn.LayerNorm(code, elementwise_affine=False)),
            "dynamics": mlp(code + actions, width, code),
            "expected": mlp(code + actions, width, 1),
        }

    def train(self, gathered: Steps) -> dict[str, float]:
        """The model of errors learns those of the model as it is; then the model learns the steps."""
        flat = gathered.flat()
        with torch.no_grad():
            known, after = self._known(flat), self._code(flat.after)
            errors = self._error(known, after)
        logs = []
        for _ in range(self.config.epochs):
            for rows in self.minibatches(len(errors)):
                apart = self.networks["expected"](known[rows])[:, 0] - errors[rows]
                error = self._error(known[rows], after[rows]).mean()
                expected = apart.square().mean()
                if self.config.learns:
                    self.step(self.optimizers[0], error + expected)
                logs.append((float(error.detach()), float(expected.detach())))
        error_mean, expected_mean = torch.tensor(logs).mean(0).tolist()
        return {"error": error_mean, "expected_error": expected_mean, "previous_error": float(errors.mean())}

    def bonus(self, steps: Steps) -> Tensor:
        """Progress on the step."""
        known = self._known(steps)
        expected: Tensor = self.networks["expected"](known)[:, 0]
        return expected - self._error(known, self._code(steps.after))

    def _error(self, known: Tensor, after: Tensor) -> Tensor:
        foretold: Tensor = self.networks["dynamics"](known)
        return (foretold - after).square().mean(-1)

    def _known(self, steps: Steps) -> Tensor:
        return torch.cat([self._code(steps.before), steps.action], dim=-1)

    def _code(self, seen: Batch) -> Tensor:
        code: Tensor = self.networks["encoder"](self.scale(seen))
        return code
