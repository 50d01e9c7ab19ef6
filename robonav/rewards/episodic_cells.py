"""Visits of rounded observations within an episode, counted exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

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


class EpisodicCells(EpisodicReward):
    """n^-exponent for the n-th visit of a cell in an episode; cells are told apart by a 64-bit hash."""

    def __init__(self, config: EpisodicCellsConfig, context: RewardContext) -> None:
        super().__init__(config, context)
        self._read = ObservationReader(context, config.keys, reward=config.name)
        width = sum(int(torch.Size(shape).numel()) for shape in self._read.shapes.values())
        draw = torch.Generator().manual_seed(context.seed)
        self._factors = torch.randint(-(2**62), 2**62, (width,), generator=draw).to(self.device) | 1
        self._memory = RingBuffer(context.num_envs, config.cap, 1, torch.int64, self.device)

    def code(self, seen: Snapshot) -> Tensor:
        """Hash (N, 1) of the cell: a sum of products modulo 2^64."""
        flat = torch.cat([values.flatten(1).float() for values in self._read(seen).values()], dim=1)
        cells = (flat / self.config.cell).floor().long()
        return (cells * self._factors).sum(1, keepdim=True)

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
