"""Promises of the map about order, threads, forgetting, memory and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from robonav.maps.reconstruction import pool
from robonav.maps.reconstruction.tsdf import Pinhole, Reconstruction
from tests.maps.shapes import PINHOLE, gray, look, room_depth, turn_in_room


def state(reconstruction: Reconstruction, env: int) -> tuple[NDArray, ...]:
    """Everything that one map knows, in an order of its own."""
    return reconstruction._pool.read(env)


def assert_same(a: tuple[NDArray, ...], b: tuple[NDArray, ...]) -> None:
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


def batch(frame: int, num_envs: int) -> tuple[NDArray, NDArray, NDArray]:
    """RGB, depth and poses of several environments that stand at different places of the room."""
    poses = np.stack(
        [look((0.3 * env - 0.5, 0.1 * env, 1.25), 15.0 * frame + 77 * env) for env in range(num_envs)]
    )
    depth = np.stack([room_depth(T) for T in poses])
    rng = np.random.default_rng(frame)
    return rng.integers(0, 256, (*depth.shape, 3), dtype=np.uint8), depth, poses


def mapped(order: list[int], num_envs: int = 2, **options: int) -> Reconstruction:
    reconstruction = Reconstruction(num_envs, PINHOLE, **options)
    for frame in order:
        reconstruction.integrate(*batch(frame, num_envs))
    return reconstruction


@settings(max_examples=5)
@given(order=st.permutations(range(6)))
def test_order_of_integration_does_not_change_a_bit(order: list[int]) -> None:
    a, b = mapped(list(range(6))), mapped(order)
    for env in range(2):
        assert_same(state(a, env), state(b, env))
    T = batch(3, 2)[2]
    np.testing.assert_array_equal(a.render(T).rgb, b.render(T).rgb)
    np.testing.assert_array_equal(a.render(T).depth, b.render(T).depth)


@pytest.mark.parametrize("memory_frames", [None, 3])
def test_threads_do_not_change_a_bit(memory_frames: int | None) -> None:
    one = mapped(list(range(8)), 5, memory_frames=memory_frames)
    two = mapped(list(range(8)), 5, memory_frames=memory_frames, threads=2)
    _, depth, poses = batch(8, 5)
    for env in range(5):
        assert_same(state(one, env), state(two, env))
    np.testing.assert_array_equal(one.render(poses).depth, two.render(poses).depth)
    np.testing.assert_array_equal(one.unknown_surface(depth, poses), two.unknown_surface(depth, poses))


def test_everything_is_unknown_to_an_empty_map() -> None:
    _, depth, poses = batch(0, 3)
    depth[:, :5] = 0
    reconstruction = Reconstruction(3, PINHOLE)
    expected = reconstruction.render(poses)
    assert expected.unknown.all()
    assert not expected.depth.any()
    assert not expected.rgb.any()
    np.testing.assert_array_equal(reconstruction.unknown_surface(depth, poses), depth > 0)


def test_a_revisit_shows_nothing_new() -> None:
    frames = turn_in_room()
    reconstruction = Reconstruction(1, PINHOLE)
    for T, depth in frames:
        reconstruction.integrate(gray(depth)[None], depth[None], T[None])
    for T, depth in frames:
        assert reconstruction.unknown_surface(depth[None], T[None]).mean() < 0.001
    for angle in (7.5, 100.0, 251.0):  # the camera turned, the surfaces are the same
        T = look((0.31, 0.22, 1.25), angle)
        assert reconstruction.unknown_surface(room_depth(T)[None], T[None]).mean() < 0.005


def test_another_direction_is_all_new() -> None:
    reconstruction = Reconstruction(1, PINHOLE)
    T = look((0.31, 0.22, 1.25), 0.0)
    reconstruction.integrate(gray(room_depth(T))[None], room_depth(T)[None], T[None])
    behind = look((0.31, 0.22, 1.25), 180.0)
    assert reconstruction.unknown_surface(room_depth(behind)[None], behind[None]).all()


def test_reset_of_one_environment_leaves_the_others_alone() -> None:
    reconstruction = mapped([0, 1, 2], 3)
    before = [state(reconstruction, env) for env in range(3)]
    reconstruction.reset([1])
    assert reconstruction.num_blocks(1) == 0
    assert reconstruction.render(batch(0, 3)[2]).unknown[1].all()
    for env in (0, 2):
        assert_same(state(reconstruction, env), before[env])
    for frame in (0, 1, 2):  # a second life on recycled blocks is like the first
        rgb, depth, poses = batch(frame, 3)
        depth[[0, 2]] = 0
        reconstruction.integrate(rgb, depth, poses)
    for env in range(3):
        assert_same(state(reconstruction, env), before[env])


def test_a_pool_that_has_to_move_keeps_the_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    roomy = mapped(list(range(6)), 3)
    monkeypatch.setattr(pool, "_AHEAD", 0)
    moved = mapped(list(range(6)), 3)
    assert moved.bytes_used() < roomy.bytes_used()
    for env in range(3):
        assert_same(state(roomy, env), state(moved, env))


def test_reset_gives_memory_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_AHEAD", 0)
    reconstruction = mapped([0, 1, 2, 3], 2)
    reconstruction.reset()
    for frame in range(4):
        reconstruction.integrate(*batch(frame, 2))
    size = reconstruction.bytes_used()
    for _ in range(5):
        reconstruction.reset([0])
        reconstruction.reset([1])
        for frame in range(4):
            reconstruction.integrate(*batch(frame, 2))
    assert reconstruction.bytes_used() == size


def test_memory_frames_forgets_and_starts_afresh() -> None:
    T, depth = turn_in_room()[0]
    elsewhere, other_depth = turn_in_room()[12]
    reconstruction, persistent = Reconstruction(1, PINHOLE, memory_frames=3), Reconstruction(1, PINHOLE)
    for each in (reconstruction, persistent):
        each.integrate(gray(depth, 200)[None], depth[None], T[None])
    for k in range(3):
        assert not reconstruction.unknown_surface(depth[None], T[None]).any(), k
        np.testing.assert_array_equal(reconstruction.render(T[None]).rgb, persistent.render(T[None]).rgb)
        reconstruction.integrate(gray(depth, 10)[None], other_depth[None], elsewhere[None])
    assert reconstruction.unknown_surface(depth[None], T[None]).all()
    assert reconstruction.render(T[None]).unknown.all()
    reconstruction.integrate(gray(depth, 40)[None], depth[None], T[None])
    expected = reconstruction.render(T[None])
    assert not reconstruction.unknown_surface(depth[None], T[None]).any()
    assert set(np.unique(expected.rgb[~expected.unknown])) == {40}, "nothing is left of the first life"


def test_what_is_seen_again_in_time_is_not_forgotten() -> None:
    T, depth = turn_in_room()[0]
    reconstruction = Reconstruction(1, PINHOLE, voxel_size=0.05, memory_frames=2)
    for value in (100, 100, 100, 100, 200):
        reconstruction.integrate(gray(depth, value)[None], depth[None], T[None])
    expected = reconstruction.render(T[None])
    assert np.abs(expected.rgb[~expected.unknown].astype(int) - 120).max() <= 1


def test_color_is_the_mean_of_what_was_integrated() -> None:
    T, depth = turn_in_room()[3]
    reconstruction = Reconstruction(1, PINHOLE)
    for value in (30, 90, 180):
        reconstruction.integrate(gray(depth, value)[None], depth[None], T[None])
    expected = reconstruction.render(T[None])
    assert set(np.unique(expected.rgb[~expected.unknown])) == {100}


def test_pools_and_tables_grow_by_themselves() -> None:
    """Thousands of blocks in the first frame: many launches, nothing lost, nothing counted twice."""
    T, depth = turn_in_room()[0]
    reconstruction = Reconstruction(2, PINHOLE, voxel_size=0.01)
    poses, images = np.stack([T, T]), np.stack([depth, np.zeros_like(depth)])
    small = reconstruction.bytes_used()
    reconstruction.integrate(gray(images), images, poses)
    assert reconstruction.num_blocks(0) > 2000
    assert reconstruction.num_blocks(1) == 0
    assert reconstruction.bytes_used() > 10 * small
    assert not reconstruction.unknown_surface(images, poses).any()
    color = state(reconstruction, 0)[2]
    np.testing.assert_array_equal(color[..., 0], 120 * color[..., 3])
    whole = Reconstruction(1, PINHOLE, voxel_size=0.01)
    whole._pool._want[:] = 8000  # room for everything at once
    whole.integrate(gray(depth)[None], depth[None], T[None])
    assert_same(state(reconstruction, 0), state(whole, 0))


def test_memory_follows_the_surface_and_not_the_box() -> None:
    frames = turn_in_room()
    reconstruction = Reconstruction(1, PINHOLE)
    for T, depth in frames:
        reconstruction.integrate(gray(depth)[None], depth[None], T[None])
        far = T.copy()
        far[0, 3] += 500.0
        reconstruction.integrate(gray(depth)[None], depth[None], far[None])
    surface = 2 * (2 * (5.01 * 3.99 + 5.01 * 2.62 + 3.99 * 2.62))  # two rooms, 500 m apart
    assert reconstruction.num_blocks(0) / surface < 6


def test_pixels_without_a_sane_depth_are_ignored() -> None:
    T, depth = turn_in_room()[0]
    clean, dirty = Reconstruction(1, PINHOLE), Reconstruction(1, PINHOLE)
    rng = np.random.default_rng(0)
    holes = rng.random(depth.shape) < 0.3
    bad = depth.copy()
    bad[holes] = rng.choice([0.0, np.nan, np.inf, -np.inf, -1.0], holes.sum())
    zero = np.where(holes, np.float32(0), depth)
    with np.errstate(invalid="ignore"):
        dirty.integrate(gray(depth)[None], bad[None], T[None])
    clean.integrate(gray(depth)[None], zero[None], T[None])
    assert_same(state(clean, 0), state(dirty, 0))
    assert not dirty.unknown_surface(bad[None], T[None]).any()
    assert not Reconstruction(1, PINHOLE).unknown_surface(bad[None], T[None])[0][holes].any()


def test_returns_beyond_max_depth_are_ignored() -> None:
    T, depth = turn_in_room()[0]
    reconstruction = Reconstruction(1, PINHOLE, max_depth=2.0)
    reconstruction.integrate(gray(depth)[None], depth[None], T[None])
    fresh = Reconstruction(1, PINHOLE, max_depth=2.0)
    np.testing.assert_array_equal(fresh.unknown_surface(depth[None], T[None])[0], depth <= 2.0)
    assert reconstruction.render(T[None]).depth.max() <= 2.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"depth": np.zeros((2, 48, 47), np.float32)},
            r"depth is float32 \(2, 48, 47\), expected float32 \(2, 48, 48\)",
        ),
        ({"depth": np.zeros((2, 48, 48))}, "depth is float64"),
        ({"rgb": np.zeros((2, 48, 48, 3), np.float32)}, r"rgb is float32 .* expected uint8 \(2, 48, 48, 3\)"),
        ({"rgb": np.zeros((2, 48, 48, 4), np.uint8)}, "rgb is uint8"),
        ({"T_world_camera": np.zeros((1, 4, 4), np.float32)}, r"T_world_camera is float32 \(1, 4, 4\)"),
        ({"T_world_camera": np.full((2, 4, 4), np.nan, np.float32)}, "environment 0 has NaN"),
    ],
)
def test_wrong_input_is_explained_and_changes_nothing(change: dict[str, NDArray], message: str) -> None:
    reconstruction = mapped([0, 1])
    before = [state(reconstruction, env) for env in range(2)]
    rgb, depth, poses = batch(2, 2)
    with pytest.raises(ValueError, match=message):
        reconstruction.integrate(**({"rgb": rgb, "depth": depth, "T_world_camera": poses} | change))
    for env in range(2):
        assert_same(state(reconstruction, env), before[env])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_envs": 0}, "num_envs is 0"),
        ({"voxel_size": 0.0}, "voxel_size is 0"),
        ({"truncation": 0.01}, "truncation is 0 voxels"),
        ({"memory_frames": 0}, "memory_frames is 0"),
        ({"max_depth": float("inf")}, "max_depth is inf"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_wrong_arguments_are_explained(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Reconstruction(**({"num_envs": 1, "pinhole": PINHOLE} | arguments))


def test_wrong_environments_and_strides_are_explained() -> None:
    reconstruction = Reconstruction(2, Pinhole(8, 8, 4, 4, 4, 4))
    with pytest.raises(ValueError, match="expected 0 to 1"):
        reconstruction.reset([2])
    with pytest.raises(ValueError, match="stride is 9"):
        reconstruction.render(np.tile(np.eye(4, dtype=np.float32), (2, 1, 1)), stride=9)


@settings(max_examples=20)
@given(data=st.data())
def test_any_frame_can_be_taken_in(data: st.DataObject) -> None:
    """Random depth from anywhere: no crash, no hang, and the frame is known afterwards."""
    pinhole = Pinhole(8, 8, 4.0, 4.0, 4.0, 4.0)
    depth = np.array(data.draw(st.lists(st.floats(0, 200, width=32), min_size=64, max_size=64)), np.float32)
    depth = depth.reshape(1, 8, 8)
    where = data.draw(st.tuples(*[st.floats(-1e5, 1e5)] * 3))
    T = look(where, data.draw(st.floats(-180, 180)), data.draw(st.floats(-89, 89)))[None]
    reconstruction = Reconstruction(1, pinhole)
    reconstruction.integrate(gray(depth), depth, T)
    assert not reconstruction.unknown_surface(depth, T).any()
    expected = reconstruction.render(T)
    np.testing.assert_array_equal(expected.depth == 0, expected.unknown)
