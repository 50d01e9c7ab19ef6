"""Shortest paths under the free-space assumption: unknown cells count as free."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robonav.maps.occupancy import OCCUPIED, OccupancyGrid
from robonav.maps.planning import ShortestPaths, clearance
from robonav.planners.path_following import BODY_M, COMFORT_M

_MARGIN_M = 2.0  # unknown floor beyond the ends of a path, for detours
_TIGHT, _WALL = 50.0, 500.0  # maps err, so no cell is impassable: a wall cell costs 50 m


class OptimisticPaths:
    """Cheapest paths from one position to all others, if all unknown cells were free.

    Args:
        grid: The occupancy map.
        start_xy: (2,) start, metres; it may be off the map.
        ends_xy: (K, 2) or (2,) positions that the padded map must contain.

    Attributes:
        passable: (X, Y) bool, cells where the body fits, unknown ones included.
    """

    def __init__(
        self, grid: OccupancyGrid, start_xy: NDArray[np.floating], ends_xy: NDArray[np.floating]
    ) -> None:
        size, shape = grid.cell_size, np.array(grid.cells.shape)
        places = np.vstack([start_xy, np.reshape(ends_xy, (-1, 2))])
        before = np.maximum(-grid.cell(places.min(axis=0) - _MARGIN_M), 0)
        after = np.maximum(grid.cell(places.max(axis=0) + _MARGIN_M) + 1 - shape, 0)
        occupied = np.pad(grid.cells == OCCUPIED, list(zip(before, after, strict=True)))
        room = clearance(occupied, size)
        costs = np.where(room > BODY_M, np.where(room < COMFORT_M, 3.0, 1.0), _TIGHT)
        costs[occupied] = _WALL
        self.passable = (room > BODY_M)[tuple(map(slice, before, before + shape))]
        self._size, self._origin = size, grid.origin_xy - before * size
        self._paths = ShortestPaths(costs, self._cells(start_xy))

    def lengths_to(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Metres (K,) to positions (K, 2); narrow floor costs more, as on known paths."""
        cells = self._cells(xy)
        return np.asarray(self._paths.costs[cells[..., 0], cells[..., 1]] * self._size)

    def path_to(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Positions (K, 2) on the path to a position (2,)."""
        return (self._paths.path_to(self._cells(xy)) + 0.5) * self._size + self._origin

    def _cells(self, xy: NDArray[np.floating]) -> NDArray[np.int64]:
        return np.floor((np.asarray(xy) - self._origin) / self._size).astype(np.int64)
