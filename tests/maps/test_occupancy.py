"""The occupancy grid says what a known room looks like, and where it ends."""

from __future__ import annotations

import numpy as np
import pytest

from robonav.maps.occupancy import BODY_M, BUMP_M, FREE, OCCUPIED, UNKNOWN, OccupancyGrid

EYE_M = 1.25
SIZE = 64


def directions() -> np.ndarray:
    pixel = (np.arange(SIZE) + 0.5 - SIZE / 2) / (SIZE / 2)
    return np.stack([*np.meshgrid(pixel, pixel), np.ones((SIZE, SIZE))], axis=-1).astype(np.float32)


def pose_at(x: float, y: float, yaw: float) -> np.ndarray:
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([[s, 0, c, x], [-c, 0, s, y], [0, -1, 0, EYE_M], [0, 0, 0, 1]], dtype=np.float32)


def box_depth(pose: np.ndarray, low: list[float], high: list[float]) -> np.ndarray:
    """Planar depth inside of an axis-aligned box, by intersecting each ray with its six planes."""
    rays = directions() @ pose[:3, :3].T
    with np.errstate(divide="ignore"):
        exits = (np.where(rays > 0, high, low) - pose[:3, 3]) / rays
    return exits.min(axis=-1).astype(np.float32)


def look_around(grid: OccupancyGrid, x: float, y: float, low: list[float], high: list[float]) -> None:
    for yaw in np.arange(8) * np.pi / 4:
        pose = pose_at(x, y, yaw)
        grid.integrate(box_depth(pose, low, high), pose, directions())


@pytest.fixture
def room() -> OccupancyGrid:
    """A 4 x 3 m room, looked at all around from its middle."""
    grid = OccupancyGrid(np.array([2.0, 1.5]), floor_z=0.0)
    look_around(grid, 2.0, 1.5, [0, 0, 0], [4, 3, 2.5])
    return grid


def test_a_room_is_free_up_to_its_walls_and_closed(room: OccupancyGrid) -> None:
    x, y = np.meshgrid(np.arange(0.15, 3.9, 0.1), np.arange(0.15, 2.9, 0.1))
    inner = room.cell(np.stack([x.ravel(), y.ravel()], axis=1))
    assert (room.cells[inner[:, 0], inner[:, 1]] == FREE).mean() > 0.98
    free = room.centre(np.argwhere(room.cells == FREE))
    assert (free.min(axis=0) > -0.05).all()
    assert (free.max(axis=0) < [4.05, 3.05]).all()
    walls = room.centre(np.argwhere(room.cells == OCCUPIED))
    gap = np.min(np.abs(np.c_[walls[:, :1], walls[:, :1] - 4, walls[:, 1:], walls[:, 1:] - 3]), axis=1)
    assert gap.max() <= 0.1
    assert room.frontiers() == []


def test_what_was_not_looked_at_is_unknown_and_borders_on_a_frontier() -> None:
    grid = OccupancyGrid(np.array([2.0, 1.5]), floor_z=0.0)
    pose = pose_at(2.0, 1.5, 0.0)
    grid.integrate(box_depth(pose, [0, 0, 0], [4, 3, 2.5]), pose, directions())
    assert grid.cells[tuple(grid.cell(np.array([3.0, 1.5])))] == FREE
    assert grid.cells[tuple(grid.cell(np.array([1.0, 1.5])))] == UNKNOWN
    cells = np.concatenate([frontier.cells for frontier in grid.frontiers()])
    edge = grid.centre(cells)
    # The view is 90 degrees wide: its edges run at 45 degrees from the eye.
    assert np.abs(np.abs(edge[:, 1] - 1.5) - (edge[:, 0] - 2.0)).max() < 0.25


def test_the_filter_knows_where_the_robot_stands_and_what_it_bumped_into() -> None:
    xy, yaw = np.array([2.0, 1.5]), 0.3
    grid, depth = OccupancyGrid(xy, floor_z=0.0), np.zeros((SIZE, SIZE), np.float32)
    grid.observe(depth, pose_at(*xy, yaw), directions(), xy)
    assert not (grid.cells == OCCUPIED).any()
    free = np.argwhere(grid.cells == FREE)
    gaps = np.linalg.norm(free - grid.cell(xy), axis=1) * grid.cell_size
    assert len(free) > 1
    assert gaps.max() <= BODY_M
    grid.observe(depth, pose_at(*xy, yaw), directions(), xy, yaw, bumped=True)
    ahead = grid.cell(xy + BUMP_M * np.array([np.cos(yaw), np.sin(yaw)]))
    np.testing.assert_array_equal(np.argwhere(grid.cells == OCCUPIED), [ahead])


def test_heights_decide_what_is_an_obstacle() -> None:
    pose, rays = pose_at(0.0, 0.0, 0.0), directions()
    for height, expected in ((0.05, FREE), (0.5, OCCUPIED), (1.4, OCCUPIED), (-0.5, OCCUPIED), (2.0, FREE)):
        depth = np.zeros((SIZE, SIZE), dtype=np.float32)
        row = int(SIZE / 2 * (1 + (EYE_M - height) / 2.0))
        depth[row, SIZE // 2] = 2.0
        seen_height = EYE_M - 2.0 * rays[row, SIZE // 2, 1]
        assert seen_height == pytest.approx(height, abs=0.07)
        grid = OccupancyGrid(np.zeros(2), floor_z=0.0)
        grid.integrate(depth, pose, rays)
        assert (grid.cells == OCCUPIED).any() == (expected == OCCUPIED)


def test_occupied_stays_occupied_and_clearing_touches_the_unknown_only() -> None:
    grid = OccupancyGrid(np.zeros(2), floor_z=0.0)
    grid.block(np.array([0.3, 0.0]))
    grid.clear(np.zeros(2), radius=0.5)
    assert grid.cells[tuple(grid.cell(np.array([0.3, 0.0])))] == OCCUPIED
    area = np.count_nonzero(grid.cells == FREE) * grid.cell_size**2
    assert area == pytest.approx(np.pi * 0.5**2, rel=0.1)


def test_the_grid_grows_and_keeps_what_it_knew(room: OccupancyGrid) -> None:
    before = room.centre(np.argwhere(room.cells == OCCUPIED))
    size = room.cells.shape
    look_around(room, 22.0, -14.0, [20, -16, 0], [24, -12, 2.5])
    assert room.cells.shape != size
    after = room.centre(np.argwhere(room.cells == OCCUPIED))
    assert {tuple(np.round(p, 6)) for p in before} <= {tuple(np.round(p, 6)) for p in after}
    assert room.cells[tuple(room.cell(np.array([22.0, -13.0])))] == FREE


def test_detail_is_what_was_seen_from_near() -> None:
    grid = OccupancyGrid(np.array([1.0, 1.0]), floor_z=0.0, detail_range=2.0)
    look_around(grid, 1.0, 1.0, [0, 0, 0], [8, 2, 2.5])
    detailed = grid.centre(np.argwhere(grid.detailed))
    assert np.linalg.norm(detailed - [1.0, 1.0], axis=1).max() < 2.15
    assert grid.detailed[tuple(grid.cell(np.array([2.5, 1.0])))]
    assert grid.cells[tuple(grid.cell(np.array([4.0, 1.0])))] == FREE


def test_long_frontiers_are_halved_and_no_cell_is_lost() -> None:
    grid = OccupancyGrid(np.zeros(2), floor_z=0.0)
    grid.cells[60:100, 70:90] = FREE
    whole = grid.frontiers()
    assert len(whole) == 1, "the rim of the free rectangle"
    pieces = grid.frontiers(max_extent=1.5)
    assert {tuple(cell) for piece in pieces for cell in piece.cells} == {tuple(c) for c in whole[0].cells}
    assert sum(len(piece.cells) for piece in pieces) == len(whole[0].cells)
    for piece in pieces:
        axis = np.linalg.svd(piece.cells - piece.cells.mean(axis=0), full_matrices=False)[2][0]
        assert np.ptp(piece.cells @ axis) <= 15 + 1e-9
        assert (piece.cells == piece.centre).all(axis=1).any()


def test_a_patch_is_a_unit_vector_that_tells_places_apart_also_at_the_rim() -> None:
    grid = OccupancyGrid(np.array([2.0, 1.5]), floor_z=0.0)
    look_around(grid, 2.0, 1.5, [0, 0, 0], [4, 3, 2.5])
    middle, beside, corner = (grid.patch(np.array(xy)) for xy in ([2.0, 1.5], [2.1, 1.5], [0.5, 0.5]))
    assert np.linalg.norm(middle) == pytest.approx(1.0, abs=1e-6)
    assert middle @ beside > 0.95
    assert middle @ corner < 0.7
    edge = grid.centre(np.array([0, 0]))
    assert grid.patch(edge).shape == middle.shape
    assert not grid.patch(edge).any(), "nothing is known there"
    window = grid.cells[tuple(slice(c - 24, c + 24) for c in grid.cell(np.array([2.0, 1.5])))]
    free = np.array(
        [[(window[6 * i : 6 * i + 6, 6 * j : 6 * j + 6] == FREE).mean() for j in range(8)] for i in range(8)]
    )
    np.testing.assert_allclose(middle[:64] / middle[:64].max(), free.ravel() / free.max(), atol=1e-6)
