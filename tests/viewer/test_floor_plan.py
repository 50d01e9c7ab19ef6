"""The plan shows each cell where it is, whatever window of it is asked for."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from robonav.maps.occupancy import FREE, OCCUPIED, OccupancyGrid
from robonav.viewer import floor_plan

COLOURS = np.array([floor_plan.UNKNOWN_RGBA, floor_plan.FREE_RGBA, floor_plan.OCCUPIED_RGBA])


def small_grid() -> OccupancyGrid:
    grid = OccupancyGrid(np.zeros(2), 0.0)
    grid.cells[70:80, 60:66] = FREE
    grid.cells[70:80, 66] = OCCUPIED
    return grid


@settings(max_examples=30)
@given(
    st.tuples(st.integers(-40, 190), st.integers(-40, 190)), st.tuples(st.integers(1, 25), st.integers(1, 25))
)
def test_every_pixel_is_its_cell(low: tuple[int, int], size: tuple[int, int]) -> None:
    grid = small_grid()
    image = floor_plan.plan_image(grid, np.array(low), np.add(low, size))
    assert image.shape == (size[1], size[0], 4)
    border = {tuple(cell) for frontier in grid.frontiers() for cell in frontier.cells.tolist()}
    for i in range(size[0]):
        for j in range(0, size[1], 2):
            cell = (low[0] + i, low[1] + j)
            inside = all(0 <= c < side for c, side in zip(cell, grid.cells.shape, strict=True))
            wanted = COLOURS[grid.cells[cell]] if inside else floor_plan.UNKNOWN_RGBA
            wanted = floor_plan.FRONTIER_RGBA if cell in border else wanted
            assert tuple(image[size[1] - 1 - j, i]) == tuple(wanted)


def test_the_bounds_hold_what_is_known() -> None:
    low, high = floor_plan.known_bounds(small_grid(), margin_m=0.5)
    assert low.tolist() == [65, 55]
    assert high.tolist() == [85, 72]
    assert floor_plan.known_bounds(OccupancyGrid(np.zeros(2), 0.0))[1].tolist() == [160, 160]


def test_the_middle_of_what_is_known_is_drawn() -> None:
    """Free floor with a wall to the north of it, seen from 2 x 2 cells: y is up in the picture."""
    image = floor_plan.plan_image(small_grid(), np.array([74, 65]), np.array([76, 67]))
    assert image[0].tolist() == [list(floor_plan.OCCUPIED_RGBA)] * 2
    assert image[1].tolist() == [list(floor_plan.FREE_RGBA)] * 2
