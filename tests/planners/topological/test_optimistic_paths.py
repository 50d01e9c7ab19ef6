"""Ways through the unknown go round the walls that are known, and are as long as they look on paper."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from robonav.maps.occupancy import OCCUPIED, UNKNOWN, OccupancyGrid
from robonav.planners.path_following import BODY_M
from robonav.planners.topological.optimistic_paths import OptimisticPaths

HERE, BEYOND = np.array([2.05, 3.05]), np.array([4.05, 3.05])


def unknown_with_wall(length_m: float) -> OccupancyGrid:
    """Nothing is known of 6 x 6 m but a wall at x = 3 that begins at y = 0."""
    cells = np.full((60, 60), UNKNOWN, np.uint8)
    cells[30, : round(length_m / 0.1)] = OCCUPIED
    return OccupancyGrid.of(cells, np.zeros(2), 0.1)


def test_where_nothing_is_known_the_way_is_as_straight_as_eight_directions_allow():
    ways = OptimisticPaths(unknown_with_wall(0.0), HERE, BEYOND)
    assert ways.lengths_to(BEYOND[None])[0] == pytest.approx(2.0)
    octile = 1.0 * np.sqrt(2) + 1.0  # 2 m along, 1 m aside
    assert ways.lengths_to(np.array([[4.05, 4.05]]))[0] == pytest.approx(octile)


def test_a_known_wall_is_gone_round_at_its_open_end():
    ways = OptimisticPaths(unknown_with_wall(4.0), HERE, BEYOND)
    path = ways.path_to(BEYOND)
    np.testing.assert_allclose(path[[0, -1]], [HERE, BEYOND])
    at_wall = path[np.abs(path[:, 0] - 3.05) < 0.06]
    assert (at_wall[:, 1] > 4.0 + BODY_M - 0.06).all()
    assert 2 * np.hypot(1.0, 1.0) < ways.lengths_to(BEYOND[None])[0] < 4.5


def test_ways_lead_off_the_map_and_start_there():
    outside = np.array([-3.05, 3.05])
    ways = OptimisticPaths(unknown_with_wall(6.0), outside, HERE)
    assert ways.lengths_to(HERE[None])[0] == pytest.approx(5.1)
    np.testing.assert_allclose(ways.path_to(HERE)[0], outside)
    around = OptimisticPaths(unknown_with_wall(6.0), outside, np.array([[3.05, 5.5], BEYOND]))
    assert 6.0 < around.lengths_to(BEYOND[None])[0] < 20.0  # round the end of the wall, off the map


def test_a_place_that_is_walled_in_is_far_but_not_out_of_reach():
    grid = unknown_with_wall(0.0)
    ring = np.zeros(grid.cells.shape, bool)
    ring[37:45, 27:35] = True
    grid.cells[ring & ~ndimage.binary_erosion(ring)] = OCCUPIED
    length = OptimisticPaths(grid, HERE, BEYOND).lengths_to(BEYOND[None])[0]
    assert 40.0 < length < 200.0


def test_passable_is_where_the_body_has_room_on_the_cells_of_the_map():
    grid = unknown_with_wall(4.0)
    passable = OptimisticPaths(grid, np.array([-3.0, 9.0]), HERE).passable
    far_enough = ndimage.distance_transform_edt(grid.cells != OCCUPIED) * 0.1 > BODY_M
    np.testing.assert_array_equal(passable, far_enough)
