"""The task of the warehouse: N vehicles, each with a goal, judged after every decision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robonav.envs.warehouse.options import WarehouseOptions
from robonav.envs.warehouse.places import FreePlaces
from robonav.envs.warehouse.routes import PREVIEW, Routes, in_own_frame
from robonav.envs.warehouse.simulation import VehicleMotion, WarehouseSimulation
from robonav.envs.world import Episode, Observation

LEAST_GOAL_M = 3.0
"""Goals lie at least so far from the start, as the crow flies."""
_FAR_M = 20.0  # distance that counts as 1 in an observation
_APART_M = 0.05  # clearance from which contact is over


class Goals:
    """Goals of N vehicles, and the rewards of their decisions.

    Args:
        config: Options of reward and observation.
        simulation: The vehicles.
        places: Free places of its layouts.

    Attributes:
        xy: (N, 2) the goals, metres.
        arrived: (N,) bool, of the last judgement.
        crashed: (N,) bool, contact that ends the episode, of the last judgement.
        contacts: (N,) how often contact began in the episode.
    """

    def __init__(
        self, config: WarehouseOptions, simulation: WarehouseSimulation, places: Sequence[FreePlaces]
    ) -> None:
        number = simulation.num_agents
        self._config, self._simulation, self._places = config, simulation, places
        self.xy = np.zeros((number, 2))
        self.arrived, self.crashed = np.zeros(number, bool), np.zeros(number, bool)
        self.contacts = np.zeros(number, np.int64)
        self._touching = np.zeros(number, bool)
        self._seeds, self._replaced = np.zeros(number, np.int64), np.zeros(number, np.int64)
        self._routes, self._potential = Routes(number), np.zeros(number)

    def spaces(self) -> dict[str, spaces.Space[object]]:
        """Spaces of the observations of goals: see `WarehouseWorld`."""
        goal = {"goal": spaces.Box(-1.0, 1.0, (4,), np.float32)}
        route = {"route": spaces.Box(-1.0, 1.0, (2 * PREVIEW,), np.float32)}
        return goal | route if self._config.goal == "route" else goal  # type: ignore[return-value]

    def begin(self, rows: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Set the goals of episodes that begin."""
        for row, episode in zip(rows, episodes, strict=True):
            self.xy[row] = episode.goal
            self._seeds[row] = episode.seed
        chosen = list(rows)
        self.contacts[chosen] = self._replaced[chosen] = 0
        self._touching[chosen] = False
        self._find_ways(chosen)

    def judge(self, motion: VehicleMotion) -> NDArray[np.float32]:
        """Rewards (N,) of a decision; then `arrived` and `crashed` say whose episode is over."""
        config, place = self._config, motion.pose[:, :2]
        self.arrived = np.linalg.norm(self.xy - place, axis=1) <= config.reach_m
        began = motion.touched & ~self._touching
        self._touching = motion.touched | (self._touching & (motion.clearance < _APART_M))
        self.contacts += began
        self.crashed = began & ~self.arrived & (config.contact == "ends")
        reward = config.step_reward + self.arrived * 1.0 + began * config.contact_reward
        if config.progress_weight:
            potential = -self._routes.left(place)
            after = np.where(self.arrived | self.crashed, 0.0, potential)
            reward = reward + config.progress_weight * (config.gamma * after - self._potential)
            self._potential = potential
        return reward.astype(np.float32)

    def replace(self, clock: NDArray[np.int64]) -> None:
        """Put goals elsewhere whose time is up; `clock` (N,) counts decisions of the episode."""
        every = self._config.replace_every
        due = np.flatnonzero((clock > 0) & (clock % every == 0)).tolist() if every else []
        pose, layouts = self._simulation.pose, self._simulation.layouts
        for row in due:
            self._replaced[row] += 1
            rng = np.random.default_rng([int(self._seeds[row]), 2, int(self._replaced[row])])
            self.xy[row] = self._places[layouts[row]].goal(rng, tuple(pose[row]), LEAST_GOAL_M)
        self._find_ways(due)

    def observe(self) -> Observation:
        """Observations of the goals, (N, ...)."""
        pose = self._simulation.pose
        own = in_own_frame(pose, self.xy)
        far = np.linalg.norm(own, axis=1)
        sine, cosine = (own / np.maximum(far, 1e-6)[:, None]).T[::-1]
        told = np.stack([np.minimum(far / _FAR_M, 1), sine, cosine, np.ones(len(far))], 1)
        if self._config.goal == "in-sight":
            told *= self._simulation.sees(self.xy, self._config.sight_m)[:, None]
        route = {"route": self._routes.preview(pose)} if self._config.goal == "route" else {}
        return {"goal": told.astype(np.float32), **route}

    def _find_ways(self, rows: Sequence[int]) -> None:
        """Find the ways to new goals, where anything asks for them."""
        if self._config.goal != "route" and not self._config.progress_weight:
            return
        pose, layouts = self._simulation.pose, self._simulation.layouts
        for row in rows:
            self._routes.set(row, self._places[layouts[row]], pose[row, :2], self.xy[row])
        self._potential[list(rows)] = -self._routes.left(pose[:, :2])[list(rows)]
