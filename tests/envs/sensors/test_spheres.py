"""Spheres are drawn where rays meet them, in front of what is behind them and behind what is in front."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import LEFT
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.spheres import Spheres
from robonav.envs.world import Episode
from tests.worlds import Rooms

o3d = pytest.importorskip("open3d", reason="the extra robonav[open3d] is not installed")

CAMERA = Camera(width=24, height=20, hfov_deg=80)
RADIUS = 0.2


def drawn(centres: np.ndarray, T: np.ndarray, depth: np.ndarray) -> tuple[Spheres, np.ndarray]:
    spheres = Spheres(CAMERA, 1, len(centres), RADIUS, (200, 0, 0))
    spheres.centres[0], spheres.present[0] = centres, True
    scenery = np.zeros((1, *depth.shape, 3), np.uint8), depth[None].astype(np.float32)
    return spheres, spheres.over([0], T[None].astype(np.float32), scenery, scenery)[1][0]


def open3d_depth(centres: np.ndarray, T: np.ndarray) -> np.ndarray:
    """Planar depth of finely triangulated spheres, inf where there is none."""
    scene = o3d.t.geometry.RaycastingScene(nthreads=1)
    for centre in centres:
        mesh = o3d.t.geometry.TriangleMesh.create_sphere(RADIUS, resolution=30)
        scene.add_triangles(mesh.translate(o3d.core.Tensor(centre.astype(np.float32))))
    rays = CAMERA.directions().reshape(-1, 3)
    rays = np.column_stack([np.tile(T[:3, 3], (len(rays), 1)), rays @ T[:3, :3].T]).astype(np.float32)
    hits = scene.cast_rays(o3d.core.Tensor(rays), nthreads=1)["t_hit"].numpy()
    return hits.reshape(CAMERA.height, CAMERA.width)


def at_a_rim(centres: np.ndarray, T: np.ndarray) -> np.ndarray:
    """Pixels (H, W) whose rays pass a sphere's centre, relative to the camera, in nearly its radius."""
    rays = CAMERA.directions() @ T[:3, :3].T
    rays = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    misses = [np.linalg.norm(np.cross(rays, centre), axis=-1) for centre in centres]
    return (np.abs(np.array(misses) - RADIUS) < 0.05 * RADIUS).any(axis=0)


near_camera = st.tuples(*[st.floats(-1.5, 1.5)] * 2, st.floats(0.7, 1.8))


@settings(max_examples=20)
@given(st.lists(near_camera, min_size=1, max_size=4), st.floats(-np.pi, np.pi), st.floats(0.3, 3.0))
def test_depth_is_that_of_open3d_or_of_the_scene_whichever_is_nearer(places, yaw, wall_m):
    centres, T = np.array(places), CAMERA.poses(np.zeros((1, 3)), np.array([yaw]))[0]
    expected = np.minimum(open3d_depth(centres, T), wall_m)
    _, depth = drawn(centres, T, np.full((CAMERA.height, CAMERA.width), wall_m))
    off = np.abs(depth - expected) > 2e-3
    # a silhouette of triangles is a little smaller than the sphere: the rim may differ
    assert not (off & ~at_a_rim(centres - T[:3, 3], T)).any()


def test_a_pixel_belongs_to_the_sphere_that_it_shows():
    T = CAMERA.poses(np.zeros((1, 3)), np.zeros(1))[0]
    ahead = np.array([[3.0, 0.0, 1.25], [1.5, 0.0, 1.25], [2.0, 1.0, 1.25], [-2.0, 0.0, 1.25]])
    nothing_behind = np.zeros((CAMERA.height, CAMERA.width))
    spheres, depth = drawn(ahead, T, nothing_behind)
    assert spheres.in_view().tolist() == [[False, True, True, False]]  # hidden, in front, beside, behind
    np.testing.assert_array_equal(spheres.owner[0] > 0, depth > 0)
    spheres, _ = drawn(ahead, T, np.full_like(nothing_behind, 1.7))
    assert spheres.in_view().tolist() == [[False, True, False, False]]  # the wall hides the one beside


def test_only_who_has_spheres_sees_them_and_what_is_gone_leaves_the_picture_of_a_blocked_agent():
    simulator = NavigationSimulator(Rooms(), 2, CAMERA)
    starts = [Episode(str(i), "room-0", 0, (5.6, 2.0, 0.0)) for i in range(2)]
    plain = simulator.start(starts).rgb.copy()
    spheres = simulator.instances = Spheres(CAMERA, 2, 1, RADIUS, (200, 0, 0))
    spheres.centres[:], spheres.present[0] = [5.9, 2.0, 1.25], True
    shown = simulator.start(starts)
    assert not np.array_equal(shown.rgb[0], plain[0])
    np.testing.assert_array_equal(shown.rgb[1], plain[1])
    spheres.present[:] = False
    blocked = simulator.step(np.array([0, LEFT]))
    assert blocked.collided[0]
    np.testing.assert_array_equal(blocked.rgb[0], plain[0])


def test_starting_one_agent_leaves_what_the_others_see():
    simulator = NavigationSimulator(Rooms(), 2, CAMERA)
    spheres = simulator.instances = Spheres(CAMERA, 2, 1, RADIUS, (200, 0, 0))
    spheres.centres[:], spheres.present[:] = [4.0, 2.0, 1.25], True
    start = Episode("a", "room-0", 0, (2.0, 2.0, 0.0))
    before = simulator.start([start, start]).rgb.copy()
    spheres.present[:] = False
    after = simulator.start([start], [1]).rgb
    np.testing.assert_array_equal(after[0], before[0])
    assert not np.array_equal(after[1], before[1])
