"""Exploring: no reward but curiosity, and no end but the time limit; measured by completeness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.tasks.task import COMPLETENESS, Score, TaskConfig, TaskStep
from robonav.envs.world import Episode, Frames


@dataclass(frozen=True)
class ExploreConfig(TaskConfig):
    """See as much of the surface as there is."""

    name: ClassVar[str] = "explore"
    scores: ClassVar[tuple[Score, ...]] = COMPLETENESS

    def make(self, simulator: NavigationSimulator) -> Exploring:
        """The task of all agents of a simulator; it never pays and never ends an episode."""
        return Exploring(simulator)


class Exploring:
    """No reward, and no end but the time limit."""

    def __init__(self, simulator: NavigationSimulator) -> None:
        self.achieved = np.zeros(simulator.num_agents, np.int64)

    def spaces(self) -> dict[str, spaces.Space[Any]]:
        """Nothing."""
        return {}

    def observe(self) -> dict[str, NDArray[Any]]:
        """Nothing."""
        return {}

    def begin(self, episodes: Sequence[Episode], agents: Sequence[int]) -> None:
        """Nothing to set."""

    def judge(self, frames: Frames) -> TaskStep:
        """Nothing is worth anything."""
        return TaskStep(np.zeros(len(self.achieved), np.float32), np.zeros(len(self.achieved), bool))

    def facts(self, agent: int) -> dict[str, Any]:
        """Nothing."""
        return {}
