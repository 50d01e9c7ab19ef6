"""The simulated robot moves as kinematics say, sees from where it is, and is as noisy as it is told."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import trimesh

from robonav.envs.navigation.loaded_scenes import LoadedScene
from robonav.envs.robots.camera_noise import CameraNoise
from robonav.envs.robots.dead_reckoning import DeadReckoning
from robonav.envs.robots.placement import robot_start
from robonav.envs.robots.robot import RobotError, Twist
from robonav.envs.robots.simulated import SimulatedRobot
from robonav.envs.robots.spec import HUSKY, NO_NOISE, TURTLEBOT, Noise, RobotSpec
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.views import sensor_of
from tests.worlds import RADIUS, SIZE, box_room, room_floor

moved_by_each_engine = pytest.mark.usefixtures("engine")


def in_the_room(
    start: tuple[float, float, float] = (2.5, 2.0, 0.0),
    spec: RobotSpec = TURTLEBOT,
    noise: Noise = NO_NOISE,
    seed: int = 0,
) -> SimulatedRobot:
    return SimulatedRobot(the_room(box_room(), Camera(16, 16)), spec, start, noise, seed)


def the_room(scene: Any, camera: Camera | None = None) -> LoadedScene:
    return LoadedScene(scene, scene.free_space, camera and sensor_of(scene, camera, 1))


def drive(robot: SimulatedRobot, twist: Twist, seconds: float) -> None:
    for _ in range(round(seconds / robot.period_s)):
        robot.cmd_vel(twist)
        robot.tick()


@moved_by_each_engine
def test_it_follows_the_arc_of_a_unicycle() -> None:
    robot = in_the_room()
    drive(robot, Twist(0.2, 0.5), 1.0)  # up to speed
    x, y, yaw = robot.true_pose
    drive(robot, Twist(0.2, 0.5), 2.0)
    moved = np.array(robot.true_pose) - (x, y, yaw)
    radius = 0.2 / 0.5
    arc = radius * np.array([np.sin(yaw + 1.0) - np.sin(yaw), np.cos(yaw) - np.cos(yaw + 1.0)])
    np.testing.assert_allclose(moved[:2], arc, atol=0.01)
    assert moved[2] == pytest.approx(1.0, abs=0.02)
    believed = robot.odometry()
    np.testing.assert_allclose((believed.x, believed.y, believed.yaw), robot.true_pose, atol=0.01)
    robot.close()


@moved_by_each_engine
def test_speed_acceleration_and_latency_are_limited() -> None:
    robot = in_the_room((1.0, 2.0, 0.0))
    speeds = []
    for _ in range(30):
        robot.cmd_vel(Twist(5.0, 0.0))
        robot.tick()
        speeds.append(robot.odometry().twist.forward)
    assert speeds[0] == pytest.approx(0.0, abs=0.005)  # 0.05 s of latency
    assert max(np.diff(speeds)) / robot.period_s <= TURTLEBOT.acceleration.forward + 0.05
    assert speeds[-1] == pytest.approx(TURTLEBOT.limits.forward, abs=0.005)
    robot.close()


@moved_by_each_engine
def test_a_wall_stops_it_and_is_felt() -> None:
    robot = in_the_room((5.5, 2.0, 0.0))
    drive(robot, Twist(0.3, 0.0), 3.0)
    assert robot.true_pose[0] == pytest.approx(SIZE[0] - TURTLEBOT.radius_m, abs=0.01)
    drive(robot, Twist(-0.2, 0.0), 1.0)
    assert robot.contact_s() == 0
    robot.close()


@moved_by_each_engine
@pytest.mark.parametrize("yaw_deg", [0, 30, 180])
def test_the_edge_of_a_rug_does_not_hold_it(yaw_deg: float) -> None:
    """A sheet 5 mm above the floor, as generated houses have them; its back faces the robot from below."""
    scene = box_room()
    corners = np.array(
        [[2.4, 0.5, 0.005], [3.4, 0.5, 0.005], [3.4, 3.5, 0.005], [2.4, 3.5, 0.005]], np.float32
    )
    rug = len(scene.vertices) + np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    scene = replace(
        scene,
        vertices=np.concatenate([scene.vertices, corners]),
        triangles=np.concatenate([scene.triangles, rug]),
        corner_colors=np.concatenate([scene.corner_colors, np.full((2, 3, 3), 90, np.uint8)]),
        corner_uvs=np.concatenate([scene.corner_uvs, np.zeros((2, 3, 2), np.float32)]),
        texture_ids=np.concatenate([scene.texture_ids, np.full(2, -1, np.int32)]),
    )
    assert scene.free_space is not None
    world, yaw = (
        LoadedScene(scene, scene.free_space, sensor_of(scene, Camera(16, 16), 1)),
        np.radians(yaw_deg),
    )
    heading = np.array([np.cos(yaw), np.sin(yaw)])
    robot = SimulatedRobot(world, TURTLEBOT, (*((2.9, 2.0) - 0.95 * heading), yaw), NO_NOISE)
    drive(robot, Twist(0.25, 0.0), 8.0)
    believed, (x, y, _) = robot.odometry(), robot.true_pose
    assert ((x, y) - np.array([2.9, 2.0])) @ heading == pytest.approx(1.0, abs=0.1)  # over both edges
    assert (believed.x, believed.y) == pytest.approx((x, y), abs=0.05)
    robot.close()


@moved_by_each_engine
def test_its_camera_sees_what_lies_ahead_of_its_true_pose() -> None:
    robot = in_the_room()
    drive(robot, Twist(0.0, 0.8), 1.0)
    drive(robot, Twist(0.0, 0.0), 1.0)
    frame = robot.frame()
    assert frame is not None
    x, y, yaw = robot.true_pose
    heading = np.array([np.cos(yaw), np.sin(yaw)])
    away = np.min(np.where(heading > 0, SIZE[:2] - (x, y), np.array([x, y])) / np.abs(heading))
    assert frame.depth[7:9, 7:9].mean() == pytest.approx(away, rel=0.03)
    robot.close()


@moved_by_each_engine
@pytest.mark.parametrize("seeds", [(3, 3), (3, 4)], ids=["same", "other"])
def test_noise_is_that_of_the_seed(seeds: tuple[int, int]) -> None:
    ends = []
    for seed in seeds:
        robot = in_the_room(noise=Noise(), seed=seed)
        drive(robot, Twist(0.25, 0.2), 3.0)
        frame = robot.frame()
        assert frame is not None
        ends.append((*robot.true_pose, robot.odometry().x, float(frame.rgb.sum()), float(frame.depth.sum())))
        robot.close()
    assert (ends[0] == ends[1]) == (seeds[0] == seeds[1])


def test_a_wide_robot_starts_where_it_fits_and_a_small_one_where_evaluation_starts() -> None:
    from robonav.envs.navigation.episodes import seeded_start

    world = the_room(box_room())
    for seed in range(20):
        assert robot_start(world, TURTLEBOT, seed) == seeded_start(world.free_space, seed)
        x, y, _ = robot_start(world, HUSKY, seed)
        spare = HUSKY.radius_m - RADIUS
        inside = min(x - RADIUS, SIZE[0] - RADIUS - x, y - RADIUS, SIZE[1] - RADIUS - y)
        assert inside >= spare - 0.05
    with pytest.raises(RobotError, match="nowhere to put down a robot of 5 m radius"):
        robot_start(world, RobotSpec(**{**vars(HUSKY), "radius_m": 5}), 0)


@pytest.mark.parametrize(("height", "moves"), [(0.02, False), (0.10, True)])
def test_a_robot_is_not_put_down_on_what_an_agent_steps_over(height: float, moves: bool) -> None:
    from robonav.envs.navigation.episodes import seeded_start

    seed, room = 3, box_room()
    x, y, _ = seeded_start(room_floor(), seed)
    foot = trimesh.creation.box(extents=(0.1, 0.1, height))
    foot.apply_translation((x, y, height / 2))
    vertices = np.concatenate([room.vertices, foot.vertices]).astype(np.float32)
    triangles = np.concatenate([room.triangles, foot.faces + len(room.vertices)]).astype(np.int32)
    world = the_room(SimpleNamespace(vertices=vertices, triangles=triangles, free_space=room_floor()))
    at = robot_start(world, TURTLEBOT, seed)
    assert (np.hypot(at[0] - x, at[1] - y) > TURTLEBOT.radius_m) == moves
    assert world.free_space.island_at(np.array(at[:2])) == 1


def test_odometry_drifts_as_much_as_its_noise_says() -> None:
    """After 100 m straight in 500 s: the deviation of heading and of distance, over 200 robots."""
    noise = Noise(odometer_gain=0.01, gyro_bias_rad_s=0.0003, gyro_rad_sqrt_s=0.001)
    ends = []
    for seed in range(200):
        reckoning = DeadReckoning((0.0, 0.0, 0.0), noise, np.random.default_rng(seed))
        for k in range(1, 101):
            reckoning.update(5.0 * k, 1.0, 0.0)
        ends.append((reckoning.latest.yaw, reckoning._gain))
    yaw_sd, gain_sd = np.std(ends, axis=0)
    assert yaw_sd == pytest.approx(np.hypot(0.0003 * 500, 0.001 * np.sqrt(500)), rel=0.15)
    assert gain_sd == pytest.approx(0.01, rel=0.15)


def test_the_depth_noise_is_that_of_its_source() -> None:
    noise = CameraNoise(Noise(), np.random.default_rng(0))
    for distance in (1.0, 4.0):
        measured = noise.disturb_depth(np.full((200, 200), distance, np.float32))
        assert measured.std() == pytest.approx(0.0012 + 0.0019 * (distance - 0.4) ** 2, rel=0.05)
        assert measured.mean() == pytest.approx(distance, abs=0.001)
    assert not noise.disturb_depth(np.array([[0.0, 0.2, 9.0]], np.float32)).any()


def test_without_noise_nothing_is_changed() -> None:
    clear = CameraNoise(NO_NOISE, np.random.default_rng(0))
    rgb = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    np.testing.assert_array_equal(clear.disturb_rgb(rgb), rgb)
    depth = np.array([[0.0, 0.1, 20.0]], np.float32)
    np.testing.assert_array_equal(clear.disturb_depth(depth), depth)
