"""Learning progress: how much better a model foretells a step than the one that it was before."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from robonav.rewards.config import RewardContext
from robonav.rewards.features import Batch, Encoder, blend, frozen_random, mlp
from robonav.rewards.learned import LearnedConfig, LearnedReward, StepTensors


@dataclass(frozen=True)
class LpmConfig(LearnedConfig):
    """Options of learning progress monitoring."""

    name: ClassVar[str] = "lpm"
    source: ClassVar[str] = "Learning progress monitoring, 2025, arXiv 2509.25438"

    code: int = 64
    """Width of the random space in which it foretells."""
    epochs: int = 4
    """Passes over the gathered steps; progress is the error that they take away."""
    baseline: Literal["previous", "expected"] = "previous"
    """Error to compare with: of the previous model on the same step, or what a second model expects of it
    from observation and action (the paper), which mixes up noises that look alike."""
    keep: float = 0.9
    """Share of itself that the previous model keeps at each training; 0 = it is one training behind."""

    def build(self, context: RewardContext) -> LearningProgress:
        """The reward for an environment."""
        return LearningProgress(self, context)


class LearningProgress(LearnedReward):
    """LPM (arXiv 2509.25438): error of the previous model minus the error of the current one.

    No training lowers the error on pure noise for good, so noise pays nothing or a little less on average.
    The reward may be negative.
    """

    def build(self) -> dict[str, nn.Module]:
        """A fixed random encoder, the model, the one before, and the model of its error."""
        width, code, actions = self.config.width, self.config.code, self.read_action.width
        encoder = frozen_random(Encoder(self.read.shapes, width, code))
        dynamics = mlp(code + actions, width, code)
        return {
            "encoder": nn.Sequential(encoder, nn.LayerNorm(code, elementwise_affine=False)),
            "dynamics": dynamics,
            "previous": deepcopy(dynamics).requires_grad_(False),
            "expected": mlp(code + actions, width, 1),
        }

    def train(self, gathered: StepTensors) -> dict[str, float]:
        """The model of errors learns those of the model as it is; then the model learns the steps."""
        flat = gathered.flat()
        with torch.no_grad():
            known, after = self._known(flat), self._code(flat.after)
            errors = self._error("dynamics", known, after)
            progress = (self._error("previous", known, after) - errors).mean()
        if self.config.learns:
            blend(self.networks["previous"], self.networks["dynamics"], self.config.keep)
        logs = []
        for _ in range(self.config.epochs):
            for rows in self.minibatches(len(errors)):
                expected = (self.networks["expected"](known[rows])[:, 0] - errors[rows]).square().mean()
                error = self._error("dynamics", known[rows], after[rows]).mean()
                if self.config.learns:
                    self.step(self.optimizers[0], error + expected)
                logs.append(float(error.detach()))
        return {"error": sum(logs) / len(logs), "progress": float(progress)}

    def bonus(self, steps: StepTensors) -> Tensor:
        """Progress on the step."""
        known, after = self._known(steps), self._code(steps.after)
        if self.config.baseline == "previous":
            before = self._error("previous", known, after)
        else:
            before = self.networks["expected"](known)[:, 0]
        return before - self._error("dynamics", known, after)

    def _error(self, model: str, known: Tensor, after: Tensor) -> Tensor:
        foretold: Tensor = self.networks[model](known)
        return (foretold - after).square().mean(-1)

    def _known(self, steps: StepTensors) -> Tensor:
        return torch.cat([self._code(steps.before), steps.action], dim=-1)

    def _code(self, seen: Batch) -> Tensor:
        code: Tensor = self.networks["encoder"](self.scale(seen))
        return code
