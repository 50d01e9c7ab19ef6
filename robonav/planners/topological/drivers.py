"""Who drives to sub-goals: the planner on the robot's map, or a policy that learned to go to far places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robonav.envs.navigation.steps import FORWARD
from robonav.envs.sensors.camera import Camera
from robonav.errors import UsageError
from robonav.planners.topological.robot import Robot

if TYPE_CHECKING:
    from robonav.agents.policy import PolicyExplorer
    from robonav.envs.world import Frames

DEPTH_CAMERA = Camera(width=32, height=32)


class Driver(Protocol):
    """Moves robots to where they want to go.

    Attributes:
        camera: What it wants to see through.
    """

    camera: Camera

    def reset(self, num_agents: int, seed: int) -> None:
        """New episodes begin."""

    def drive(
        self, robots: list[Robot], observation: dict[str, NDArray[Any]], frames: Frames
    ) -> NDArray[np.int64]:
        """Actions (N,) of robots that have taken in the frames."""
        ...


class Planner:
    """Follows the shortest known way."""

    camera = DEPTH_CAMERA

    def reset(self, num_agents: int, seed: int) -> None:
        """It remembers nothing."""

    def drive(
        self, robots: list[Robot], observation: dict[str, NDArray[Any]], frames: Frames
    ) -> NDArray[np.int64]:
        """What the robots' priorities say."""
        return np.array([robot.act() for robot in robots])


class PolicyDriver:
    """A policy that sees RGB and is told a relative place drives to sub-goals and to the goal.

    The robot's own priorities act where it wants nowhere, and where the policy would walk into what is on the
    map, unless the guard is off.

    Args:
        policy: Was trained for the task `sparse-goal`.

    Raises:
        UsageError: It was trained for something else.
    """

    def __init__(self, policy: PolicyExplorer) -> None:
        if policy.goal != "point_goal":
            raise UsageError("the driver was not trained to go to places: give a run of nano-sparse-goal")
        self._policy, self.camera = policy, policy.camera

    def reset(self, num_agents: int, seed: int) -> None:
        """Forget the episode."""
        self._policy.reset(num_agents, seed)

    def drive(
        self, robots: list[Robot], observation: dict[str, NDArray[Any]], frames: Frames
    ) -> NDArray[np.int64]:
        """What the policy does when it is told the sub-goals instead of the goals."""
        targets = [robot.target() for robot in robots]
        told = np.array([(0.0, 0.0) if target is None else target for target in targets], np.float32)
        wanted = self._policy.act({**observation, "point_goal": told}, frames, self.camera)
        actions = []
        for robot, target, action in zip(robots, targets, wanted.tolist(), strict=True):
            is_shut = robot.config.guard and action == FORWARD and robot.is_shut_ahead()
            actions.append(robot.act() if target is None or is_shut else action)
        return np.array(actions)
