"""What agents are there for: the interface of tasks, and the one without any."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.world import Episode, Frames


@dataclass(frozen=True)
class Verdict:
    """What one step of N agents was worth.

    Attributes:
        reward: (N,) float32.
        over: (N,) bool, nothing is left to do.
    """

    reward: NDArray[np.float32]
    over: NDArray[np.bool_]


class Task(Protocol):
    """A task of the N agents of a simulator.

    Attributes:
        achieved: (N,) int64, how much of it each agent has done in its episode.
    """

    achieved: NDArray[np.int64]

    def spaces(self) -> dict[str, spaces.Space[Any]]:
        """What a policy is told beside what every explorer sees, by name."""

    def observe(self) -> dict[str, NDArray[Any]]:
        """That, (N, ...)."""

    def begin(self, episodes: Sequence[Episode], agents: Sequence[int]) -> None:
        """Set the task for agents whose episodes begin; to be called before the simulator starts them.

        Raises:
            SceneError: The scene has no room for it.
        """

    def judge(self, frames: Frames) -> Verdict:
        """Judge what a step led to; to be called once a step."""

    def facts(self, agent: int) -> dict[str, Any]:
        """What was set for an agent, as JSON."""


TaskMaker = Callable[[NavigationSimulator], Task]


class Exploring:
    """No task: no reward, and no end but the time limit."""

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

    def judge(self, frames: Frames) -> Verdict:
        """Nothing is worth anything."""
        return Verdict(np.zeros(len(self.achieved), np.float32), np.zeros(len(self.achieved), bool))

    def facts(self, agent: int) -> dict[str, Any]:
        """Nothing."""
        return {}


def task_rng(task: str, episode: Episode) -> np.random.Generator:
    """The random numbers of a task in an episode: the same whoever runs it, and beside whom."""
    digest = hashlib.sha256(f"{task}/{episode.episode_id}/{episode.seed}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
