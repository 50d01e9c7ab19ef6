"""A small robot for tests: in the box room, with a camera of few pixels, and a pilot that obeys."""

from __future__ import annotations

from collections.abc import Sequence

from robonav.driving.driver import Decision, DriveObserver, RobotState
from robonav.driving.pilots import Observation
from robonav.envs.navigation.loaded_scenes import LoadedScene
from robonav.envs.robots.robot import Twist
from robonav.envs.robots.simulated import SimulatedRobot
from robonav.envs.robots.spec import NO_NOISE, TURTLEBOT, Noise, RobotSpec
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.views import sensor_of
from tests.worlds import box_room

CAMERA = Camera(16, 16)


def robot_in_a_room(
    start: tuple[float, float, float] = (2.0, 2.0, 0.0),
    spec: RobotSpec = TURTLEBOT,
    noise: Noise = NO_NOISE,
    seed: int = 0,
    camera: Camera = CAMERA,
) -> SimulatedRobot:
    scene = box_room()
    assert scene.free_space is not None
    return SimulatedRobot(
        LoadedScene(scene, scene.free_space, sensor_of(scene, camera, 1)), spec, start, noise, seed
    )


class Told:
    """A pilot that repeats what it was told, and keeps what it was shown."""

    def __init__(self, *actions: int | Twist) -> None:
        self._actions: Sequence[int | Twist] = actions
        self.shown: list[Observation] = []

    def reset(self, seed: int) -> None:
        self.shown.clear()

    def decide(self, observation: Observation) -> int | Twist:
        self.shown.append(observation)
        return self._actions[(len(self.shown) - 1) % len(self._actions)]


class Kept(DriveObserver):
    """Keeps everything."""

    def __init__(self) -> None:
        self.states: list[RobotState] = []
        self.decisions: list[Decision] = []

    def tick(self, state: RobotState) -> None:
        self.states.append(state)

    def decided(self, decision: Decision) -> None:
        self.decisions.append(decision)
