"""Visits of rounded observations within an episode, counted exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from robonav.errors import UsageError
from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.episodic_memory import EpisodicReward, RingBuffer
from robonav.rewards.features import ObservationReader
from robonav.rewards.protocol import Snapshot


@dataclass(frozen=True)
class EpisodicCellsConfig(RewardConfig):
    """Options of counts of cells.

    Raises:
        UsageError: A number is out of its range.
    """

    name: ClassVar[str] = "episodic-cells"
    source: ClassVar[str] = "Strehl & Littman 2008, Model-based interval estimation (n^-1/2)"
    episodic: ClassVar[bool] = True

    of: Literal["observation", "position"] = "observation"
    """Quantity to round: observations, or the true positions of a robonav world's agents, in metres."""
    keys: tuple[str, ...] | None = None
    """Entries of the observation that it reads; None = all."""
    cell: float = 1.0
    """Edge of a cell, in units of the observation."""
    exponent: float = 0.5
    """The reward is n^-exponent: 0.5, or 1."""
    cap: int = 2000
    """Steps of an episode that are remembered."""

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.cell <= 0 or self.cap < 1:
            raise UsageError(
                f"reward {self.name} has cell {self.cell} and cap {self.cap}: "
                "cell has to be above 0, and cap 1 or more"
            )

    def build(self, context: RewardContext) -> EpisodicCells:
        """The reward for an environment."""
        return EpisodicCells(self, context)


class _Observed:
    """Observations as vectors (N, width)."""

    def __init__(self, context: RewardContext, config: EpisodicCellsConfig) -> None:
        self._read = ObservationReader(context, config.keys, reward=config.name)
        self.width = sum(math.prod(shape) for shape in self._read.shapes.values())

    def __call__(self, seen: Snapshot) -> Tensor:
        return torch.cat([values.flatten(1).float() for values in self._read(seen).values()], dim=1)


class _Position:
    """True positions x, y (N, 2) of a robonav world's agents, metres."""

    width = 2

    def __init__(self, context: RewardContext, config: EpisodicCellsConfig) -> None:
        context.privileged_world(config.name)
        self._device = context.device

    def __call__(self, seen: Snapshot) -> Tensor:
        assert seen.frames is not None
        return torch.as_tensor(seen.frames.position[:, :2].astype(np.float32), device=self._device)


_WHAT: dict[str, Any] = {"observation": _Observed, "position": _Position}


class CellHash(nn.Module):
    """The cell that an agent is in as a 64-bit hash (N, 1): a sum of products modulo 2^64."""

    factors: Tensor

    def __init__(self, config: EpisodicCellsConfig, context: RewardContext) -> None:
        super().__init__()
        self._place, self._cell = _WHAT[config.of](context, config), config.cell
        draw = torch.Generator().manual_seed(context.seed)
        odd = torch.randint(-(2**62), 2**62, (self._place.width,), generator=draw) | 1
        self.register_buffer("factors", odd.to(context.device))

    def forward(self, seen: Snapshot) -> Tensor:
        """(N, 1) int64."""
        cells = (self._place(seen) / self._cell).floor().long()
        return (cells * self.factors).sum(1, keepdim=True)

    def begin(self, mask: Tensor) -> None:
        """Nothing changes: cells have an edge in the units of what is seen."""

    def update(self, seen: Snapshot) -> None:
        """Nothing to learn."""


class EpisodicCells(EpisodicReward):
    """n^-exponent for the n-th visit of a cell in an episode."""

    def __init__(self, config: EpisodicCellsConfig, context: RewardContext) -> None:
        super().__init__(config, context.device, CellHash(config, context))
        self._memory = RingBuffer(context.num_envs, config.cap, 1, torch.int64, self.device)

    def bonus(self, code: Tensor) -> Tensor:
        """n^-exponent, this visit included."""
        same = (self._memory.items[..., 0] == code) & self._memory.filled
        return (1.0 + same.sum(1)) ** -self.config.exponent

    def add(self, code: Tensor, mask: Tensor) -> None:
        """Count the visit."""
        self._memory.add(code, mask)

    def clear(self, mask: Tensor) -> None:
        """Forget all visits."""
        self._memory.clear(mask)
