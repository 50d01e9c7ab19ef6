"""A reward for getting to places that a topological map proposes (TopoNav-style)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.navigation import Frames
from robonav.envs.sensors.camera import Camera
from robonav.maps.occupancy import PATCH_DIMENSIONS, OccupancyGrid
from robonav.maps.sub_goals import SubGoalWeights, choose_sub_goal, novelty, sub_goal_scores
from robonav.maps.topology import TopologicalMap, TopologyConfig

_PIXELS = 2  # every second row and column of the depth image is enough for a map of 20 cm
_CELL_M = 0.20
_FRONTIER_M = 2.0  # longer frontiers are more than one sub-goal
_BODY_M = 0.18
_BUMP_M = 0.3  # how far ahead lies what blocked a move


@dataclass(frozen=True)
class SubGoalConfig:
    """What is paid. TopoNav gives no formula; these are the constants of the reference design."""

    reached: float = 1.0
    """For getting to a sub-goal that was never visited; 1 / (1 + visits) of it for others."""
    step: float = 0.01
    """Taken off for each step."""
    collision: float = 0.1
    """Taken off for each blocked move."""
    patience: int = 100
    """Steps after which a sub-goal is given up."""
    look_every: int = 8
    """Steps between two looks at the frontiers."""
    weights: SubGoalWeights = field(default_factory=SubGoalWeights)
    topology: TopologyConfig = field(default_factory=TopologyConfig)


@dataclass(frozen=True, eq=False)
class SubGoal:
    """Where to go; it stays there until it is reached or given up, also if its frontier is gone by then.

    Attributes:
        node: Id of the place or frontier.
        xy: (2,) metres.
        novelty: What it is worth, in (0, 1].
    """

    node: int
    xy: NDArray[np.float64]
    novelty: float


class SubGoalReward:
    """An intrinsic reward: each agent's map proposes a sub-goal, and getting there is paid once.

    The maps are built from true depth and pose. The policy is not told where its sub-goal is.

    Args:
        num_envs: Number of environments, each with a map of its own.
        camera: The camera of the frames.
        config: What is paid.
    """

    def __init__(self, num_envs: int, camera: Camera, config: SubGoalConfig | None = None) -> None:
        self.config = config or SubGoalConfig()
        self._rays = camera.directions()[::_PIXELS, ::_PIXELS]
        self.topology = TopologicalMap(num_envs, PATCH_DIMENSIONS, self.config.topology)
        self.sub_goals: list[SubGoal | None] = [None] * num_envs
        self._grids: list[OccupancyGrid | None] = [None] * num_envs
        self._steps = np.zeros(num_envs, np.int64)  # of the episode
        self._pursued = np.zeros(num_envs, np.int64)  # steps since the sub-goal was proposed

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Throw the maps and sub-goals of these environments away."""
        self.topology.reset(env_ids)
        for env in range(len(self._grids)) if env_ids is None else env_ids:
            self.sub_goals[env] = self._grids[env] = None
            self._steps[env] = self._pursued[env] = 0

    def compute(self, frames: Frames) -> NDArray[np.float32]:
        """Reward (N,) for where the agents got to: sub-goal reached, a step gone, a move blocked."""
        worth = [self._arrived(env, frames) for env in range(len(self.sub_goals))]
        paid = self.config.reached * np.array(worth) - self.config.step
        return (paid - self.config.collision * frames.collided).astype(np.float32)

    def update(self, frames: Frames) -> None:
        """Take the frames into the maps, and propose new sub-goals where the old ones are done with."""
        for env, mapper in enumerate(self.topology.mappers):
            arrived = self._arrived(env, frames) > 0
            xy = frames.position[env, :2].astype(np.float64)
            mapper.observe(xy, self._look(env, frames).patch(xy))
            if self._steps[env] % self.config.look_every == 0:
                self._see_frontiers(env)
            self._steps[env] += 1
            self._pursued[env] += 1
            self._pursue(env, arrived)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Nothing: the maps live and die with the episode."""
        return {}

    def load_state_dict(self, state: dict[str, NDArray[Any]]) -> None:
        """Nothing to restore."""
        if state:
            raise ValueError(f"sub-goals keep no state between episodes, found {sorted(state)}")

    def _arrived(self, env: int, frames: Frames) -> float:
        """What the sub-goal is worth if the agent is there, else 0."""
        sub_goal = self.sub_goals[env]
        if sub_goal is None:
            return 0.0
        away = np.linalg.norm(frames.position[env, :2] - sub_goal.xy)
        return sub_goal.novelty if away <= self.config.topology.reach_m else 0.0

    def _look(self, env: int, frames: Frames) -> OccupancyGrid:
        """The agent's grid with its frame in it."""
        xy, pose = frames.position[env, :2].astype(np.float64), frames.T_world_camera[env]
        grid = self._grids[env]
        if grid is None:
            grid = self._grids[env] = OccupancyGrid(xy, float(frames.position[env, 2]), _CELL_M)
        grid.integrate(frames.depth[env, ::_PIXELS, ::_PIXELS], pose, self._rays)
        grid.clear(xy, _BODY_M)
        if frames.collided[env]:
            yaw = float(frames.yaw[env])
            grid.block(xy + _BUMP_M * np.array([np.cos(yaw), np.sin(yaw)]))
        return grid

    def _see_frontiers(self, env: int) -> None:
        grid = self._grids[env]
        assert grid is not None
        found = grid.frontiers(max_extent=_FRONTIER_M)
        centres = grid.centre(np.array([frontier.centre for frontier in found]).reshape(-1, 2))
        sizes = np.array([len(frontier.cells) for frontier in found], np.int64)
        self.topology.mappers[env].see_frontiers(centres, sizes)

    def _pursue(self, env: int, arrived: bool) -> None:
        """Keep the sub-goal, or propose the next one."""
        mapper, sub_goal = self.topology.mappers[env], self.sub_goals[env]
        if sub_goal is not None and not arrived:
            if self._pursued[env] < self.config.patience:
                return
            mapper.failed(sub_goal.node)
        self.sub_goals[env], self._pursued[env] = self._propose(env), 0

    def _propose(self, env: int) -> SubGoal | None:
        mapper = self.topology.mappers[env]
        nodes = mapper.candidates()
        scores = sub_goal_scores(nodes, self.config.weights, mapper.xy)
        row = choose_sub_goal(nodes, scores, mapper.xy, 2 * self.config.topology.reach_m)
        if row is None:
            return None
        node = int(nodes.ids[row])
        if nodes.is_frontier[row]:
            mapper.graph.frontiers[node].tries += 1
        return SubGoal(node, nodes.xy[row], float(novelty(nodes.visits[row])))
