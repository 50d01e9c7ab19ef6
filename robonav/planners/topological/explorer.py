"""The two levels as an explorer: depth and odometry in, moves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.navigation.steps import carried_out
from robonav.envs.odometry import dead_reckoned
from robonav.envs.sensors.camera import Camera
from robonav.planners.topological.config import HierarchyConfig
from robonav.planners.topological.robot import Robot, Told
from robonav.planners.topological.rules import MetaController

if TYPE_CHECKING:
    from robonav.envs.world import Frames

DEPTH_CAMERA = Camera(width=32, height=32)


class Briefing:
    """Makes of observations what robots are told; where a task tells no odometry, steps are counted.

    Depth is the simulator's, as a depth camera would give it; no pose of the simulator is looked at.
    """

    def __init__(self, num_agents: int) -> None:
        self._pose = np.zeros((num_agents, 3))  # in the frames of the starts, by counting steps

    def told(
        self, observation: dict[str, NDArray[Any]], depth: NDArray[np.float32], collided: NDArray[np.bool_]
    ) -> list[Told]:
        """What each of N agents is told; to be called once a step.

        Args:
            observation: What the task and the agents' own actions tell.
            depth: (N, H, W) metres.
            collided: (N,) what bumpers tell.
        """
        self._pose = dead_reckoned(self._pose, *carried_out(np.asarray(observation["previous_action"])))
        count = len(depth)
        odometry = observation.get("odometry", np.column_stack([self._pose, np.zeros(count)]))
        goals = (
            [None] * count if "point_goal" not in observation else _goals(observation["point_goal"], odometry)
        )
        return [
            Told(depth[k], odometry[k, :3], bool(collided[k]), goals[k], float(odometry[k, 3]))
            for k in range(count)
        ]


def _goals(point_goal: NDArray[np.floating], odometry: NDArray[np.floating]) -> list[NDArray[np.float64]]:
    heading = odometry[:, 2] + point_goal[:, 1]
    ahead = point_goal[:, :1] * np.column_stack([np.cos(heading), np.sin(heading)])
    return list((odometry[:, :2] + ahead).astype(np.float64))


class TopologicalExplorer:
    """Goes to the sub-goals that a meta-controller chooses, and to a goal as soon as a way to it is known.

    Args:
        meta: Chooses among the nodes of the topological map.
        config: How the robots work.
    """

    camera = DEPTH_CAMERA

    def __init__(self, meta: MetaController, config: HierarchyConfig | None = None) -> None:
        self.meta, self.config = meta, config or HierarchyConfig()

    def reset(self, num_agents: int, seed: int) -> None:
        """Forget all maps."""
        self.robots = [Robot(self.camera, self.config) for _ in range(num_agents)]
        self._briefing = Briefing(num_agents)
        self.meta.reset(seed)

    def act(
        self, observation: dict[str, NDArray[np.generic]], frames: Frames, camera: Camera
    ) -> NDArray[np.int64]:
        """Take in depth and bumper, choose sub-goals where they are needed, and move."""
        told = self._briefing.told(observation, frames.depth, frames.collided)
        for robot, news in zip(self.robots, told, strict=True):
            robot.observe(news)
        give_sub_goals(self.robots, self.meta)
        return np.array([robot.act() for robot in self.robots])


def give_sub_goals(robots: list[Robot], meta: MetaController) -> None:
    """Let a meta-controller choose for all robots that need a sub-goal and have a choice."""
    open_choices = [(robot, robot.choices()) for robot in robots if robot.needs_sub_goal]
    asked = [(robot, choices) for robot, choices in open_choices if len(choices)]
    if asked:
        rows = meta.choose([choices for _, choices in asked])
        for (robot, choices), row in zip(asked, rows, strict=True):
            robot.pursue(choices, row)
