"""Encoders of numbers: states and range scans."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn

from robonav.policies.encoders.base import KeyEncoder, is_vector

_MOST = 10.0  # standard deviations, as in SB3's VecNormalize
_LEAST_VARIANCE = 1e-8


class RunningNorm(nn.Module):
    """Subtracts the mean and divides by the standard deviation of all that was seen in training.

    Both are saved with the weights, so that what is deployed normalises as what was trained.
    """

    mean: Tensor
    variance: Tensor
    count: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("variance", torch.ones(shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Normalised (..., *shape), clipped to ten standard deviations."""
        return ((x - self.mean) / (self.variance + _LEAST_VARIANCE).sqrt()).clamp(-_MOST, _MOST)

    @staticmethod
    def moments(values: NDArray[Any]) -> NDArray[np.float64]:
        """Count, sum and sum of squares (3, D) of values (..., D)."""
        flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
        return np.stack([np.full(flat.shape[1], float(len(flat))), flat.sum(0), np.square(flat).sum(0)])

    def merge(self, moments: NDArray[np.float64]) -> None:
        """Join with moments (3, D) of other values (Chan et al. 1979)."""
        count, mean = moments[0, 0], moments[1] / moments[0]
        variance = np.maximum(moments[2] / count - mean**2, 0.0)
        known, total = float(self.count), float(self.count) + count
        old_mean, old_variance = (t.double().cpu().numpy() for t in (self.mean, self.variance))
        gap = mean - old_mean
        joined = (known * old_variance + count * variance + gap**2 * known * count / total) / total
        self.mean.copy_(torch.from_numpy(old_mean + gap * count / total))
        self.variance.copy_(torch.from_numpy(joined))
        self.count.fill_(total)


class VectorEncoder(KeyEncoder):
    """A running normaliser and an MLP; for a float Box in one dimension."""

    def __init__(self, space: spaces.Box, width: int) -> None:
        super().__init__(space, width)
        self.shape = (int(np.prod(space.shape)),)
        self.norm = RunningNorm(self.shape)
        self.body = self._body(width)

    @staticmethod
    def reads(name: str, space: spaces.Space[Any]) -> bool:
        """Whether it is a float Box in one dimension."""
        return is_vector(space)

    def moments(self, kept: NDArray[Any]) -> NDArray[np.float64]:
        """Count, sum and sum of squares (3, D) over a rollout."""
        return self.norm.moments(kept)

    def adapt(self, moments: NDArray[np.float64]) -> None:
        """Adapt the normaliser."""
        self.norm.merge(moments)

    def forward(self, kept: Tensor) -> Tensor:
        """Return the term for tokens (..., width), from numbers (..., D)."""
        added: Tensor = self.body(self.norm(kept))
        return added

    def _body(self, width: int) -> nn.Module:
        return nn.Sequential(nn.Linear(self.shape[0], width), nn.GELU(), nn.Linear(width, width))


class ScanEncoder(VectorEncoder):
    """A running normaliser and two convolutions along the beams; for `scan`, `lidar` or what ends so."""

    @staticmethod
    def reads(name: str, space: spaces.Space[Any]) -> bool:
        """Whether it is a float Box in one dimension, named as a scan is."""
        return is_vector(space) and name.rsplit("_", 1)[-1] in ("scan", "lidar", "ranges")

    def forward(self, kept: Tensor) -> Tensor:
        """Return the term for tokens (..., width), from ranges (..., beams) in metres."""
        beams = self.norm(kept).flatten(0, -2)[:, None]
        added: Tensor = self.body(beams).unflatten(0, kept.shape[:-1])
        return added

    def _body(self, width: int) -> nn.Module:
        beams = -(-self.shape[0] // 2)
        beams = -(-beams // 2)
        return nn.Sequential(
            nn.Conv1d(1, 16, 5, stride=2, padding=2),
            nn.GELU(),
            nn.Conv1d(16, 16, 5, stride=2, padding=2),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(16 * beams, width),
        )
