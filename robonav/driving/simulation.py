"""One drive of an agent on a simulated robot, from the scene to the record."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from robonav.agent import Explorer
from robonav.driving.driver import DriveObserver, Driver, Outcome, Teleoperator
from robonav.driving.goal_image import NO_GOAL, Goal
from robonav.driving.measures import DriveMetrics, ExplorationMetrics
from robonav.driving.pilots import ExplorerPilot
from robonav.driving.robot_map import RobotMap
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.physics import AUTO
from robonav.envs.robots.placement import robot_start
from robonav.envs.robots.simulated import SimulatedRobot
from robonav.envs.robots.spec import Noise, RobotSpec
from robonav.envs.scenes import SceneSet
from robonav.envs.world import Episode
from robonav.evaluation.runner import plan_episodes
from robonav.evaluation.top_down_map import TopDownMap
from robonav.watching import Curve


class SimulatedDrive:
    """An agent and a robot at the start of an evaluation episode, or near it if the robot does not fit there.

    Args:
        explorer: The agent.
        scenes: Scenes; the seed chooses one.
        spec: The robot.
        noise: Noise of wheels, sensors and images.
        seed: Seeds scene, start, actions and noise.
        camera_px: Width and height of the robot's camera; None = as the explorer's.
        threads: Threads for ray casting; 0 = all cores.
        goal: Goal image, if the agent needs one.
        physics: The engine, `mujoco`, `pybullet` or `auto`.

    Attributes:
        curve: Gives visible completeness so far.

    Raises:
        SceneError: The scene cannot be used.
        RobotError: The physics engine is missing, or the robot does not fit into the scene.
    """

    def __init__(
        self,
        explorer: Explorer,
        scenes: SceneSet,
        spec: RobotSpec,
        noise: Noise,
        seed: int = 0,
        camera_px: int | None = None,
        threads: int = 0,
        goal: Goal = NO_GOAL,
        physics: str = AUTO,
    ) -> None:
        camera = explorer.camera
        if camera_px is not None:
            camera = replace(camera, width=camera_px, height=round(camera_px * camera.height / camera.width))
        simulator = NavigationSimulator(scenes, 1, camera, threads)
        planned = plan_episodes([scenes.scene_ids[seed % len(scenes.scene_ids)]], 1, seed)[0]
        self.world = simulator.load(planned.scene_id)
        start = robot_start(self.world, spec, planned.seed)
        self.episode = Episode(planned.episode_id, planned.scene_id, planned.seed, start)
        self.robot = SimulatedRobot(self.world, spec, start, noise, planned.seed, physics)
        self.map = RobotMap(camera, self.robot.odometry())
        self.curve: Callable[[], Curve] = Curve
        self._pilot = ExplorerPilot(explorer, camera, goal)

    def run(
        self, steps: int, observers: Sequence[DriveObserver] = (), teleoperator: Teleoperator | None = None
    ) -> tuple[Outcome, dict[str, Any], TopDownMap]:
        """Drive; returns the outcome, the record of `evaluate` with a `drive` part, and the top-down map."""
        ride = DriveMetrics()
        explored = ExplorationMetrics(self.episode, self.world, steps, lambda: self.robot.true_pose)
        self.curve = explored.curve
        driver = Driver(self.robot, self._pilot, (ride, explored, self.map, *observers), teleoperator)
        began = time.perf_counter()
        outcome = driver.run(steps, self.episode.seed)
        took = time.perf_counter() - began
        self.robot.close()
        record, picture = explored.result()
        figures = ride.result()
        record["drive"] = {
            **figures,
            "real_time_factor": round(figures["driven_s"] / took, 2),
            "stopped_by": outcome.cause,
        }
        return outcome, record, picture
