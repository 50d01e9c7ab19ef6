"""Ways over the raster against closed forms, scikit-image, and NetworkX."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage
from skimage.graph import MCP_Geometric

from robonav.envs.scenes import FreeSpace
from robonav.envs.scenes.geodesics import FreeSpaceGeodesics


def space(free: np.ndarray, origin: tuple[float, float] = (-1.0, 2.0)) -> FreeSpace:
    return FreeSpace(ndimage.label(free)[0].astype(np.int32), origin, 0.0)


def test_in_the_open_every_heading_is_straight_within_1_point_3_percent() -> None:
    free = space(np.ones((160, 160), bool))
    angles = np.linspace(0, 2 * np.pi, 73)
    centre = free.centres(np.array([80, 80]))
    ends = free.centres(free.cells(centre + 3.8 * np.column_stack([np.cos(angles), np.sin(angles)])))
    straight = np.linalg.norm(ends - centre, axis=1)
    excess = FreeSpaceGeodesics(free).geodesic(np.tile(centre, (73, 1)), ends) / straight - 1
    assert excess.min() > -1e-9
    assert excess.max() < 0.0135
    assert excess.mean() < 0.005


def test_the_way_leads_around_a_wall() -> None:
    cells = np.ones((80, 80), bool)
    cells[40:42, :60] = False
    free = space(cells)
    start, end = free.centres(np.array([[20, 10], [61, 10]]))
    corner = free.centres(np.array([[39, 60], [42, 60]]))  # the cells beside the wall's end
    around = np.linalg.norm(start - corner[0]) + 0.15 + np.linalg.norm(corner[1] - end)
    assert FreeSpaceGeodesics(free).geodesic(start, end)[0] == pytest.approx(around, rel=0.015)


def test_nobody_slips_through_a_thin_wall_or_between_two_corners() -> None:
    wall = np.ones((9, 9), bool)
    wall[4] = False
    diagonal = ~np.eye(9, dtype=bool)
    for cells in (wall, diagonal):
        free = space(cells)
        ends = free.centres(np.array([[1, 7], [7, 1]]))
        assert FreeSpaceGeodesics(free).geodesic(ends[0], ends[1])[0] == np.inf


def test_positions_off_the_floor_count_from_the_nearest_free_cell() -> None:
    cells = np.zeros((20, 20), bool)
    cells[5:15, 5:15] = True
    free = space(cells)
    ways = FreeSpaceGeodesics(free)
    np.testing.assert_allclose(ways.snap(np.array([[-1.0, 2.0, 9.0]])), [free.centres(np.array([5, 5]))])
    assert ways.geodesic(np.array([-1.0, 2.0]), free.centres(np.array([5, 5])))[0] == 0


@given(free=arrays.arrays(bool, (12, 9), elements=st.integers(0, 3).map(bool)), seed=st.integers(0, 999))
@settings(max_examples=60)
def test_lengths_lie_between_the_straight_line_and_steps_to_eight_neighbours(
    free: np.ndarray, seed: int
) -> None:
    if not free.any():
        return
    room = space(free)
    cells = np.argwhere(free)
    ends = cells[np.random.default_rng(seed).integers(len(cells), size=2)]
    length = FreeSpaceGeodesics(room).geodesic(*room.centres(ends))[0]
    assert (length == np.inf) == (room.islands[tuple(ends[0])] != room.islands[tuple(ends[1])])
    if length < np.inf:
        assert length >= 0.05 * np.linalg.norm(ends[0] - ends[1]) - 1e-9
        graph = nx.grid_2d_graph(*free.shape)
        graph.remove_nodes_from(map(tuple, np.argwhere(~free).tolist()))
        assert length <= 0.05 * nx.shortest_path_length(graph, *map(tuple, ends.tolist())) + 1e-9


def test_in_rooms_the_ways_are_a_little_shorter_than_with_eight_neighbours() -> None:
    rng = np.random.default_rng(0)
    free = ndimage.binary_opening(rng.random((120, 120)) < 0.98, iterations=2)
    room = space(free)
    cells = np.argwhere(room.islands == np.bincount(room.islands[free]).argmax())
    starts, goal = cells[rng.integers(len(cells), size=40)], cells[0]
    ours = FreeSpaceGeodesics(room).geodesic(room.centres(starts), np.tile(room.centres(goal), (40, 1)))
    costs = 0.05 * MCP_Geometric(np.where(free, 1.0, -1.0)).find_costs([tuple(goal)])[0]
    ratio = ours / costs[tuple(starts.T)]
    assert np.all(ratio[np.isfinite(ratio)] < 1 + 1e-9)
    assert 0.92 < np.nanmedian(ratio) < 1.0
