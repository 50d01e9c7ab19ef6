"""Interface of a task: its configuration with its scores, and the judge of the steps of N agents."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.scenes.scene import FreeSpace, SceneError
from robonav.envs.world import Episode, Frames


@dataclass(frozen=True)
class TaskStep:
    """Reward and end of one step of N agents.

    Attributes:
        reward: (N,) float32.
        terminated: (N,) bool, nothing is left to do.
    """

    reward: NDArray[np.float32]
    terminated: NDArray[np.bool_]


class Task(Protocol):
    """A task of the N agents of a simulator.

    Attributes:
        achieved: (N,) int64, how much of it each agent has done in its episode.
    """

    achieved: NDArray[np.int64]

    def spaces(self) -> dict[str, spaces.Space[Any]]:
        """Spaces of the observations that the task adds to those of every explorer, by name."""

    def observe(self) -> dict[str, NDArray[Any]]:
        """Observations in these spaces, (N, ...)."""

    def begin(self, episodes: Sequence[Episode], agents: Sequence[int]) -> None:
        """Set the task for agents whose episodes begin; to be called before the simulator starts them.

        Raises:
            SceneError: The scene has no room for it.
        """

    def judge(self, frames: Frames) -> TaskStep:
        """Judge what a step led to; to be called once a step."""

    def facts(self, agent: int) -> dict[str, Any]:
        """The task of an agent's episode, such as its goal, as JSON."""


TaskMaker = Callable[[NavigationSimulator], Task]


@dataclass(frozen=True)
class Score:
    """A figure that evaluation writes for every episode.

    Attributes:
        name: Its field in an episode's record.
        label: Its name in tables and reports.
        unit: Of its values, such as "%" or "m"; empty where they are counts or shares.
        by_step: Its field maps steps to values; otherwise it is one value for the whole episode.
        headline: It is also printed at the end of an evaluation.
    """

    name: str
    label: str
    unit: str = ""
    by_step: bool = True
    headline: bool = True

    @property
    def title(self) -> str:
        """The label with the unit."""
        return f"{self.label}, {self.unit}" if self.unit else self.label

    def figure(self, value: float) -> str:
        """A value as tables show it, without the unit."""
        if isinstance(value, int):
            return str(value)
        return f"{value:.1f}" if self.unit == "%" else f"{value:.3f}"


@dataclass(frozen=True, eq=False)
class Walk:
    """Record of one finished episode.

    Attributes:
        free_space: Where the agent could walk.
        trajectory: (T + 1, 3) x, y, yaw in metres and radians, the start first.
        achieved: (T + 1,) how much of its task was done by then.
        task: The episode's task, as `Task.facts` gives it.
    """

    free_space: FreeSpace
    trajectory: NDArray[np.float64]
    achieved: NDArray[np.int64]
    task: dict[str, Any]


VISIBLE_COMPLETENESS = Score("visible_completeness_pct", "Visible completeness", "%")
COMPLETENESS = (
    VISIBLE_COMPLETENESS,
    Score("completeness_pct", "Completeness", "%", headline=False),
    Score("mean_distance_m", "Mean distance to the observed surface", "m", headline=False),
    Score("area_m2", "Floor area that came into view", "m²", by_step=False),
    Score("free_area_m2", "Floor area of the island", "m²", by_step=False),
    Score("visible_share_pct", "Share of the surface that can be seen at all", "%", by_step=False),
)
"""Scores of the surface that came into view, for every task that lists them."""


@dataclass(frozen=True)
class TaskConfig(ABC):
    """Options of a task, and all that training, evaluation and reports ask of it.

    A task is one file with a frozen dataclass of this kind, its fields being the options, and one line in
    `TASKS`, or an entry point `robonav.tasks` of another package.

    Attributes:
        name: As typed behind --task.
        scores: Scores that evaluation writes of an episode. The first that is taken by step ranks episodes
            and is compared between explorers. Completeness is measured if `VISIBLE_COMPLETENESS` is one.
        aliases: Flags of the command line that stand for an option, by flag.
        needs_goals: Episodes must lead to a place.
        tells: Key that it adds to observations, with which a policy must have been trained; None = no key.
        marks_are: Caption of the places on the top-down map.
    """

    name: ClassVar[str]
    scores: ClassVar[tuple[Score, ...]] = ()
    aliases: ClassVar[Mapping[str, str]] = {}
    needs_goals: ClassVar[bool] = False
    tells: ClassVar[str | None] = None
    marks_are: ClassVar[str] = ""

    @abstractmethod
    def make(self, simulator: NavigationSimulator) -> Task:
        """The task of all agents of a simulator."""

    def score(self, walk: Walk, steps: Iterable[int]) -> dict[str, Any]:
        """Fields of an episode's record; scores by step at these steps, in steps since the start.

        It is also asked for the main score every 32 steps from the start on, of which 0 is the first, and in
        episodes that are still going on.
        """
        return {}

    def marks(self, record: Mapping[str, Any]) -> list[tuple[float, float]]:
        """Places (x, y) in metres that are drawn on the top-down map of an episode."""
        return []

    @classmethod
    def main_score(cls) -> Score:
        """The first score by step: it ranks episodes and is compared.

        Raises:
            SceneError: The task has none.
        """
        for score in cls.scores:
            if score.by_step:
                return score
        raise SceneError(
            f"task {cls.name} has no score that is taken by step, so nothing can be compared: add a Score to "
            f"{cls.__name__}.scores"
        )


def task_rng(task: str, episode: Episode) -> np.random.Generator:
    """The random numbers of a task in an episode: the same whoever runs it, and beside whom."""
    digest = hashlib.sha256(f"{task}/{episode.episode_id}/{episode.seed}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
