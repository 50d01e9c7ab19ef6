"""Depth, distance, occlusion and colour against closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from robonav.envs.scenes.scene import Scene
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raycast import RaycastSensor
from tests.worlds import SIZE, box_room


def scene_of(vertices, triangles, uvs=None, texture=None, color=255) -> Scene:
    count = len(triangles)
    return Scene(
        scene_id="test",
        vertices=np.asarray(vertices, np.float32),
        triangles=np.asarray(triangles, np.int32),
        corner_colors=np.broadcast_to(np.uint8(color), (count, 3, 3)).copy(),
        corner_uvs=np.zeros((count, 3, 2), np.float32) if uvs is None else np.asarray(uvs, np.float32),
        texture_ids=np.full(count, -1 if texture is None else 0, np.int32),
        textures=() if texture is None else (texture,),
    )


def wall(uv_size: float = 1.0, distance: float = 1.0, texture=None, color=255) -> Scene:
    """A wall of 2 x 2 m ahead of a camera at the origin that looks along x; u to the right, v down."""
    left_top, right_top, right_low, left_low = (
        [distance, 1, 1], [distance, -1, 1], [distance, -1, -1], [distance, 1, -1]
    )  # fmt: skip
    u = uv_size
    return scene_of(
        [left_top, right_top, right_low, left_low],
        [[0, 1, 2], [0, 2, 3]],
        [[[0, 0], [u, 0], [u, u]], [[0, 0], [u, u], [0, u]]],
        texture,
        color,
    )


AT_ORIGIN = Camera(height_m=0.0).poses(np.zeros((1, 3)), np.zeros(1))


def box_depth(camera: Camera, T: np.ndarray) -> np.ndarray:
    """Planar depth of the box room by slab arithmetic."""
    directions = camera.directions() @ T[:3, :3].T
    with np.errstate(divide="ignore"):
        to_far = np.where(directions > 0, SIZE - T[:3, 3], -T[:3, 3]) / directions
    return np.nanmin(np.where(directions == 0, np.inf, to_far), axis=-1)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("camera", [Camera(), Camera(width=31, height=17, hfov_deg=60, height_m=0.4)])
def test_depth_in_a_room_is_the_closed_form(camera: Camera, threads: int) -> None:
    rng = np.random.default_rng(0)
    positions = np.column_stack([rng.uniform([0.2, 0.2], SIZE[:2] - 0.2, (9, 2)), np.zeros(9)])
    poses = camera.poses(positions, rng.uniform(-7, 7, 9))
    rgb, depth = RaycastSensor(box_room(), camera, threads).render(poses)
    assert (rgb.shape, rgb.dtype) == ((9, camera.height, camera.width, 3), np.uint8)
    assert depth.dtype == np.float32
    for frame, pose in zip(depth, poses, strict=True):
        np.testing.assert_allclose(frame, box_depth(camera, pose), atol=1e-4)


def test_a_pitched_and_rolled_camera_sees_the_closed_form() -> None:
    camera = Camera()
    pose = camera.poses(np.array([[2.0, 1.5, 0.0]]), np.array([0.3]))[0]
    c, s = np.cos(0.4), np.sin(0.4)
    pose[:3, :3] = (
        pose[:3, :3] @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ [[c, -s, 0], [s, c, 0], [0, 0, 1]]
    )
    depth = RaycastSensor(box_room(), camera, 1).render(pose[None])[1][0]
    np.testing.assert_allclose(depth, box_depth(camera, pose), atol=1e-4)


def test_a_frame_does_not_depend_on_the_frames_rendered_with_it() -> None:
    sensor = RaycastSensor(box_room(), Camera(), 2)
    poses = sensor.camera.poses(np.tile([3.0, 2.0, 0.0], (11, 1)), np.linspace(0, 6, 11))
    rgb, depth = sensor.render(poses)
    for k in (0, 4, 10):
        one_rgb, one_depth = sensor.render(poses[k : k + 1])
        np.testing.assert_array_equal(one_rgb[0], rgb[k])
        np.testing.assert_array_equal(one_depth[0], depth[k])
    assert sensor.render(poses[:0])[0].shape == (0, 64, 64, 3)


def test_where_nothing_is_hit_the_image_is_black_and_the_depth_zero() -> None:
    rgb, depth = RaycastSensor(wall(distance=2.0, color=200), Camera(height_m=0.0), 1).render(AT_ORIGIN)
    assert (depth[0, 32, 32], depth[0, 0, 0]) == (pytest.approx(2.0), 0.0)
    assert rgb[0, 32, 32].tolist() == [200] * 3
    assert rgb[0, 0, 0].tolist() == [0] * 3
    assert (depth == 0).mean() == pytest.approx(0.75)


def brute_force(vertices, triangles, origins, directions) -> np.ndarray:
    """Distances (M,) to the nearest triangle, by solving for each pair of ray and triangle."""
    a, b, c = (vertices[triangles[:, k]][None] for k in range(3))
    matrix = np.stack(np.broadcast_arrays(b - a, c - a, -directions[:, None]), axis=-1)
    u, v, t = np.moveaxis(np.linalg.solve(matrix, (origins[:, None] - a)[..., None])[..., 0], -1, 0)
    return np.where((u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0), t, np.inf).min(axis=1)


def test_distances_and_occlusion_agree_with_brute_force_over_all_triangles() -> None:
    rng = np.random.default_rng(1)
    vertices, triangles = rng.uniform(-1, 1, (60, 3)), np.arange(60).reshape(20, 3)
    sensor = RaycastSensor(scene_of(vertices, triangles), Camera(), 1)
    start, end = rng.uniform(-1.5, 1.5, (2, 3000, 3))
    length = np.linalg.norm(end - start, axis=1)
    directions = (end - start) / length[:, None]
    expected = brute_force(vertices, triangles, start, directions)
    measured = sensor.distances(start, directions)
    assert np.isinf(expected).any()
    # a ray through an edge may go either way in float32
    assert (
        np.isclose(measured, expected, atol=1e-4) | (np.isinf(measured) & np.isinf(expected))
    ).mean() > 0.998
    clear_cut = np.abs(expected - length) > 0.01
    agree = sensor.is_occluded(start, end)[clear_cut] == (expected < length)[clear_cut]
    assert agree.mean() > 0.998


def test_a_point_on_a_surface_is_visible_and_one_behind_it_is_not() -> None:
    sensor = RaycastSensor(box_room(), Camera(), 1)
    eye = np.tile([3.0, 2.0, 1.25], (4, 1))
    targets = np.array([[6.0, 2.0, 1.0], [3.0, 2.0, 0.0], [6.1, 2.0, 1.0], [3.0, 2.0, 1.25]])
    assert sensor.is_occluded(eye, targets).tolist() == [False, False, True, False]


@pytest.mark.parametrize("uv_size", [1.0, 2.5])
def test_textures_are_looked_up_bilinearly_repeat_and_have_v_down(uv_size: float) -> None:
    texture = np.random.default_rng(2).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    camera = Camera(height_m=0.0)  # at 1 m its 90 degrees see the 2 m wall, pixel centres at (i + 0.5) / 64
    rgb, _ = RaycastSensor(wall(uv_size, texture=texture), camera, 1).render(AT_ORIGIN)
    at = (np.arange(64) + 0.5) / 64 * uv_size
    rows, columns = np.meshgrid(at * 5 - 0.5, at * 7 - 0.5, indexing="ij")
    expected = np.stack(
        [
            ndimage.map_coordinates(texture[..., k].astype(float), [rows, columns], order=1, mode="grid-wrap")
            for k in range(3)
        ],
        axis=-1,
    )
    assert np.abs(rgb[0] - expected).max() <= 1.0


def test_texture_is_multiplied_by_the_corner_colour() -> None:
    texture = np.full((4, 4, 3), (200, 100, 50), np.uint8)
    rgb, _ = RaycastSensor(wall(texture=texture, color=[128, 255, 0]), Camera(height_m=0.0), 1).render(
        AT_ORIGIN
    )
    assert rgb[0, 10, 10].tolist() == [100, 100, 0]


def test_corner_colours_are_interpolated_over_a_triangle() -> None:
    scene = wall()
    scene.corner_colors[:] = [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[255, 0, 0], [0, 0, 255], [0, 0, 0]]]
    rgb, _ = RaycastSensor(scene, Camera(height_m=0.0), 1).render(AT_ORIGIN)
    x, y = 0.75 + 0.5 / 64, 0.25 + 0.5 / 64  # pixel (16, 48): shares of the upper triangle's corners
    np.testing.assert_allclose(rgb[0, 16, 48], 255 * np.array([1 - x, x - y, y]), atol=1)


def test_a_fine_pattern_far_away_turns_grey_and_does_not_flicker() -> None:
    checkers = np.repeat((np.indices((512, 512)).sum(0) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)
    rgb, depth = RaycastSensor(wall(texture=checkers, distance=4.0), Camera(height_m=0.0), 1).render(
        AT_ORIGIN
    )
    seen = rgb[0][depth[0] > 0]
    assert len(seen) == 16 * 16
    assert seen.mean() == pytest.approx(127.5, abs=2)
    assert seen.std() < 3
