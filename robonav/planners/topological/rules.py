"""Rules that choose the next sub-goal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from robonav.planners.topological.candidates import Choices


class MetaController(Protocol):
    """Chooses sub-goals for robots that need one."""

    def reset(self, seed: int) -> None:
        """New episodes begin."""

    def choose(self, choices: Sequence[Choices]) -> list[int]:
        """Row of the chosen node for each robot; all have at least one."""
        ...


class Greedy:
    """The best by TopoNav's weighted score: novelty, alignment with the goal, distance, frontier bonus."""

    def reset(self, seed: int) -> None:
        """It draws no random numbers."""

    def choose(self, choices: Sequence[Choices]) -> list[int]:
        """The first of the best."""
        return [int(np.argmax(those.scores)) for those in choices]


class LeastDetour:
    """The node with the shortest known way to it and on to the goal as the crow flies."""

    def reset(self, seed: int) -> None:
        """It draws no random numbers."""

    def choose(self, choices: Sequence[Choices]) -> list[int]:
        """The first of the shortest."""
        return [int(np.argmin(those.lengths + those.to_goal)) for those in choices]
