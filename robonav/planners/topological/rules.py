"""Rules that choose the next sub-goal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from robonav.planners.topological.candidates import Choices


class MetaController(Protocol):
    """Chooses the sub-goals of navigators."""

    def reset(self, seed: int) -> None:
        """Start new episodes."""

    def choose(self, choices: Sequence[Choices]) -> list[int]:
        """Row of the chosen node for each navigator; all have at least one candidate."""
        ...


class Greedy:
    """The node with the best weighted score (TopoNav): novelty, goal alignment, distance, frontier bonus."""

    def reset(self, seed: int) -> None:
        """Do nothing: the rule draws no random numbers."""

    def choose(self, choices: Sequence[Choices]) -> list[int]:
        """The first of the best rows."""
        return [int(np.argmax(those.scores)) for those in choices]


class LeastDetour:
    """The node with the shortest known path to it plus straight distance to the goal."""

    def reset(self, seed: int) -> None:
        """Do nothing: the rule draws no random numbers."""

    def choose(self, choices: Sequence[Choices]) -> list[int]:
        """The first of the shortest rows."""
        return [int(np.argmin(those.lengths + those.to_goal)) for those in choices]
