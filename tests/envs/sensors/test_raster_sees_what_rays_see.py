"""The rasteriser gives the pictures of the ray caster, without cracks, whoever renders what together."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import FORWARD, LEFT
from robonav.envs.scenes import open_scenes
from robonav.envs.scenes.scene import Scene
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raster.sensor import RasterSensor
from robonav.envs.sensors.raycast import RaycastSensor
from robonav.envs.sensors.views import render_views, sensor_of
from robonav.envs.world import Episode
from tests.worlds import RADIUS, SIZE, Rooms, box_room

CAMERA = Camera()


@cache
def house(number: int) -> Scene:
    houses = open_scenes("procedural", "train")
    return houses.load(houses.scene_ids[number])


def soup(corners: np.ndarray, uvs: np.ndarray | None = None, colors: np.ndarray | None = None) -> Scene:
    """Separate triangles (T, 3, 3), with a texture if there are texture coordinates."""
    count = len(corners)
    texture = np.random.default_rng(3).integers(0, 256, (16, 24, 3)).astype(np.uint8)
    return Scene(
        scene_id="soup",
        vertices=np.asarray(corners, np.float32).reshape(-1, 3),
        triangles=np.arange(3 * count, dtype=np.int32).reshape(-1, 3),
        corner_colors=np.full((count, 3, 3), 255, np.uint8) if colors is None else colors,
        corner_uvs=np.zeros((count, 3, 2), np.float32) if uvs is None else uvs.astype(np.float32),
        texture_ids=np.full(count, -1 if uvs is None else 0, np.int32),
        textures=() if uvs is None else (texture,),
    )


def textured_room() -> Scene:
    room = box_room()
    rng = np.random.default_rng(4)
    return soup(room.vertices[room.triangles], rng.uniform(-3, 3, (len(room.triangles), 3, 2)))


def rotations(rng: np.random.Generator, count: int) -> np.ndarray:
    """Random (count, 3, 3)."""
    Q = np.linalg.qr(rng.normal(size=(count, 3, 3)))[0]
    return Q * np.linalg.det(Q)[:, None, None]


def free_poses(scene: Scene, rng: np.random.Generator, count: int, jitter: float) -> np.ndarray:
    """Poses on the free floor, moved by up to `jitter` metres, so some are near or behind walls."""
    assert scene.free_space is not None
    xy = scene.free_space.sample(rng, count) + rng.uniform(-jitter, jitter, (count, 2))
    feet = np.column_stack([xy, np.full(count, scene.free_space.floor_z)])
    return CAMERA.poses(feet, rng.uniform(-np.pi, np.pi, count))


def assert_same_pictures(scene: Scene, poses: np.ndarray, camera: Camera = CAMERA) -> None:
    rgb, depth = RasterSensor(scene, camera, 1).render(poses)
    expected_rgb, expected_depth = RaycastSensor(scene, camera, 1).render(poses)
    assert (rgb.shape, rgb.dtype, depth.dtype) == (expected_rgb.shape, np.uint8, np.float32)
    assert (np.abs(depth - expected_depth) < 1e-3).mean() >= 0.999
    off = np.abs(rgb.astype(int) - expected_rgb).max(axis=-1)
    assert (off <= 2).mean() >= 0.998


@pytest.mark.parametrize("jitter", [0.0, 0.3])
@pytest.mark.parametrize("number", [0, 3, 16])
def test_houses_look_as_by_ray_casting(number: int, jitter: float) -> None:
    assert_same_pictures(house(number), free_poses(house(number), np.random.default_rng(number), 24, jitter))


def test_a_turned_camera_of_another_shape_sees_the_same() -> None:
    camera = Camera(width=50, height=37, hfov_deg=70)
    rng = np.random.default_rng(5)
    poses = free_poses(house(0), rng, 24, 0.0)
    poses[:, :3, :3] = rotations(rng, 24)
    assert_same_pictures(house(0), poses, camera)


def test_triangles_of_any_shape_and_colour_around_the_camera_look_as_by_ray_casting() -> None:
    rng = np.random.default_rng(6)
    # most of them cross the plane of the camera
    corners = rng.uniform(-2, 2, (60, 3, 3))
    colors = rng.integers(0, 256, (60, 3, 3)).astype(np.uint8)
    poses = np.tile(np.eye(4), (24, 1, 1))
    poses[:, :3, :3] = rotations(rng, 24)
    poses[:, :3, 3] = rng.uniform(-1, 1, (24, 3))
    assert_same_pictures(soup(corners, colors=colors), poses)
    assert_same_pictures(soup(corners, rng.uniform(-0.5, 1.5, (60, 3, 2)), colors), poses)


def test_a_triangle_across_the_plane_of_the_camera_is_seen_where_it_is_ahead() -> None:
    """A floor 1 m below that starts 5 m behind: row j sees it at 32 / (j - 31.5) m."""
    scene = soup(np.array([[[-5, -90, -1], [-5, 90, -1], [90, 0, -1]]]))
    _, depth = RasterSensor(scene, CAMERA, 1).render(
        Camera(height_m=0.0).poses(np.zeros((1, 3)), np.zeros(1))
    )
    np.testing.assert_allclose(depth[0, 34:, 32], 32 / (np.arange(34, 64) - 31.5), rtol=1e-5)
    assert not depth[0, :32].any()


def test_a_wall_is_at_its_distance_and_beside_it_is_nothing() -> None:
    wall = np.array([[2, 1, 1], [2, -1, 1], [2, -1, -1], [2, 1, -1]])
    scene = soup(wall[[[0, 1, 2], [0, 2, 3]]])
    sensor = RasterSensor(scene, CAMERA, 1)
    ahead, behind = Camera(height_m=0.0).poses(np.zeros((2, 3)), np.array([0, np.pi]))
    assert len(sensor.mesh.faces) == 1, "two triangles that make a rectangle are drawn as one"
    rgb, depth = sensor.render(np.stack([ahead, behind]))
    np.testing.assert_allclose(depth[0, 16:48, 16:48], 2.0, rtol=1e-6)
    assert (rgb[0, 16:48, 16:48] == 255).all()
    assert (depth[0] > 0).sum() == 32 * 32
    assert not rgb[0][depth[0] == 0].any()
    assert not rgb[1].any()
    assert not depth[1].any()
    assert sensor.render(np.zeros((0, 4, 4)))[0].shape == (0, 64, 64, 3)


def test_triangles_that_look_different_stay_apart() -> None:
    square = np.array([[2, 1, 1], [2, -1, 1], [2, -1, -1], [2, 1, -1]])[[[0, 1, 2], [0, 2, 3]]]
    colors = np.full((2, 3, 3), 255, np.uint8)
    colors[1] = 9
    assert len(RasterSensor(soup(square, colors=colors), CAMERA).mesh.faces) == 2
    uvs = np.zeros((2, 3, 2))
    uvs[1] = 0.5
    assert len(RasterSensor(soup(square, uvs), CAMERA).mesh.faces) == 2


def test_a_closed_room_has_no_cracks() -> None:
    rng = np.random.default_rng(7)
    poses = np.tile(np.eye(4), (400, 1, 1))
    poses[:, :3, :3] = rotations(rng, 400)
    poses[::2, :3, :3] = CAMERA.poses(np.zeros((200, 3)), rng.integers(0, 24, 200) * np.pi / 12)[:, :3, :3]
    poses[:, :3, 3] = rng.uniform(0.01, SIZE - 0.01, (400, 3))
    # also cut into many triangles of any shape
    for scene in (textured_room(), cut(textured_room(), 5)):
        _, depth = RasterSensor(scene, CAMERA, 2).render(poses)
        assert (depth > 0).all()
        assert (depth < np.linalg.norm(SIZE)).all()


def cut(scene: Scene, rounds: int) -> Scene:
    """Each triangle cut in two, again and again, at a random point of its first side."""
    rng = np.random.default_rng(8)
    corners = scene.vertices[scene.triangles]
    for _ in range(rounds):
        a, b, c = corners.transpose(1, 0, 2)
        at = a + rng.uniform(0.3, 0.7, (len(a), 1)) * (b - a)
        corners = np.concatenate([np.stack([b, c, at], 1), np.stack([c, a, at], 1)])
    return soup(corners, np.zeros((len(corners), 3, 2)))


def test_frames_do_not_depend_on_threads_or_on_the_frames_rendered_with_them() -> None:
    scenes = [house(0), box_room(), house(3), textured_room()]
    poses = np.concatenate([free_poses(scenes[k % 2], np.random.default_rng(k), 1, 0.0) for k in range(8)])
    one_by_one = [RasterSensor(scenes[k % 4], CAMERA, 1).render(poses[k : k + 1]) for k in range(8)]
    for threads in (1, 2, 3):
        rgb, depth = np.zeros((8, 64, 64, 3), np.uint8), np.zeros((8, 64, 64), np.float32)
        sensors = [RasterSensor(scene, CAMERA, threads) for scene in scenes]
        render_views({k: sensors[k % 4] for k in range(8)}, poses, rgb, depth)
        np.testing.assert_array_equal(rgb, np.concatenate([frame for frame, _ in one_by_one]))
        np.testing.assert_array_equal(depth, np.concatenate([frame for _, frame in one_by_one]))


def test_views_of_both_kinds_of_sensor_go_where_they_belong_and_leave_the_others() -> None:
    room = box_room()
    sensors = {1: RaycastSensor(room, CAMERA, 1), 2: RasterSensor(room, CAMERA, 1)}
    poses = CAMERA.poses(np.tile([3.0, 2.0, 0.0], (4, 1)), np.array([0.0, 0.5, 0.5, 1.0]))
    rgb, depth = np.full((4, 64, 64, 3), 7, np.uint8), np.full((4, 64, 64), 7, np.float32)
    render_views(sensors, poses, rgb, depth)
    assert (rgb[[0, 3]] == 7).all()
    assert (depth[[0, 3]] == 7).all()
    np.testing.assert_allclose(depth[1], depth[2], atol=1e-4)
    np.testing.assert_array_equal(rgb[1], rgb[2])


def test_small_scenes_are_rasterised_and_large_ones_cast() -> None:
    assert isinstance(sensor_of(house(0), CAMERA), RasterSensor)
    assert not isinstance(sensor_of(cut(textured_room(), 12), CAMERA), RasterSensor)


def test_an_agent_that_was_blocked_keeps_its_frame_exactly() -> None:
    blocked = (SIZE[0] - RADIUS - 0.1, 2.0, 0.0)
    simulator = NavigationSimulator(Rooms(), 2, CAMERA)
    before = simulator.start([Episode(str(k), "room-0", 0, blocked) for k in range(2)])
    after = simulator.step(np.array([FORWARD, LEFT]))
    np.testing.assert_array_equal(after.rgb[0], before.rgb[0])
    np.testing.assert_array_equal(after.depth[0], before.depth[0])
    fresh, _ = simulator.world(0).sensor.render(after.T_world_camera)
    np.testing.assert_array_equal(after.rgb, fresh)
    assert not np.array_equal(after.depth[1], before.depth[1])
