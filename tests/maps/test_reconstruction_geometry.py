"""The reconstruction finds surfaces where they are: closed forms, and Open3D on the same frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from robonav.maps.reconstruction.tsdf import Reconstruction
from tests.maps.shapes import (
    PINHOLE,
    RADIUS,
    ROOM_HIGH,
    ROOM_LOW,
    SPHERE,
    gray,
    look,
    pixel_rays,
    plane_depth,
    room_depth,
    sphere_depth,
    turn_in_room,
)

o3d = pytest.importorskip("open3d", reason="the extra robonav[open3d] is not installed")

VOXEL = 0.10


def single_map(
    frames: list[tuple[NDArray, NDArray]], voxel_size: float = VOXEL, **options: float
) -> Reconstruction:
    """A map of one environment after some (pose, depth) frames."""
    reconstruction = Reconstruction(1, PINHOLE, voxel_size=voxel_size, **options)
    for T, depth in frames:
        reconstruction.integrate(gray(depth)[None], depth[None], T[None])
    return reconstruction


def depth_errors(reconstruction: Reconstruction, T: NDArray, truth: NDArray) -> tuple[NDArray, float]:
    """Absolute errors where both have depth, and the share of true pixels that the map does not know."""
    expected = reconstruction.render(T[None])
    both = ~expected.unknown[0] & (truth > 0)
    return np.abs(expected.depth[0] - truth)[both], float(np.mean(expected.unknown[0][truth > 0]))


def test_a_wall_is_predicted_exactly_from_another_place() -> None:
    normal, offset = np.array([-1.0, 0.0, 0.0]), -2.537
    seen = [look((0, y, 1.25), yaw) for y in (-0.5, 0.5) for yaw in (-15, 0, 15)]
    reconstruction = single_map([(T, plane_depth(T, normal, offset)) for T in seen])
    T = look((0.4, 0.1, 1.4), 4.0, 3.0)
    errors, unknown = depth_errors(reconstruction, T, plane_depth(T, normal, offset))
    assert np.percentile(errors, 99) < 0.002
    assert unknown < 0.15


@settings(max_examples=25)
@given(
    azimuth=st.floats(-40, 40),
    elevation=st.floats(-40, 40),
    distance=st.floats(0.3, 30.0),
    voxels=st.floats(8, 20),
)
def test_any_plane_is_predicted_where_it_is(
    azimuth: float, elevation: float, distance: float, voxels: float
) -> None:
    """At any angle, distance and size of voxels, as long as a voxel is not smaller than what a pixel sees."""
    normal = -look((0, 0, 0), azimuth, elevation)[:3, 2].astype(float)
    T = look((0, 0, 1.25), 0.0)
    offset = normal @ (T[:3, 3] + distance * np.array([1.0, 0, 0]))
    views = [look((0, 0, 1.25), yaw, pitch) for yaw in (-1.5, 1.5) for pitch in (-1.5, 0.0, 1.5)]
    reconstruction = single_map([(V, plane_depth(V, normal, offset)) for V in views], distance / voxels)
    truth = plane_depth(T, normal, offset)
    truth[truth >= 1.4 * distance] = 0
    inner = np.zeros_like(truth)  # no view covers the rim of a slanted plane's image
    inner[3:-3, 3:-3] = truth[3:-3, 3:-3]
    errors, unknown = depth_errors(reconstruction, T, inner)
    assert np.median(errors) < 0.05 * distance / voxels
    assert np.percentile(errors, 95) < 0.5 * distance / voxels
    assert unknown < 0.05


def test_a_sphere_has_its_radius() -> None:
    poses = [
        look(tuple(SPHERE + 2.2 * np.array(d)), yaw)
        for d, yaw in (([-1, 0, 0], 0), ([1, 0, 0], 180), ([0, -1, 0], 90))
    ]
    vertices, triangles, _ = single_map([(T, sphere_depth(T)) for T in poses], 0.05).mesh(0)
    radii = np.linalg.norm(vertices - SPHERE, axis=1)
    assert abs(np.median(radii) - RADIUS) < 0.01
    assert np.percentile(np.abs(radii - RADIUS), 95) < 0.025
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    outward = np.einsum("ij,ij->i", np.cross(b - a, c - a), (a + b + c) / 3 - SPHERE)
    assert np.mean(outward > 0) > 0.99, "triangles turn their fronts outwards"


def test_a_room_is_predicted_from_where_the_camera_never_was() -> None:
    reconstruction = single_map(turn_in_room())
    for T in (look((0.8, 0.6, 1.1), 37.0), look((-0.6, 0.4, 1.5), 200.0, 10.0)):
        errors, unknown = depth_errors(reconstruction, T, room_depth(T))
        assert np.median(errors) < 0.005
        assert np.percentile(errors, 95) < 0.05
        assert unknown < 0.15


def test_stride_renders_the_centres_of_the_squares() -> None:
    reconstruction = single_map(turn_in_room())
    T = look((0.31, 0.22, 1.25), 10.0)
    coarse = reconstruction.render(T[None], stride=3)
    assert coarse.depth.shape == (1, 16, 16)
    truth = room_depth(T)[1::3, 1::3]
    known = ~coarse.unknown[0]
    assert known.mean() > 0.95
    assert np.median(np.abs(coarse.depth[0] - truth)[known]) < 0.005


def test_thin_walls_keep_both_faces() -> None:
    near, far = -1.95, -2.10  # one wall of 15 cm, seen from x = 0 and from x = 4
    front = [(look((0, 0, 1.25), yaw), np.array([-1.0, 0, 0]), near) for yaw in (-10, 0, 10)]
    back = [(look((4, 0, 1.25), yaw), np.array([1.0, 0, 0]), -far) for yaw in (170, 180, 190)]
    reconstruction = single_map([(T, plane_depth(T, n, offset)) for T, n, offset in front + back])
    for T, normal, offset in (front[1], back[1]):
        errors, _ = depth_errors(reconstruction, T, plane_depth(T, normal, offset))
        assert np.median(errors) < 0.04


def test_mesh_lies_on_the_walls_of_the_room() -> None:
    vertices, _, _ = single_map(turn_in_room()).mesh(0)
    to_walls = np.min(np.abs(np.concatenate([vertices - ROOM_LOW, vertices - ROOM_HIGH], axis=1)), axis=1)
    assert len(vertices) > 1000
    assert np.median(to_walls) < 0.002
    assert np.percentile(to_walls, 90) < 0.25 * VOXEL


def test_depth_and_surface_are_at_least_as_good_as_open3ds() -> None:
    """Same frames, same voxel size, both rendered from poses between those integrated."""
    frames = turn_in_room()
    ours = single_map(frames, 0.08, truncation=0.24)
    theirs = open3d_grid(frames, 0.08)
    for T in (look((0.31, 0.22, 1.25), 7.5), look((0.6, 0.3, 1.25), 97.5)):
        truth = room_depth(T)
        errors, unknown = depth_errors(ours, T, truth)
        depth = open3d_render(theirs, T)
        known = depth > 0
        assert np.median(errors) <= np.median(np.abs(depth - truth)[known])
        assert unknown <= np.mean(~known) + 0.02
        both = known & ~ours.render(T[None]).unknown[0]
        assert np.median(np.abs(ours.render(T[None]).depth[0] - depth)[both]) < 0.04
    cloud = theirs.extract_point_cloud(3.0).point.positions.numpy()
    vertices = ours.mesh(0)[0]
    assert np.median(wall_distance(vertices)) <= np.median(wall_distance(cloud))


def wall_distance(points: NDArray) -> NDArray:
    """Distance of points (P, 3) to the nearest wall of the room."""
    return np.min(np.abs(np.concatenate([points - ROOM_LOW, points - ROOM_HIGH], axis=1)), axis=1)


def intrinsics() -> o3d.core.Tensor:
    """Open3D puts the centre of the first pixel at 0, not at 0.5."""
    K = [[PINHOLE.fx, 0, PINHOLE.cx - 0.5], [0, PINHOLE.fy, PINHOLE.cy - 0.5], [0, 0, 1]]
    return o3d.core.Tensor(np.array(K))


def open3d_grid(frames: list[tuple[NDArray, NDArray]], voxel_size: float) -> o3d.t.geometry.VoxelBlockGrid:
    """Open3D's map of the same frames."""
    f32 = o3d.core.float32
    grid = o3d.t.geometry.VoxelBlockGrid(("tsdf", "weight"), (f32, f32), ((1), (1)), voxel_size, 8, 4000)
    for T, depth in frames:
        image = o3d.t.geometry.Image(depth[..., None].copy())
        extrinsic = o3d.core.Tensor(np.linalg.inv(T.astype(float)))
        places = grid.compute_unique_block_coordinates(image, intrinsics(), extrinsic, 1.0, 10.0, 3.0)
        grid.integrate(places, image, intrinsics(), extrinsic, 1.0, 10.0, 3.0)
    return grid


def open3d_render(grid: o3d.t.geometry.VoxelBlockGrid, T: NDArray) -> NDArray[np.float32]:
    """Depth that Open3D predicts for a pose."""
    extrinsic = o3d.core.Tensor(np.linalg.inv(T.astype(float)))
    image = o3d.t.geometry.Image(room_depth(T)[..., None].copy())
    places = grid.compute_unique_block_coordinates(image, intrinsics(), extrinsic, 1.0, 10.0, 3.0)
    height, width = PINHOLE.height, PINHOLE.width
    options = (width, height, ["depth"], 1.0, 0.1, 10.0, 1.0, 3.0)
    for _ in range(2):  # the first call only finds out how large its buffer should have been
        result = grid.ray_cast(places, intrinsics(), extrinsic, *options)
    return result["depth"].numpy()[..., 0]


def test_scale_does_not_matter_until_the_end_of_the_map() -> None:
    """The same wall at the origin and 6 km away; the reach of the map is 65,504 voxels."""
    normal = np.array([-1.0, 0.0, 0.0])
    for x in (0.0, 6000.0):
        T = look((x, 0, 1.25), 0.0)
        truth = plane_depth(T, normal, -(x + 2.5))
        errors, _ = depth_errors(single_map([(T, truth)]), T, truth)
        assert np.median(errors) < 0.01


@pytest.mark.parametrize("distance", [7e3, 1e9, 1e30])
def test_what_lies_beyond_the_map_is_ignored(distance: float) -> None:
    T = look((0, 0, 1.25), 0.0)
    T[0, 3] = distance
    depth = np.full((48, 48), 2.0, np.float32)
    reconstruction = single_map([(T, depth)])
    assert reconstruction.num_blocks(0) == 0
    assert reconstruction.render(T[None]).unknown.all()
    assert not reconstruction.unknown_surface(depth[None], T[None]).any()


def test_rays_are_where_the_pinhole_says() -> None:
    origin, rays = pixel_rays(look((1, 2, 3), 90.0))
    np.testing.assert_allclose(origin, [1, 2, 3])
    np.testing.assert_allclose(rays.mean(axis=(0, 1)), [0, 1, 0], atol=1e-6)
