"""A voxel that has been seen often enough takes no more, and nothing else changes by that."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from robonav.maps.reconstruction.blocks import MAX_NEAR
from robonav.maps.reconstruction.tsdf import Pinhole, Reconstruction
from tests.maps.shapes import PINHOLE, ROOM_HIGH, ROOM_LOW, gray, look, room_depth, turn_in_room

OFTEN = 20  # frames after which every voxel in view has settled


def stare(reconstruction: Reconstruction, value: int, frames: int, view: int = 0) -> None:
    """Integrate one gray view of the room again and again."""
    T, depth = turn_in_room()[view]
    for _ in range(frames):
        reconstruction.integrate(gray(depth, value)[None], depth[None], T[None])


def colors(reconstruction: Reconstruction, view: int = 0) -> NDArray[np.uint8]:
    """Colours (P, 3) of the known pixels of a view."""
    expected = reconstruction.render(turn_in_room()[view][0][None])
    return expected.rgb[~expected.unknown]


def test_what_is_seen_after_settling_changes_nothing() -> None:
    reconstruction = Reconstruction(1, PINHOLE)
    stare(reconstruction, 100, OFTEN)
    before = reconstruction._pool.read(0)
    stare(reconstruction, 250, 3)
    for x, y in zip(before, reconstruction._pool.read(0), strict=True):
        np.testing.assert_array_equal(x, y)


def test_a_settled_map_is_as_exact_as_the_closed_form_asks() -> None:
    """The room, from many places: settled by far, against the closed form and the first turn alone."""
    turned, settled = Reconstruction(1, PINHOLE), Reconstruction(1, PINHOLE)
    views = [T for T, _ in turn_in_room()]
    places = np.random.default_rng(0).uniform((-0.7, -0.5, 1.0), (1.5, 1.2, 1.6), (72, 3))
    views += [look(tuple(place), 25.0 * k) for k, place in enumerate(places)]
    for k, T in enumerate(views):
        for each in (turned, settled) if k < 24 else (settled,):
            each.integrate(gray(room_depth(T))[None], room_depth(T)[None], T[None])
    assert np.unpackbits(settled._pool.grid.settled.numpy().view(np.uint8)).sum() > 5000
    for T in (look((0.8, 0.6, 1.1), 37.0), look((-0.6, 0.4, 1.5), 200.0, 10.0)):
        errors = []
        for each in (turned, settled):
            expected = each.render(T[None])
            errors.append(np.abs(expected.depth[0] - room_depth(T))[~expected.unknown[0]])
        assert np.median(errors[1]) < 0.005
        assert np.percentile(errors[1], 95) < max(np.percentile(errors[0], 95), 0.03)
    vertices, _, _ = settled.mesh(0)
    to_walls = np.min(np.abs(np.concatenate([vertices - ROOM_LOW, vertices - ROOM_HIGH], axis=1)), axis=1)
    assert np.median(to_walls) < 0.002
    assert np.percentile(to_walls, 90) < 0.025


def test_a_frame_settles_only_after_its_last_pixel() -> None:
    """Hundreds of pixels a voxel, dark above and bright below: upside down, the map is the same."""
    T = look((0.31, 0.22, 1.25), 0.0)
    depth = room_depth(T)
    rgb = np.broadcast_to(np.linspace(0, 255, 48).astype(np.uint8)[:, None, None], (48, 48, 3)).copy()
    turned = T.copy()
    turned[:3, :2] *= -1
    reconstruction = Reconstruction(2, PINHOLE, voxel_size=0.5)
    reconstruction.integrate(
        np.stack([rgb, rgb[::-1, ::-1]]), np.stack([depth, depth[::-1, ::-1]]), np.stack([T, turned])
    )
    expected = reconstruction.render(np.stack([T, T]))
    np.testing.assert_array_equal(expected.unknown[0], expected.unknown[1])
    assert np.abs(expected.rgb[0].astype(int) - expected.rgb[1]).max() <= 2


def test_a_settled_voxel_stays_while_it_is_seen_and_is_forgotten_and_learnt_anew_after() -> None:
    T, depth = turn_in_room()[0]
    reconstruction = Reconstruction(1, PINHOLE, memory_frames=3)
    for life, value in enumerate((200, 40)):
        stare(reconstruction, value, OFTEN)
        assert not reconstruction.unknown_surface(depth[None], T[None]).any(), life
        assert set(np.unique(colors(reconstruction))) == {value}, "nothing is left of an earlier life"
        stare(reconstruction, 10, 3)
        assert set(np.unique(colors(reconstruction))) == {value}, "settled"
        stare(reconstruction, 10, 3, view=12)
        assert reconstruction.unknown_surface(depth[None], T[None]).all(), life


@pytest.mark.parametrize("memory_frames", [None, 5])
def test_settling_does_not_depend_on_threads(memory_frames: int | None) -> None:
    maps = [Reconstruction(3, PINHOLE, memory_frames=memory_frames, threads=k) for k in (1, 3)]
    rng = np.random.default_rng(0)
    for k in range(30):
        poses = np.stack([look((0.3 * env - 0.5, 0.1 * env, 1.25), 5.0 * (k % 10)) for env in range(3)])
        depth = np.stack([room_depth(T) for T in poses])
        rgb = rng.integers(0, 256, (*depth.shape, 3), dtype=np.uint8)
        for each in maps:
            each.integrate(rgb, depth, poses)
    for env in range(3):
        for x, y in zip(maps[0]._pool.read(env), maps[1]._pool.read(env), strict=True):
            np.testing.assert_array_equal(x, y)


def test_a_recycled_block_is_not_settled() -> None:
    reconstruction = Reconstruction(1, PINHOLE)
    stare(reconstruction, 100, OFTEN)
    reconstruction.reset()
    assert not reconstruction._pool.grid.settled.numpy().any()
    stare(reconstruction, 50, 1)
    assert set(np.unique(colors(reconstruction))) == {50}


def test_a_frame_with_more_pixels_than_a_voxel_can_count_does_not_overflow_it() -> None:
    pinhole = Pinhole(160, 160, 80.0, 80.0, 80.0, 80.0)
    depth = np.full((1, 160, 160), 1.0, np.float32)
    reconstruction = Reconstruction(1, pinhole, voxel_size=20.0)
    T = look((5.0, 5.0, 5.0), 0.0)
    reconstruction.integrate(gray(depth, 255), depth, T[None])
    color = reconstruction._pool.read(0)[2]
    assert color[..., 3].max() == MAX_NEAR
    for channel in range(3):
        np.testing.assert_array_equal(color[..., channel], 255 * color[..., 3])
