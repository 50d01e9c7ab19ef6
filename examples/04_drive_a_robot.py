"""Drive a simulated robot with your own velocities, and record the drive.

    python examples/04_drive_a_robot.py --out drive.mcap

The pilot goes ahead in curves; when the bumper is pressed it backs off and turns. Open the recording in
Foxglove, or play it with ROS 2. To let a trained agent drive instead, see `robonav drive --help`.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import tyro

from robonav.driving.driver import Driver
from robonav.driving.measures import DriveMetrics
from robonav.driving.pilots import Observation
from robonav.driving.recording import Recorder
from robonav.driving.robot_map import RobotMap
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.robots.placement import robot_start
from robonav.envs.robots.robot import Twist
from robonav.envs.robots.simulated import SimulatedRobot
from robonav.envs.robots.spec import TURTLEBOT, Noise
from robonav.envs.scenes import open_scenes
from robonav.envs.sensors.camera import Camera


class Wanderer:
    """Drives ahead in curves; after a bump it backs off and turns by a random angle."""

    def reset(self, seed: int) -> None:
        """Seed the random turns."""
        self._rng, self._plan = np.random.default_rng(seed), [Twist()]

    def decide(self, observation: Observation) -> Twist:
        """The velocity for the next 0.2 s."""
        if observation.blocked:
            turn = Twist(0.0, float(self._rng.choice([-1.0, 1.0])))
            self._plan = [Twist(-0.2, 0.0)] * 4 + [turn] * int(self._rng.integers(6, 16))
        if self._plan:
            return self._plan.pop(0)
        return Twist(0.3, 0.4 * float(np.sin(observation.odometry.stamp_s / 2)))


def main(
    scene: str = "procedural", decisions: int = 150, seed: int = 0, out: Path = Path("drive.mcap")
) -> None:
    """Drive for `decisions` times 0.2 s and record it."""
    scenes = open_scenes(scene, split="val")
    world = NavigationSimulator(scenes, 1, Camera(width=96, height=96)).load(scenes.scene_ids[0])
    start = robot_start(world, TURTLEBOT, seed)
    robot = SimulatedRobot(world, TURTLEBOT, start, Noise(), seed)
    ride, robot_map = DriveMetrics(), RobotMap(robot.camera, robot.odometry())
    with closing(Recorder(out, robot.camera, robot_map, lambda: robot.true_pose)) as recorder:
        outcome = Driver(robot, Wanderer(), (ride, robot_map, recorder)).run(decisions, seed)

    believed, (x, y, _) = robot.odometry(), robot.true_pose
    print(f"{world.scene.scene_id}: {outcome.decisions} decisions, {ride.result()}")
    print(f"the odometry is {np.hypot(believed.x - x, believed.y - y):.2f} m off")
    print(f"wrote {out}")
    robot.close()


if __name__ == "__main__":
    tyro.cli(main)
