"""Description of a world before it is made, and the meter of its episodes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from robonav.envs.world import Episode, World


class Meter(Protocol):
    """Measures what N agents do in the episodes that they started together."""

    def observe(self, actions: NDArray[Any], going: NDArray[np.bool_]) -> None:
        """Take in a step that the agents in `going` (N,) did."""

    def record(self, agent: int) -> dict[str, Any]:
        """Scores of an agent's episode, as JSON."""

    def draw(self, agent: int, path: Path) -> None:
        """Write a picture (.png) of an agent's episode."""


class NoMeter:
    """Measures and draws nothing."""

    def observe(self, actions: NDArray[Any], going: NDArray[np.bool_]) -> None:
        """Nothing to take in."""

    def record(self, agent: int) -> dict[str, Any]:
        """No scores."""
        return {}

    def draw(self, agent: int, path: Path) -> None:
        """No picture."""


@dataclass(frozen=True)
class WorldConfig(ABC):
    """A kind of world and its options: subclass it as a frozen dataclass, and name it in `WORLDS`.

    Attributes:
        name: As typed behind --world.
        headline: Scores that an evaluation prints, by field of a record, with what tables call them.
        planners: Names of the planners that know these worlds, for `robonav evaluate`.
    """

    name: ClassVar[str]
    headline: ClassVar[dict[str, str]] = {"reward": "Return"}
    planners: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def make(self, num_agents: int, split: str = "train", seed: int = 0, first_env: int = 0) -> World:
        """The world; `first_env` is the number of its first agent where processes share those of a run."""

    def episodes(self, world: Any, count: int, seed: int) -> Sequence[Episode]:
        """Episodes to evaluate in, the same for everybody who asks with the same seed."""
        nowhere = (0.0, 0.0, 0.0)
        return [
            Episode(f"{self.name}/{seed}-{k}", self.name, 1_000_003 * seed + k, nowhere) for k in range(count)
        ]

    def meter(self, world: Any) -> Meter:
        """The meter of a world that has just started episodes; evaluation sums the reward without it."""
        return NoMeter()

    @property
    @abstractmethod
    def max_steps(self) -> int:
        """Steps of an episode at most."""
