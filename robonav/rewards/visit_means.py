"""Rewards that count visits by the mean of random draws, whose variance falls with 1 / n."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robonav.errors import UsageError
from robonav.rewards.features import Batch, cnn, frozen_random
from robonav.rewards.learned import LearnedConfig, LearnedReward, StepTensors


@dataclass(frozen=True)
class VisitMeansConfig(LearnedConfig):
    """Options of rewards that count visits."""

    outputs: int = 64
    """Numbers that are drawn at each visit."""
    frequencies: int = 256
    """Of the Fourier features that tell observations apart; as many sines and cosines."""
    sharpness: float = 3.0
    """Observations count as one when they differ by less than about 1 / sharpness standard deviations."""
    ridge: float = 0.1
    """Draws that the start value is worth."""
    settle: int = 512
    """Samples that fix the scale of inputs; it pays nothing before."""

    def __post_init__(self) -> None:
        """Check ranges."""
        super().__post_init__()
        if self.ridge <= 0 or self.sharpness <= 0:
            raise UsageError(f"{self.name} has ridge {self.ridge}, sharpness {self.sharpness}: both above 0")


class FourierFeatures(nn.Module):
    """Random Fourier features of a standardised batch, of length 1 (Rahimi & Recht 2007).

    Images pass through a random convolutional network first. Nothing here is trained.

    Args:
        shapes: Of the entries.
        frequencies: Half of the features.
        sharpness: Deviation of the frequencies.
    """

    waves: Tensor

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], frequencies: int, sharpness: float) -> None:
        super().__init__()
        images = [key for key, shape in shapes.items() if len(shape) == 3]
        self._order = [*images, *[key for key in shapes if key not in images]]
        self.eyes = nn.ModuleList([frozen_random(cnn(shapes[key], 64)) for key in images])
        inputs = 64 * len(images) + sum(shape[0] for shape in shapes.values() if len(shape) == 1)
        self.register_buffer("waves", sharpness * torch.randn(inputs, frequencies))

    def forward(self, batch: Batch) -> Tensor:
        """(B, 2 frequencies)."""
        entries = [batch[key] for key in self._order]
        seen = [eye(entry) for eye, entry in zip(self.eyes, entries, strict=False)]
        # of length 1, as one-hot codes are
        codes = [F.normalize(code, dim=-1) for code in seen]
        phase = torch.cat([*codes, *entries[len(seen) :]], dim=-1) @ self.waves
        return torch.cat([phase.sin(), phase.cos()], dim=-1) / math.sqrt(phase.shape[-1])


class RidgeRegression(nn.Module):
    """Least squares of all samples so far, exactly, without keeping them.

    Args:
        start: (D, d) weights before the first sample.
        ridge: Samples that they are worth.
    """

    gram: Tensor
    moment: Tensor
    weights: Tensor

    def __init__(self, start: Tensor, ridge: float) -> None:
        super().__init__()
        start = start.double()
        self.register_buffer("gram", ridge * torch.eye(len(start), dtype=torch.float64))
        self.register_buffer("moment", ridge * start)
        self.register_buffer("weights", start.clone())

    def update(self, features: Tensor, targets: Tensor) -> None:
        """Count samples (B, D) and (B, d) in."""
        features, targets = features.double(), targets.double()
        self.gram += features.T @ features
        self.moment += features.T @ targets
        self.weights.copy_(torch.linalg.solve(self.gram, self.moment))

    def forward(self, features: Tensor) -> Tensor:
        """Predictions (B, d)."""
        return features @ self.weights.float()

    def leverage(self, features: Tensor) -> Tensor:
        """(B,) variance of predictions, in variances of a target; 1 / (n + ridge) after n equal samples."""
        features = features.double()
        return (features * torch.linalg.solve(self.gram, features.T).T).sum(-1).float()


class VisitMeansReward(LearnedReward):
    """Regresses a fresh draw at each visit, and pays what the regression is off by.

    The published methods train a network towards the mean of all draws by gradient steps; that it be the
    mean is what their proofs assume. Here the last layer is solved for it, over fixed random features, so
    that no replay memory, learning rate or averaging of weights stands between a count and its reward.
    A subclass gives `start`, `draws` and `bonus_of`.
    """

    clip: ClassVar[float] = float("inf")  # Fourier features are bounded; cut-off places would look alike

    def build(self) -> dict[str, nn.Module]:
        """Fixed features, and the regression on them."""
        config = self.config
        features = FourierFeatures(self.read.shapes, config.frequencies, config.sharpness)
        return {
            "features": features,
            "regression": RidgeRegression(self.start(2 * config.frequencies), config.ridge),
        }

    def start(self, inputs: int) -> Tensor:
        """Weights (inputs, outputs) before the first visit."""
        raise NotImplementedError

    def draws(self, features: Tensor) -> Tensor:
        """A fresh draw (B, outputs) for each of features (B, D)."""
        raise NotImplementedError

    def bonus_of(self, features: Tensor) -> Tensor:
        """Reward (B,) of features (B, D)."""
        raise NotImplementedError

    def bonus(self, steps: StepTensors) -> Tensor:
        """Of what the action led to."""
        return self.bonus_of(self._features(steps.after))

    def build_optimizers(self) -> list[torch.optim.Optimizer]:
        """None: least squares is solved."""
        return []

    def horizon(self) -> int:
        """The first time enough to know the scale of inputs."""
        settled = self.trainings > 0
        return int(self.config.horizon) if settled else max(1, -(-self.config.settle // len(self._first)))

    def rescale(self, steps: StepTensors) -> None:
        """Only once: another scale would make other features of places that were counted."""
        if not self.trainings:
            super().rescale(steps)

    @torch.no_grad()
    def train(self, gathered: StepTensors) -> dict[str, float]:
        """Count the visits, and compare the count with what is paid."""
        flat = gathered.flat()
        features = self._features(flat.after)
        regression: RidgeRegression = self.networks["regression"]  # type: ignore[assignment]
        metrics = self.compare(features)
        if self.config.learns:
            chosen = torch.cat(self.minibatches(len(features)))
            regression.update(features[chosen], self.draws(features[chosen]))
        return metrics

    def compare(self, features: Tensor) -> dict[str, float]:
        """Numbers to log of features (B, D) before they are learned."""
        return {"bonus": float(self.bonus_of(features).mean())}

    def _features(self, seen: Batch) -> Tensor:
        features: Tensor = self.networks["features"](self.scale(seen))
        return features
