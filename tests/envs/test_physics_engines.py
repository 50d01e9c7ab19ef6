"""Both physics engines keep one protocol, and move vehicles alike."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from robonav.envs import physics
from robonav.envs.physics import PHYSICS_HZ, Physics, Vehicle, open_physics
from robonav.envs.physics.nearby import Nearby
from robonav.envs.robots.robot import RobotError
from robonav.envs.robots.spec import HUSKY, ROBOTS, TURTLEBOT, RobotSpec
from robonav.envs.scenes.scene import Scene
from tests.worlds import box_room

MIDDLE = (3.0, 2.0, 0.0)
# Seconds, and the speeds of the left and right wheels, m/s.
COMMANDS = ((2.0, 0.2, 0.2), (2.0, 0.1, 0.2), (1.0, -0.1, 0.1), (2.0, -0.15, -0.15), (1.0, 0.0, 0.0))


def with_boxes(*boxes: tuple[Sequence[float], Sequence[float]]) -> Scene:
    """The room with boxes: extents and centre of each."""
    scene = box_room()
    vertices, triangles = [scene.vertices], [scene.triangles]
    for extents, centre in boxes:
        box = trimesh.creation.box(extents=extents)
        triangles.append(box.faces.astype(np.int32) + sum(map(len, vertices)))
        vertices.append((box.vertices + centre).astype(np.float32))
    return replace(scene, vertices=np.concatenate(vertices), triangles=np.concatenate(triangles))


@contextmanager
def world_with(
    engine: str, spec: RobotSpec = TURTLEBOT, scene: Scene | None = None, start: Sequence[float] = MIDDLE
) -> Iterator[tuple[Physics, Vehicle]]:
    with closing(open_physics(engine, scene or box_room(), 0.0)) as world:
        vehicle = world.add_vehicle(spec, (start[0], start[1], start[2]))
        run(world, vehicle, 0.5, 0.0, 0.0)
        yield world, vehicle


def run(world: Physics, vehicle: Vehicle, seconds: float, left: float, right: float) -> int:
    """Steps with a bump; speeds rise within 0.3 s, as the base's own limits have it."""
    bumps, begins = 0, round(0.3 * PHYSICS_HZ)
    for k in range(round(seconds * PHYSICS_HZ)):
        share = min(1.0, (k + 1) / begins)
        vehicle.roll(share * left, share * right)
        world.step()
        bumps += vehicle.bumps()
    return bumps


def at(vehicle: Vehicle) -> NDArray[np.float64]:
    """x, y, z, yaw."""
    pose = vehicle.pose()
    _, _, qz, qw = pose.orientation
    return np.array([*pose.position, 2 * np.arctan2(qz, qw)])


def drive(engine: str, spec: RobotSpec, scene: Scene | None = None) -> NDArray[np.float64]:
    """Poses after each of the commands."""
    poses = []
    with world_with(engine, spec, scene) as (world, vehicle):
        for command in COMMANDS:
            run(world, vehicle, *command)
            poses.append(at(vehicle))
    return np.array(poses)


@pytest.mark.parametrize("spec", ROBOTS.values(), ids=ROBOTS)
def test_a_straight_line_is_as_long_as_its_wheels_rolled(engine: str, spec: RobotSpec) -> None:
    with world_with(engine, spec, start=(1.5, 2.0, 0.0)) as (world, vehicle):
        run(world, vehicle, 5.0, 0.3, 0.3)
        x, y, z, yaw = at(vehicle)
        assert x - 1.5 == pytest.approx(0.3 * (5.0 - 0.15), abs=0.01)
        assert np.mean(vehicle.rolled()) == pytest.approx(x - 1.5, abs=0.01)
    np.testing.assert_allclose((y - 2.0, z, yaw), 0.0, atol=0.01)


@pytest.mark.parametrize(("spec", "share"), [(TURTLEBOT, 0.01), (HUSKY, 0.06)], ids=ROBOTS)
def test_a_turn_on_the_spot_is_as_far_as_it_was_told(engine: str, spec: RobotSpec, share: float) -> None:
    with world_with(engine, spec) as (world, vehicle):
        run(world, vehicle, 2.0, -0.2, 0.2)
        assert at(vehicle)[3] == pytest.approx(2 * 0.2 * 1.85 / spec.wheel_base_m, rel=share)


@pytest.mark.parametrize("height_m", [0.06, 0.5, 1.2])
def test_what_stands_in_its_way_is_felt_where_it_stands(engine: str, height_m: float) -> None:
    scene = with_boxes(((0.3, 0.3, 0.02), (4.15, 2.0, height_m)))
    reach = TURTLEBOT.radius_m if height_m < 0.1 else 0.015  # base, or mast
    with world_with(engine, scene=scene, start=(3.9 - reach, 2.0, 0.0)) as (world, vehicle):
        vehicle.roll(0.05, 0.05)
        while not vehicle.bumps():
            world.step()
            assert at(vehicle)[0] < 4.1
        assert at(vehicle)[0] == pytest.approx(4.0 - reach, abs=0.005)


def test_it_passes_under_what_is_higher_than_it(engine: str) -> None:
    with world_with(engine, scene=with_boxes(((0.3, 3.0, 0.1), (4.0, 2.0, 1.4)))) as (world, vehicle):
        assert run(world, vehicle, 6.0, 0.3, 0.3) == 0
        assert at(vehicle)[0] > 4.5


@pytest.mark.parametrize(("step_m", "climbs"), [(0.01, True), (0.05, False)])
def test_steps_are_climbed_or_not(engine: str, step_m: float, climbs: bool) -> None:
    scene = with_boxes(((1.5, 3.0, step_m), (4.25, 2.0, 0.5 * step_m)))
    with world_with(engine, HUSKY if climbs else TURTLEBOT, scene, (2.6, 2.0, 0.0)) as (world, vehicle):
        run(world, vehicle, 5.0, 0.3, 0.3)
        x, _, z, _ = at(vehicle)
    assert (z > 0.8 * step_m and x > 3.9) == climbs


def test_a_hole_in_a_scan_does_not_swallow_it(engine: str) -> None:
    room = box_room()
    floor = (room.vertices[room.triangles][..., 2] == 0).all(axis=1)
    scene = replace(room, triangles=room.triangles[~floor])
    with world_with(engine, scene=scene) as (world, vehicle):
        run(world, vehicle, 2.0, 0.3, 0.3)
        assert at(vehicle)[2] == pytest.approx(-0.02, abs=0.005)
        assert at(vehicle)[0] == pytest.approx(3.0 + 0.3 * 1.85, abs=0.02)


@pytest.mark.parametrize("spec", ROBOTS.values(), ids=ROBOTS)
def test_the_same_commands_give_the_same_poses_bit_for_bit(engine: str, spec: RobotSpec) -> None:
    """Also in a process that has had another world in between."""
    scene = with_boxes(((0.3, 0.3, 0.3), (4.2, 2.3, 0.15)))
    first = drive(engine, spec, scene)
    drive(engine, TURTLEBOT)
    np.testing.assert_array_equal(first, drive(engine, spec, scene))


def test_a_side_without_grip_slips(engine: str) -> None:
    """The other side goes on, so the vehicle turns towards the side that slips."""
    yaws = []
    for share in (1.0, 0.02):
        with world_with(engine) as (world, vehicle):
            vehicle.grip(0, share)
            for _ in range(60):  # suddenly: 0.3 m/s at once
                vehicle.roll(0.3, 0.3)
                world.step()
            yaws.append(at(vehicle)[3])
    assert abs(yaws[0]) < 0.02
    assert yaws[1] > 0.1


def test_two_vehicles_in_one_world_meet(engine: str) -> None:
    with closing(open_physics(engine, box_room(), 0.0)) as world:
        left, right = (world.add_vehicle(TURTLEBOT, (x, 2.0, yaw)) for x, yaw in ((2.0, 0.0), (3.0, np.pi)))
        felt = [0, 0]
        for _ in range(3 * PHYSICS_HZ):
            left.roll(0.25, 0.25)
            right.roll(0.25, 0.25)
            world.step()
            felt = [count + vehicle.bumps() for count, vehicle in zip(felt, (left, right), strict=True)]
        gap = at(right)[0] - at(left)[0]
    assert min(felt) > 0
    assert gap == pytest.approx(2 * TURTLEBOT.radius_m, abs=0.01)


def test_a_world_that_was_closed_is_freed(engine: str) -> None:
    def opened(count: int) -> int:
        for _ in range(count):
            with world_with(engine):
                pass
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    if not Path("/proc/self/statm").exists():
        pytest.skip("how much memory a process has is read from /proc")
    before = opened(5)
    assert opened(60) - before < 20e6


@pytest.mark.parametrize(
    ("spec", "metres", "radians"), [(TURTLEBOT, 0.02, 0.02), (HUSKY, 0.04, 0.08)], ids=ROBOTS
)
def test_engines_agree(spec: RobotSpec, metres: float, radians: float) -> None:
    """In 8 s of lines, arcs and turns. How four wheels skid depends on how an engine shares their load."""
    if len(physics.installed()) < 2:
        pytest.skip("both engines are needed")
    difference = np.abs(drive("mujoco", spec) - drive("pybullet", spec))
    assert difference[:, :3].max() < metres
    assert difference[:, 3].max() < radians


def test_triangles_nearby_are_all_that_can_be_touched() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(-3, 3, (500, 1, 3)) + rng.uniform(-0.5, 0.5, (500, 3, 3))
    nearby, halves = Nearby(corners), np.full((2, 3), 0.2)
    for t in np.linspace(-2.0, 2.0, 100):
        centres = np.array([[t, 0.3, 0.0], [t, np.sin(t), 0.5]])
        if nearby.must_look(centres, halves):
            found = {triangle.tobytes() for triangle in nearby.look(centres, halves)}
        low, high = corners.min(axis=1)[:, None], corners.max(axis=1)[:, None]
        touched = ((low <= centres + halves) & (high >= centres - halves)).all(axis=2).any(axis=1)
        assert {triangle.tobytes() for triangle in corners[touched]} <= found


def test_what_cannot_be_is_told_in_one_sentence(engine: str, tmp_path: Path) -> None:
    with pytest.raises(RobotError, match="physics is 'ode': give one of auto, mujoco, pybullet"):
        open_physics("ode", box_room(), 0.0)
    with pytest.raises(RobotError, match=r"no surface between 0.3 m below and 1.6 m above its floor at z 9"):
        open_physics(engine, box_room(), 9.0)
    other = next(name for name in physics.ENGINES if name != engine)
    with pytest.raises(RobotError, match=rf"'{other}' is not installed, {engine} is: .*'robonav\[drive\]'"):
        open_physics(other, box_room(), 0.0)
    with closing(open_physics(engine, box_room(), 0.0)) as world:
        with pytest.raises(
            RobotError, match=r"turtlebot\.urdf has no joint 'paddle'.*it has .*left_wheel_joint"
        ):
            world.add_vehicle(replace(TURTLEBOT, left_wheels=("paddle",)), MIDDLE)
        with pytest.raises(RobotError, match=r"none\.urdf does not exist"):
            world.add_vehicle(replace(TURTLEBOT, urdf=str(tmp_path / "none.urdf")), MIDDLE)


def test_without_any_engine_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(physics, "installed", list)
    with pytest.raises(RobotError, match=r"needs MuJoCo or PyBullet.*pip install 'robonav\[drive\]'"):
        open_physics("auto", box_room(), 0.0)


def test_auto_takes_mujoco_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(physics, "find_spec", lambda name: name)
    assert physics.engine_of("auto") == "mujoco"
    monkeypatch.setattr(physics, "find_spec", lambda name: None if name == "mujoco" else name)
    assert physics.engine_of("auto") == "pybullet"
