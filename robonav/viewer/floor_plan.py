"""Images of an occupancy map from above: free, occupied, unknown, and frontiers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robonav.maps.occupancy import FREE, OCCUPIED, UNKNOWN, OccupancyGrid

# The fourth number is opacity over a mesh: the floor's own colours show through.
UNKNOWN_RGBA, FREE_RGBA = (96, 104, 116, 110), (190, 224, 178, 40)
OCCUPIED_RGBA, FRONTIER_RGBA = (40, 44, 52, 110), (247, 137, 24, 255)
_PALETTE = np.zeros((3, 4), np.uint8)
_PALETTE[[UNKNOWN, FREE, OCCUPIED]] = UNKNOWN_RGBA, FREE_RGBA, OCCUPIED_RGBA


def known_bounds(grid: OccupancyGrid, margin_m: float = 0.5) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First cell (2,) and end (2,) of the known area with a margin; the whole grid while nothing is known."""
    known = np.argwhere(grid.cells != UNKNOWN)
    if not len(known):
        return np.zeros(2, np.int64), np.array(grid.cells.shape)
    margin = round(margin_m / grid.cell_size)
    return known.min(axis=0) - margin, known.max(axis=0) + 1 + margin


def plan_image(grid: OccupancyGrid, low: NDArray[np.integer], high: NDArray[np.integer]) -> NDArray[np.uint8]:
    """An image of the cells from `low` (2,) to before `high` (2,), y up; they may lie beyond the grid.

    Returns:
        (high[1] - low[1], high[0] - low[0], 4) RGBA, a pixel a cell.
    """
    window = np.full((high[0] - low[0], high[1] - low[1], 4), UNKNOWN_RGBA, np.uint8)
    first, end = (np.clip(corner, 0, grid.cells.shape) for corner in (low, high))
    inside = tuple(slice(*pair) for pair in zip(first - low, end - low, strict=True))
    window[inside] = _PALETTE[grid.cells[first[0] : end[0], first[1] : end[1]]]
    for frontier in grid.frontiers():
        cells = frontier.cells - low
        cells = cells[np.all((cells >= 0) & (cells < window.shape[:2]), axis=1)]
        window[cells[:, 0], cells[:, 1]] = FRONTIER_RGBA
    return window.swapaxes(0, 1)[::-1].copy()
