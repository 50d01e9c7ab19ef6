"""Ways through what was not seen yet, as if it were free: how far it may be from a place to the goal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robonav.maps.occupancy import OCCUPIED, OccupancyGrid
from robonav.maps.planning import ShortestPaths, clearance
from robonav.planners.path_following import BODY_M, COMFORT_M

_MARGIN_M = 2.0  # so much unknown floor beyond the ends of a way, for ways around
_TIGHT, _WALL = 50.0, 500.0  # maps err, so nothing is shut for ever: a cell of a wall is a detour of 50 m


class HopefulWays:
    """Cheapest ways from one place to all others, if all unknown cells were free.

    Args:
        grid: What is known.
        start_xy: (2,) from where, metres; it may be off the map.
        ends_xy: (K, 2) or (2,) what must be on the plan, too.

    Attributes:
        passable: (X, Y) bool, cells of the grid in which the body has room, unknown ones included.
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
        """Metres (K,) to places (K, 2); narrow floor counts more than once, as it does on known ways."""
        cells = self._cells(xy)
        return np.asarray(self._paths.costs[cells[..., 0], cells[..., 1]] * self._size)

    def path_to(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Positions (K, 2) on the way to a place (2,)."""
        return (self._paths.path_to(self._cells(xy)) + 0.5) * self._size + self._origin

    def _cells(self, xy: NDArray[np.floating]) -> NDArray[np.int64]:
        return np.floor((np.asarray(xy) - self._origin) / self._size).astype(np.int64)
