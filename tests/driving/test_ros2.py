"""A robot that speaks ROS 2 is driven as a simulated one is: right types, right rates, clear words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from robonav.driving.driver import Driver
from robonav.envs.navigation.steps import FORWARD, LEFT
from robonav.envs.robots.robot import RobotError, Twist
from robonav.envs.robots.ros2 import RosRobot
from robonav.launch import cli
from tests.driving.fake_ros import FakeRos
from tests.driving.robots import Told


@pytest.fixture
def ros(monkeypatch: pytest.MonkeyPatch) -> FakeRos:
    fake = FakeRos()
    fake.install(monkeypatch)
    return fake


def real_robot() -> RosRobot:
    return RosRobot(1.25, Twist(0.3, 1.0), Twist(0.5, 2.0))


def test_steps_are_driven_by_its_odometry_and_it_is_left_standing(ros: FakeRos) -> None:
    robot = real_robot()
    assert Driver(robot, Told(FORWARD, LEFT)).run(4).cause is None
    here = robot.odometry()
    ideal = 0.25 + 0.25 * np.exp(1j * np.radians(15))
    assert (here.x, here.y) == pytest.approx((ideal.real, ideal.imag), abs=0.02)
    assert here.yaw == pytest.approx(np.radians(30), abs=0.02)
    robot.close()
    last = ros.published[-1][1]
    assert (last.linear.x, last.angular.z) == (0.0, 0.0)
    assert not ros.is_up


def test_commands_are_published_twenty_times_a_second(ros: FakeRos) -> None:
    robot = real_robot()
    Driver(robot, Told(FORWARD, LEFT)).run(4)
    stamps = [stamp for topic, _, stamp in ros.published if topic == "/cmd_vel"]
    np.testing.assert_allclose(np.diff(stamps), 0.05, atol=1e-6)


@pytest.mark.parametrize(("encoding", "rgb"), [("rgb8", (200, 50, 10)), ("bgr8", (10, 50, 200))])
def test_images_are_read_as_they_are_encoded(ros: FakeRos, encoding: str, rgb: tuple[int, ...]) -> None:
    ros.encoding = encoding
    robot = real_robot()
    frame = robot.frame()
    assert frame is not None
    assert frame.rgb.shape == (6, 8, 3)
    assert tuple(frame.rgb[3, 5]) == rgb
    np.testing.assert_array_equal(frame.depth, 2.0)
    assert robot.camera.hfov_deg == pytest.approx(90.0)  # fx = 4 at 8 pixels


def test_its_bumper_blocks_a_step(ros: FakeRos) -> None:
    robot, pilot = real_robot(), Told(FORWARD)
    ros.bumped = True
    Driver(robot, pilot).run(2)
    assert [observation.blocked for observation in pilot.shown] == [False, True]


def test_a_silent_robot_is_told_by_its_topics(ros: FakeRos) -> None:
    ros.silent = {"/odom", "/camera/image_raw"}
    with pytest.raises(RobotError, match="nothing came on /odom, /camera/image_raw for 5 s"):
        real_robot()
    assert not ros.is_up


def test_an_unknown_encoding_is_named(ros: FakeRos) -> None:
    ros.encoding = "yuv422"
    with pytest.raises(RobotError, match="8x6 in yuv422 came: expected 8x6 in rgb8 or bgr8"):
        real_robot()


def test_the_command_drives_it_and_publishes_its_map(ros: FakeRos, tmp_path: Path) -> None:
    command = ["drive", "straight", "--robot", "ros2", "--steps", "3", "--out", str(tmp_path)]
    assert cli.main(command) == 2  # 8x6 pixels of 90° are lower than the explorer's 64x64
    assert not ros.is_up
    ros.height = 8
    assert cli.main(command) == 0
    assert json.loads((tmp_path / "drive.json").read_text())["steps"] == 3
    maps = [sent for topic, sent, _ in ros.published if topic == "/map"]
    assert maps[-1].info.resolution == 0.05
    assert set(maps[-1].data) == {-1, 0, 100}


def test_without_ros_one_sentence_says_what_to_install(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["drive", "straight", "--robot", "ros2"]) == 2
    assert "install ROS 2 and source its setup.bash" in capsys.readouterr().err
