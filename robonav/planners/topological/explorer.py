"""Two-level navigation as an agent: depth and odometry in, actions out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.navigation.steps import carried_out
from robonav.envs.odometry import dead_reckoned
from robonav.envs.sensors.camera import Camera
from robonav.planners.topological.config import HierarchyConfig
from robonav.planners.topological.navigator import NavigatorInput, SubGoalNavigator
from robonav.planners.topological.rules import MetaController

if TYPE_CHECKING:
    from robonav.envs.world import Frames

DEPTH_CAMERA = Camera(width=32, height=32)


class NavigatorInputs:
    """Builds the inputs of N navigators from observations; counts steps where a task gives no odometry.

    Depth comes from the simulator, as from a depth camera; the simulator's pose is never read.
    """

    def __init__(self, num_agents: int) -> None:
        self._pose = np.zeros((num_agents, 3))  # in the frames of the starts, by counting steps

    def batch(
        self, observation: dict[str, NDArray[Any]], depth: NDArray[np.float32], collided: NDArray[np.bool_]
    ) -> list[NavigatorInput]:
        """The inputs of N navigators; call it once a step.

        Args:
            observation: Observation of the task, with `previous_action`.
            depth: (N, H, W) metres.
            collided: (N,) bumper contacts.
        """
        self._pose = dead_reckoned(self._pose, *carried_out(np.asarray(observation["previous_action"])))
        count = len(depth)
        odometry = observation.get("odometry", np.column_stack([self._pose, np.zeros(count)]))
        goals = (
            [None] * count if "point_goal" not in observation else _goals(observation["point_goal"], odometry)
        )
        return [
            NavigatorInput(depth[k], odometry[k, :3], bool(collided[k]), goals[k], float(odometry[k, 3]))
            for k in range(count)
        ]


def _goals(point_goal: NDArray[np.floating], odometry: NDArray[np.floating]) -> list[NDArray[np.float64]]:
    heading = odometry[:, 2] + point_goal[:, 1]
    ahead = point_goal[:, :1] * np.column_stack([np.cos(heading), np.sin(heading)])
    return list((odometry[:, :2] + ahead).astype(np.float64))


class TopologicalExplorer:
    """Drives to the sub-goals of a meta-controller, and to the goal once a path to it is known.

    Args:
        meta: Chooses the next node of the topological map.
        config: Configuration of the navigators.
    """

    camera = DEPTH_CAMERA

    def __init__(self, meta: MetaController, config: HierarchyConfig | None = None) -> None:
        self.meta, self.config = meta, config or HierarchyConfig()

    def reset(self, num_agents: int, seed: int) -> None:
        """Forget all maps."""
        self.robots = [SubGoalNavigator(self.camera, self.config) for _ in range(num_agents)]
        self._inputs = NavigatorInputs(num_agents)
        self.meta.reset(seed)

    def act(
        self, observation: dict[str, NDArray[np.generic]], frames: Frames, camera: Camera
    ) -> NDArray[np.int64]:
        """Update the maps, choose missing sub-goals, and return actions (N,)."""
        inputs = self._inputs.batch(observation, frames.depth, frames.collided)
        for robot, entry in zip(self.robots, inputs, strict=True):
            robot.observe(entry)
        give_sub_goals(self.robots, self.meta)
        return np.array([robot.act() for robot in self.robots])


def give_sub_goals(robots: list[SubGoalNavigator], meta: MetaController) -> None:
    """Let the meta-controller choose for all navigators that need a sub-goal and have candidates."""
    open_choices = [(robot, robot.choices()) for robot in robots if robot.needs_sub_goal]
    asked = [(robot, choices) for robot, choices in open_choices if len(choices)]
    if asked:
        rows = meta.choose([choices for _, choices in asked])
        for (robot, choices), row in zip(asked, rows, strict=True):
            robot.pursue(choices, row)
