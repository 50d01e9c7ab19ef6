"""Baselines without sensors: uniformly random, and straight until blocked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT
from robonav.envs.sensors.camera import Camera

if TYPE_CHECKING:
    from robonav.envs.world import Frames

MAX_TURNS = 12  # 12 turns of 15 degrees = all the way round


class RandomExplorer:
    """Takes each action with probability 1/3."""

    camera = Camera()

    def reset(self, num_agents: int, seed: int) -> None:
        """Seed one random stream for each agent."""
        self._rngs = np.random.default_rng(seed).spawn(num_agents)

    def act(
        self, observation: dict[str, NDArray[np.generic]], frames: Frames, camera: Camera
    ) -> NDArray[np.int64]:
        """Draw actions (N,)."""
        return np.array([rng.integers(3) for rng in self._rngs])


class StraightExplorer:
    """Drives forward until blocked, then turns 1 to 12 times by 15 degrees to one random side."""

    camera = Camera()

    def reset(self, num_agents: int, seed: int) -> None:
        """Seed one random stream for each agent."""
        self._rngs = np.random.default_rng(seed).spawn(num_agents)
        self._turns_left = np.zeros(num_agents, dtype=np.int64)
        self._side = np.full(num_agents, LEFT)

    def act(
        self, observation: dict[str, NDArray[np.generic]], frames: Frames, camera: Camera
    ) -> NDArray[np.int64]:
        """Finish a turn, begin one after a collision, else drive forward."""
        for agent in np.flatnonzero(frames.collided & (self._turns_left == 0)):
            self._turns_left[agent] = self._rngs[agent].integers(1, MAX_TURNS + 1)
            self._side[agent] = self._rngs[agent].choice([LEFT, RIGHT])
        turning = self._turns_left > 0
        self._turns_left -= turning
        return np.where(turning, self._side, FORWARD)
