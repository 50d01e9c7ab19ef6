"""Baselines of two-level navigation: planners without a topological map, and a bumper agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT
from robonav.envs.sensors.camera import Camera
from robonav.planners.path_following import TURN_RAD, Viewpoint, heading_along, steer, without_dithering
from robonav.planners.topological.config import HierarchyConfig
from robonav.planners.topological.explorer import DEPTH_CAMERA, NavigatorInputs, TopologicalExplorer
from robonav.planners.topological.known_world import KnownWorld
from robonav.planners.topological.navigator import NavigatorInput
from robonav.planners.topological.rules import Greedy, LeastDetour

if TYPE_CHECKING:
    from robonav.envs.world import Frames

_MAX_TURNS, _STRAIGHT_ON = 9, 8
_THINK_EVERY = 8


class GoalBumper:
    """Drives straight to the goal; after a collision it turns at random and drives on a little."""

    camera = DEPTH_CAMERA

    def reset(self, num_agents: int, seed: int) -> None:
        """Seed one stream an agent."""
        self._rngs = np.random.default_rng(seed).spawn(num_agents)
        self._plans: list[list[int]] = [[] for _ in range(num_agents)]

    def act(
        self, observation: dict[str, NDArray[np.generic]], frames: Frames, camera: Camera
    ) -> NDArray[np.int64]:
        """Finish a detour, begin one after a collision, else go straight to the goal."""
        return np.array(
            [
                self._decide(agent, bool(frames.collided[agent]), float(observation["point_goal"][agent, 1]))
                for agent in range(len(self._rngs))
            ]
        )

    def _decide(self, agent: int, collided: bool, bearing: float) -> int:
        if collided:
            turns, side = (
                self._rngs[agent].integers(1, _MAX_TURNS + 1),
                self._rngs[agent].choice([LEFT, RIGHT]),
            )
            self._plans[agent] = [int(side)] * int(turns) + [FORWARD] * _STRAIGHT_ON
        if self._plans[agent]:
            return self._plans[agent].pop(0)
        if abs(bearing) <= TURN_RAD / 2 + 1e-6:
            return FORWARD
        return LEFT if bearing > 0 else RIGHT


class GoalPlanner:
    """Plans to the goal as if unknown space were free, and replans as the map grows."""

    camera = DEPTH_CAMERA

    def reset(self, num_agents: int, seed: int) -> None:
        """Forget all maps; planners draw no random numbers."""
        self._drivers = [_OptimisticNavigator(self.camera) for _ in range(num_agents)]
        self._inputs = NavigatorInputs(num_agents)

    def act(
        self, observation: dict[str, NDArray[np.generic]], frames: Frames, camera: Camera
    ) -> NDArray[np.int64]:
        """Update the maps and follow the paths."""
        actions = []
        inputs = self._inputs.batch(observation, frames.depth, frames.collided)
        for driver, entry in zip(self._drivers, inputs, strict=True):
            assert entry.goal is not None  # make_explorer asks for the task
            actions.append(driver.act(entry, entry.goal))
        return np.array(actions)


class _OptimisticNavigator:
    """Plans for one robot as if unknown space were free."""

    def __init__(self, camera: Camera) -> None:
        self.world = KnownWorld(camera, HierarchyConfig())
        self._path, self._step = np.zeros((0, 2)), 0
        self._last_action = FORWARD

    def act(self, inputs: NavigatorInput, goal: NDArray[np.float64]) -> int:
        """Replan every eighth step and after a collision, then follow the path."""
        world = self.world
        world.observe(inputs.depth, inputs.pose, inputs.collided, inputs.sigma_m)
        if inputs.collided or self._step % _THINK_EVERY == 0:
            self._path = self.world.optimistic_path_to(goal)
        self._step += 1
        if np.linalg.norm(self._path[-1] - world.xy) < 0.1:
            return RIGHT  # at the goal, by its own odometry
        ahead = self._path[-1] - world.xy
        view = Viewpoint(self._path[-1], float(np.arctan2(ahead[1], ahead[0])), self._path[-1])
        action = steer(world.yaw, heading_along(world.ways, self._path, view, world.xy), world.blocked)
        is_open = not np.isclose(world.blocked, world.yaw, atol=0.1).any()
        self._last_action = without_dithering(action, self._last_action, is_open)
        return self._last_action


def topological() -> TopologicalExplorer:
    """The greedy rule on the topological map."""
    return TopologicalExplorer(Greedy())


def goal_frontier() -> TopologicalExplorer:
    """The frontier with the shortest path to it plus straight rest to the goal; no topology."""
    return TopologicalExplorer(LeastDetour(), HierarchyConfig(nodes="frontiers"))
