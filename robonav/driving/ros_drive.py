"""One drive of an agent on a robot that speaks ROS 2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from robonav.agent import Explorer
from robonav.driving.driver import DriveObserver, Driver, Outcome, RobotState, Teleoperator
from robonav.driving.goal_image import NO_GOAL, Goal
from robonav.driving.measures import DriveMetrics
from robonav.driving.pilots import ExplorerPilot
from robonav.driving.robot_map import RobotMap
from robonav.envs.robots.robot import Twist
from robonav.envs.robots.ros2 import RosRobot
from robonav.errors import UsageError
from robonav.watching import Curve

LIMITS, ACCELERATION = Twist(0.3, 1.0), Twist(0.5, 2.0)  # slow enough for most indoor robots
MAP_EVERY_S = 1.0


class RosDrive:
    """An agent and a running ROS 2 robot; without depth images its map stays empty.

    Attributes:
        curve: Gives an empty one, because there is no ground truth.

    Raises:
        RobotError: ROS 2 is missing, or the robot is silent.
        UsageError: Its camera sees less than the explorer's.
    """

    def __init__(self, explorer: Explorer, goal: Goal = NO_GOAL) -> None:
        self.robot = RosRobot(explorer.camera.height_m, LIMITS, ACCELERATION)
        self.map = RobotMap(self.robot.camera, self.robot.odometry())
        self.curve: Callable[[], Curve] = Curve
        try:
            self._pilot = ExplorerPilot(explorer, self.robot.camera, goal)
        except UsageError:
            self.robot.close()
            raise

    def run(
        self,
        steps: int,
        seed: int,
        observers: Sequence[DriveObserver] = (),
        teleoperator: Teleoperator | None = None,
    ) -> tuple[Outcome, dict[str, Any]]:
        """Drive; returns the outcome and the drive's metrics."""
        ride = DriveMetrics()
        publisher = MapPublisher(self.robot, self.map)
        driver = Driver(self.robot, self._pilot, (ride, self.map, publisher, *observers), teleoperator)
        outcome = driver.run(steps, seed)
        self.robot.close()
        return outcome, {**ride.result(), "steps": outcome.decisions, "stopped_by": outcome.cause}


class MapPublisher(DriveObserver):
    """Publishes the robot's map once a second."""

    def __init__(self, robot: RosRobot, robot_map: RobotMap) -> None:
        self._robot, self._map = robot, robot_map
        self._next_s = robot.now()

    def tick(self, state: RobotState) -> None:
        """Publish, if it is time."""
        if state.stamp_s >= self._next_s:
            self._next_s = state.stamp_s + MAP_EVERY_S
            self._robot.publish_map(self._map.message(state.stamp_s))
