"""Motion of an agent's steps: exact, or as inexact as that of a robot that steps by its odometry."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from robonav.envs.world import Episode


@dataclass(frozen=True)
class MotionErrors:
    """Errors of one step of N agents.

    Attributes:
        length: (N,) factor on the length of a step ahead.
        turn: (N,) radians added to the heading for good.
        look: (N,) radians by which an agent stands askew after this step, and no longer after the next.
    """

    length: NDArray[np.float64]
    turn: NDArray[np.float64]
    look: NDArray[np.float64]


class Motion(Protocol):
    """Error model of agents' steps."""

    def begin(self, episodes: Sequence[Episode], agents: Sequence[int]) -> None:
        """These agents begin new episodes."""

    def errors(self) -> MotionErrors:
        """Those of the next step of all agents."""
        ...


class ExactMotion:
    """Every step is 0.25 m or 15°.

    Args:
        num_agents: N.
    """

    def __init__(self, num_agents: int) -> None:
        self._errors = MotionErrors(np.ones(num_agents), np.zeros(num_agents), np.zeros(num_agents))

    def begin(self, episodes: Sequence[Episode], agents: Sequence[int]) -> None:
        """Nothing to draw."""

    def errors(self) -> MotionErrors:
        """None."""
        return self._errors


class NoisyMotion:
    """Steps as the simulated TurtleBot's are with its noise: what agents believe of their way drifts.

    Normal distributions, by standard deviation: length 1 % (drawn once an episode), heading 0.0003 rad a step
    (rate drawn once an episode) and 0.001 rad a step (random walk), as its odometry errs; and 0.015 rad that
    it stands askew after a step, which the next one mends. All of it depends on the episode alone.

    Args:
        num_agents: N.
        scale: Factor on all of it.
    """

    LENGTH, RATE_RAD, WALK_RAD, ASKEW_RAD = 0.01, 0.0003, 0.001, 0.015

    def __init__(self, num_agents: int, scale: float) -> None:
        self._scale = scale
        self._rngs = [np.random.default_rng(0) for _ in range(num_agents)]
        self._length, self._rate = np.ones(num_agents), np.zeros(num_agents)

    def begin(self, episodes: Sequence[Episode], agents: Sequence[int]) -> None:
        """Draw what is constant in an episode."""
        for episode, agent in zip(episodes, agents, strict=True):
            digest = hashlib.sha256(f"motion/{episode.episode_id}/{episode.seed}".encode()).digest()
            rng = self._rngs[agent] = np.random.default_rng(int.from_bytes(digest[:8], "big"))
            length, rate = self._scale * rng.standard_normal(2) * (self.LENGTH, self.RATE_RAD)
            self._length[agent], self._rate[agent] = 1.0 + length, rate

    def errors(self) -> MotionErrors:
        """Draw those of the next step."""
        drawn = self._scale * np.array([rng.standard_normal(2) for rng in self._rngs])
        return MotionErrors(
            self._length, self._rate + self.WALK_RAD * drawn[:, 0], self.ASKEW_RAD * drawn[:, 1]
        )


def motion_of(num_agents: int, noise: float) -> Motion:
    """Exact motion for 0, else the noise of a robot times this factor."""
    return NoisyMotion(num_agents, noise) if noise else ExactMotion(num_agents)
