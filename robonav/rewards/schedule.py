"""Schedules of a bonus's weight in training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from robonav.errors import UsageError

Schedule = Callable[[int], float]
"""The weight after so many environment steps."""


@dataclass(frozen=True)
class LinearSchedule:
    """A weight that goes from `first` to `last` within `steps` environment steps, and stays there."""

    first: float
    last: float
    steps: int

    def __post_init__(self) -> None:
        """Refuse a schedule of no length."""
        if self.steps < 1:
            raise UsageError(f"steps of a schedule is {self.steps}: give at least 1")

    def __call__(self, step: int) -> float:
        """The weight after `step` environment steps."""
        return self.first + min(1.0, step / self.steps) * (self.last - self.first)
