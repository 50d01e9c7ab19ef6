"""Rendering shows, in every pixel, the nearest face that its ray meets: brute force over all faces."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from robonav.maps.reconstruction import blocks, views
from robonav.maps.reconstruction.tsdf import Reconstruction
from tests.maps.shapes import PINHOLE, gray, look, pixel_rays, plane_depth, room_depth, turn_in_room

VOXEL = 0.10
SOME = (slice(3, None, 7), slice(2, None, 7))  # pixels that are compared


def room_map(**options: int) -> Reconstruction:
    """A map of the room after a full turn, every view in a gray of its own."""
    reconstruction = Reconstruction(1, PINHOLE, VOXEL, **options)
    for k, (T, depth) in enumerate(turn_in_room()):
        reconstruction.integrate(gray(depth, 10 * k)[None], depth[None], T[None])
    return reconstruction


ROOM = cache(room_map)


def faces_of(reconstruction: Reconstruction) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Centres (F, 3) in voxels, N (F, 3), S (F,) and mean colours (F, 3), decoded from the sums."""
    grid = reconstruction._pool.grid
    slots = grid.slots.numpy()[0, : reconstruction.num_blocks(0)]
    bits = np.unpackbits(grid.faced.numpy().view(np.uint8), bitorder="little").reshape(-1, 8, 8, 8)[slots]
    block, *local = np.nonzero(bits)
    centres = 8 * grid.places.numpy()[slots[block]] + np.stack(local, axis=1) + 0.5
    plane, color = grid.faces.numpy().reshape(-1, 8, 8, 8, 2)[slots][bits > 0].T
    lanes = []
    for _ in range(4):  # the lowest first; what is borrowed goes back to the next
        lanes.append(((plane & 0xFFFF) ^ 0x8000) - 0x8000)
        plane = (plane - lanes[-1]) >> 16
    number = color & ((1 << blocks.NEAR_BITS) - 1)
    shifts = blocks.NEAR_BITS + blocks.COLOR_BITS * np.arange(3)
    sums = (color[:, None] >> shifts) & ((1 << blocks.COLOR_BITS) - 1)
    return centres, np.stack(lanes[:0:-1], axis=1), lanes[0], sums / number[:, None]


def nearest_faces(
    faces: tuple[NDArray, NDArray, NDArray, NDArray], T: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """Depth (h, w) in metres (0 = none), colour (h, w, 3), and where rounding could decide (h, w)."""
    centres, normals, s, colors = faces
    origin, rays = pixel_rays(T)
    rays = rays[SOME]
    relative = centres - origin / VOXEL
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (np.sum(normals * relative, axis=1) - s) / np.einsum("hwk,fk->hwf", rays, normals)
        off = np.abs(t[..., None] * rays[:, :, None] - relative).max(axis=-1)
    front = np.sum(normals * relative, axis=1) < s
    far = np.where(off <= 0.5, t, t + views.YIELD)
    far = np.where((off <= views.HALF) & (t > 0) & front, far, np.inf)
    close = np.abs(np.where(t > 0, off, 9)[..., None] - [0.5, views.HALF]).min(axis=-1) < 1e-3
    best = far.argmin(axis=-1)
    two = np.minimum(np.partition(far, 1, axis=-1)[..., :2], [1e6, 1e9])
    doubtful = (close & front).any(axis=-1) | (two[..., 1] - two[..., 0] < 1e-3)
    depth = np.take_along_axis(t, best[..., None], axis=-1)[..., 0] * VOXEL
    met = two[..., 0] < 1e6
    return np.where(met, depth, 0), np.where(met[..., None], colors[best], 0), doubtful


@settings(max_examples=8, deadline=None)
@given(
    x=st.floats(-1.9, 2.9),
    y=st.floats(-1.4, 2.4),
    z=st.floats(0.1, 2.5),
    yaw=st.floats(-180, 180),
    pitch=st.floats(-80, 80),
)
def test_every_pixel_shows_the_nearest_face(x: float, y: float, z: float, yaw: float, pitch: float) -> None:
    """From anywhere in the room, a centimetre from the walls too."""
    T = look((x, y, z), yaw, pitch)
    expected = ROOM().render(T[None])
    depth, color, doubtful = nearest_faces(faces_of(ROOM()), T)
    sure = ~doubtful
    assert sure.mean() > 0.5
    np.testing.assert_array_equal(expected.unknown[0][SOME][sure], depth[sure] == 0)
    np.testing.assert_allclose(expected.depth[0][SOME][sure], depth[sure], rtol=1e-3, atol=1e-4)
    assert np.abs(expected.rgb[0][SOME][sure] - color[sure]).max() <= 0.51


@pytest.mark.parametrize("memory_frames", [None, 12])
@pytest.mark.parametrize("stride", [1, 3])
def test_the_kernels_for_a_gpu_draw_the_same(stride: int, memory_frames: int | None) -> None:
    """The vectors of a CPU and Warp's own source agree in all pixels that rounding does not decide."""
    batches, plain = room_map(memory_frames=memory_frames), room_map(memory_frames=memory_frames)
    plain._batches = False
    known = []
    for k in range(12):
        T = look((0.4 * k - 1.9, 0.3 * k - 1.3, 0.2 + 0.18 * k), 47.0 * k, 11.0 * k - 60)[None]
        a, b = batches.render(T, stride), plain.render(T, stride)
        assert (a.unknown != b.unknown).mean() < 2e-3
        assert (np.abs(a.depth - b.depth) > 1e-3 * VOXEL * (1 + b.depth)).mean() < 2e-3
        assert (a.rgb != b.rgb).mean() < 4e-3
        known.append(1 - b.unknown.mean())
    assert np.mean(known) > 0.3


@pytest.mark.parametrize("options", [{}, {"memory_frames": 4}, {"max_depth": 2.5}])
def test_no_face_that_shows_is_skipped(options: dict[str, float]) -> None:
    """Fragments at all angles and depths, some half out of view, beside the camera, or behind its far end."""
    rng = np.random.default_rng(0)
    maps = [Reconstruction(1, PINHOLE, VOXEL, **options) for _ in range(2)]
    plain = maps[1]
    plain._batches = False
    for k in range(60):
        T = look(tuple(rng.uniform(-1, 1, 3)), rng.uniform(-180, 180), rng.uniform(-80, 80))[None]
        a, b = (each.render(T) for each in maps)
        off = (a.unknown != b.unknown) | (np.abs(a.depth - b.depth) > 1e-3 * VOXEL * (1 + b.depth))
        assert off.sum() <= 2, f"view {k} differs in {off.sum()} pixels, more than rounding explains"
        if k < 8:
            slope = rng.uniform(-0.1, 0.1, (6, 6, 2))[..., None, None, :] * np.indices((8, 8)).T
            tiles = rng.uniform(0.5, 4, (6, 6, 1, 1)) + slope.sum(axis=-1)
            depth = np.maximum(tiles, 0.3).transpose(0, 2, 1, 3).reshape(1, 48, 48).astype(np.float32)
            for each in maps:
                each.integrate(gray(depth, 20 * k), depth, T)
    assert 0.1 < np.mean(plain.render(T).unknown) < 0.9


def test_what_was_seen_shows_at_once_from_the_same_place() -> None:
    """A single frame leaves no hole in its own view, whatever its pixels are apart."""
    for T, depth in turn_in_room()[::5]:
        reconstruction = Reconstruction(1, PINHOLE, VOXEL)
        reconstruction.integrate(gray(depth)[None], depth[None], T[None])
        expected = reconstruction.render(T[None])
        assert expected.unknown.mean() < 0.005
        assert np.percentile(np.abs(expected.depth[0] - depth)[~expected.unknown[0]], 95) < 0.5 * VOXEL


def test_a_surface_seen_from_behind_is_unknown() -> None:
    normal, offset = np.array([-1.0, 0.0, 0.0]), -2.537
    T = look((0, 0, 1.25), 0.0)
    depth = plane_depth(T, normal, offset)
    reconstruction = Reconstruction(1, PINHOLE, VOXEL)
    reconstruction.integrate(gray(depth)[None], depth[None], T[None])
    assert reconstruction.render(look((5, 0, 1.25), 180.0)[None]).unknown.all()


@pytest.mark.parametrize("memory_frames", [None, 30])
def test_rendering_leaves_no_trace(memory_frames: int | None) -> None:
    reconstruction = room_map() if memory_frames is None else room_map(memory_frames=memory_frames)
    T = look((0.8, 0.6, 1.1), 37.0)[None]
    first = reconstruction.render(T)
    reconstruction.render(look((0.1, 0.3, 1.1), -80.0)[None], stride=2)
    again = reconstruction.render(T)
    np.testing.assert_array_equal(first.depth, again.depth)
    np.testing.assert_array_equal(first.rgb, again.rgb)
    assert np.abs(first.depth[0] - room_depth(T[0]))[~first.unknown[0]].max() < 2.0
