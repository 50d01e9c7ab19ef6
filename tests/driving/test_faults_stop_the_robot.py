"""Whatever goes wrong, the robot stands still in the end, and the message names the cause."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from gymnasium import spaces

from robonav.agents.policy import PolicyExplorer
from robonav.driving.driver import Decision, DriveObserver, Driver
from robonav.envs.navigation.steps import FORWARD, LEFT, NUM_ACTIONS
from robonav.envs.robots.robot import CameraFrame, Twist
from robonav.envs.robots.simulated import SimulatedRobot
from robonav.envs.sensors.camera import Camera
from robonav.policies.config import SequencePolicyConfig
from robonav.policies.sequence import SequencePolicy
from tests.driving.robots import CAMERA, Told, robot_in_a_room

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture
def robot():
    robot = robot_in_a_room()
    yield robot
    before = robot.true_pose
    robot.tick()
    np.testing.assert_allclose(robot.true_pose, before, atol=1e-3, err_msg="it still moves")
    robot.close()


def from_second(robot: SimulatedRobot, second: float, change) -> None:
    """From then on, the robot's frames are what `change` makes of them."""
    look = robot.frame
    robot.frame = lambda: change(look()) if robot.now() > second else look()  # type: ignore[method-assign]


def test_frames_that_stop_coming(robot: SimulatedRobot) -> None:
    last = CameraFrame(1.0, np.full((16, 16, 3), 99, np.uint8), np.ones((16, 16), np.float32))
    from_second(robot, 1.0, lambda frame: last)
    outcome = Driver(robot, Told(FORWARD)).run(20)
    assert outcome.cause is not None
    assert "no camera frame for 2." in outcome.cause
    assert robot.now() < 1.0 + 2.0 + 1.2  # age of the last frame, and the time to stop


def test_a_camera_that_never_wakes_up(robot: SimulatedRobot) -> None:
    from_second(robot, -1.0, lambda frame: None)
    outcome = Driver(robot, Told(FORWARD)).run(20)
    assert outcome.decisions == 0
    assert "no camera frame" in str(outcome.cause)


def test_delayed_frames_are_waited_for(robot: SimulatedRobot) -> None:
    """The policy decides on what is seen where it stands, not on what was seen on the way there."""
    seen: list[CameraFrame] = []
    look = robot.frame

    def half_a_second_late() -> CameraFrame | None:
        frame = look()
        if frame is not None and (not seen or frame.stamp_s > seen[-1].stamp_s):
            seen.append(frame)
        return next((f for f in reversed(seen) if f.stamp_s <= robot.now() - 0.5), None)

    robot.frame = half_a_second_late  # type: ignore[method-assign]
    pilot = Told(FORWARD, LEFT)
    assert Driver(robot, pilot).run(4).cause is None
    for observation in pilot.shown:
        assert 0.5 <= observation.odometry.stamp_s - observation.frame.stamp_s < 0.65
        assert abs(observation.odometry.twist.forward) < 0.01


def test_black_frames(robot: SimulatedRobot) -> None:
    from_second(robot, 2.0, lambda frame: replace(frame, rgb=np.zeros_like(frame.rgb)))
    outcome = Driver(robot, Told(FORWARD)).run(20)
    assert outcome.decisions > 0
    assert "frames are black" in str(outcome.cause)


def test_a_stuck_wheel(robot: SimulatedRobot) -> None:
    vehicle = robot._vehicle
    roll = vehicle.roll
    vehicle.roll = lambda left, right: roll(0.0, right)  # type: ignore[method-assign]
    outcome = Driver(robot, Told(FORWARD)).run(20)
    assert outcome.decisions < 3
    assert "a wheel may be stuck" in str(outcome.cause)


def test_a_policy_whose_weights_are_not_finite(robot: SimulatedRobot) -> None:
    from robonav.driving.pilots import ExplorerPilot

    sizes = SequencePolicyConfig(width=16, blocks=1, heads=2, own_map=None, planner=None)
    seen = spaces.Dict(
        rgb=spaces.Box(0, 255, (3, 64, 64), np.uint8), previous_action=spaces.Discrete(NUM_ACTIONS + 1)
    )
    policy = SequencePolicy(seen, spaces.Discrete(NUM_ACTIONS), sizes)
    torch.nn.init.constant_(policy.critic.weight, torch.nan)  # what a run that diverged may have saved
    torch.nn.init.constant_(next(policy.actor.parameters()), torch.nan)
    pilot = ExplorerPilot(PolicyExplorer(policy, Camera(64, 64)), CAMERA)
    outcome = Driver(robot, pilot).run(20)
    assert outcome.decisions == 0
    assert "NaN" in str(outcome.cause)


@pytest.mark.parametrize("nonsense", [Twist(float("nan"), 0.0), Twist(0.0, float("inf")), 7])
def test_commands_that_make_no_sense(robot: SimulatedRobot, nonsense: int | Twist) -> None:
    outcome = Driver(robot, Told(FORWARD, nonsense)).run(20)
    assert outcome.decisions == 1
    assert "the pilot asked for" in str(outcome.cause)


def test_ctrl_c(robot: SimulatedRobot) -> None:
    class Impatient(DriveObserver):
        def decided(self, decision: Decision) -> None:
            raise KeyboardInterrupt

    outcome = Driver(robot, Told(FORWARD), [Impatient()]).run(20)
    assert outcome.cause == "stopped by Ctrl-C"


def test_a_driver_that_has_died(robot: SimulatedRobot) -> None:
    """The robot's own watchdog: without commands it stops."""
    for _ in range(20):
        robot.cmd_vel(Twist(0.3, 0.0))
        robot.tick()
    assert robot.odometry().twist.forward == pytest.approx(0.3, abs=0.01)
    for _ in range(30):
        robot.tick()
    assert robot.odometry().twist.forward == pytest.approx(0.0, abs=0.001)
