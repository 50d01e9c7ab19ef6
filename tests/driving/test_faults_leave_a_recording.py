"""Whatever ends a drive, what was recorded up to then is read back, and lost frames alone end nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robonav.driving import teleoperation
from robonav.driving.driver import Decision, DriveObserver, Driver, RobotState
from robonav.driving.recording import Recorder
from robonav.driving.robot_map import RobotMap
from robonav.driving.teleoperation import Teleoperation
from robonav.envs.navigation.steps import FORWARD, LEFT
from robonav.envs.robots.robot import CameraFrame, Twist
from robonav.envs.robots.simulated import SimulatedRobot
from tests.driving.robots import Kept, Told, robot_in_a_room
from tests.driving.test_recording import messages

pytestmark = pytest.mark.usefixtures("engine")

Look = Callable[[], CameraFrame | None]
FAULT_S = 1.5


class Fault(DriveObserver):
    """Does something once the robot's clock has reached 1.5 s."""

    def __init__(self, happen: Callable[[], None]) -> None:
        self._happen = happen

    def tick(self, state: RobotState) -> None:
        if state.stamp_s >= FAULT_S:
            self._happen()
            self._happen = lambda: None


def silent(robot: SimulatedRobot, people: Teleoperation) -> None:
    last = robot.frame()
    robot.frame = lambda: last  # type: ignore[method-assign]


def black(robot: SimulatedRobot, people: Teleoperation) -> None:
    look: Look = robot.frame
    robot.frame = lambda: dark(look())  # type: ignore[method-assign]


def dark(frame: CameraFrame | None) -> CameraFrame | None:
    return None if frame is None else replace(frame, rgb=np.zeros_like(frame.rgb))


def stuck(robot: SimulatedRobot, people: Teleoperation) -> None:
    roll = robot._vehicle.roll
    robot._vehicle.roll = lambda left, right: roll(0.0, right)  # type: ignore[method-assign]


def interrupted(robot: SimulatedRobot, people: Teleoperation) -> None:
    raise KeyboardInterrupt


def abandoned(robot: SimulatedRobot, people: Teleoperation) -> None:
    people.joined()
    people.stop()
    people.left()


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (silent, "no camera frame for 2."),
        (black, "frames are black"),
        (stuck, "a wheel may be stuck"),
        (interrupted, "stopped by Ctrl-C"),
        (abandoned, "no browser has been connected"),
    ],
)
def test_the_recording_is_whole_up_to_the_stop(
    fault: Callable[[SimulatedRobot, Teleoperation], None],
    cause: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(teleoperation, "ABANDONED_S", 0.2)
    robot, people, kept = robot_in_a_room(), Teleoperation(), Kept()
    robot_map = RobotMap(robot.camera, robot.odometry())
    recorder = Recorder(tmp_path / "run.mcap", robot.camera, robot_map, lambda: robot.true_pose)
    observers = [kept, robot_map, recorder, Fault(lambda: fault(robot, people))]
    outcome = Driver(robot, Told(FORWARD, LEFT), observers, people).run(20)
    recorder.close()
    assert cause in str(outcome.cause)
    found = messages(tmp_path / "run.mcap")
    assert [m.pose.pose.position.x for m in found["/odom"]] == [m.odometry.x for m in kept.states]
    assert len(found["/decision"]) == outcome.decisions
    before = robot.true_pose
    robot.tick()
    np.testing.assert_allclose(robot.true_pose, before, atol=1e-3, err_msg="it still moves")
    robot.close()


def test_a_pilot_that_gives_nan_is_recorded_up_to_then(tmp_path: Path) -> None:
    robot = robot_in_a_room()
    recorder = Recorder(tmp_path / "run.mcap", robot.camera, RobotMap(robot.camera, robot.odometry()))
    outcome = Driver(robot, Told(Twist(0.2, 0.0), Twist(float("nan"), 0.0)), [recorder]).run(5)
    recorder.close()
    assert "not a finite velocity" in str(outcome.cause)
    assert len(messages(tmp_path / "run.mcap")["/decision"]) == 1
    robot.close()


@pytest.mark.parametrize("kept_of", [2, 5, 15])
def test_frames_that_are_dropped_now_and_then_are_waited_for(kept_of: int) -> None:
    """Of so many frames one comes; at 10 a second the longest gap is 1.5 s."""
    robot, pilot = robot_in_a_room(), Told(FORWARD, LEFT)
    look, seen = robot.frame, list[CameraFrame]()

    def dropping() -> CameraFrame | None:
        frame = look()
        if frame is not None and (not seen or frame.stamp_s > seen[-1].stamp_s + 0.1 * kept_of - 0.01):
            seen.append(frame)
        return seen[-1] if seen else None

    robot.frame = dropping  # type: ignore[method-assign]
    outcome = Driver(robot, pilot).run(4)
    assert outcome.cause is None
    assert outcome.decisions == 4
    for before, shown in zip(pilot.shown, pilot.shown[1:], strict=False):
        assert shown.frame.stamp_s > before.frame.stamp_s
        assert abs(shown.odometry.twist.forward) < 0.01  # it waited, standing
    robot.close()


def test_a_watcher_that_fails_leaves_the_robot_standing(tmp_path: Path) -> None:
    """A defect is raised as it is, after the robot was braked."""

    class Broken(DriveObserver):
        def decided(self, decision: Decision) -> None:
            raise ZeroDivisionError

    robot = robot_in_a_room()
    with pytest.raises(ZeroDivisionError):
        Driver(robot, Told(FORWARD), [Broken()]).run(3)
    assert abs(robot.odometry().twist.forward) < 0.01
    robot.close()
