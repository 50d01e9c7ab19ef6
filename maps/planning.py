"""Shortest paths on a grid of traversal costs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import MCP_Geometric


def clearance(occupied: NDArray[np.bool_], cell_size: float) -> NDArray[np.float64]:
    """Distance (X, Y) in metres from cell centres to the nearest occupied one; inf if there is none."""
    if not occupied.any():
        return np.full(occupied.shape, np.inf)
    return ndimage.distance_transform_edt(~occupied, sampling=cell_size)


class ShortestPaths:
    """Cheapest 8-connected paths from one cell to all others (Dijkstra, by scikit-image's MCP).

    A step between neighbours costs its length in cells times the mean of their two costs.

    Args:
        cell_costs: (X, Y) cost of a cell, > 0; infinite = never enter.
        start: (2,) cell; always passable.

    Attributes:
        costs: (X, Y) cost of the cheapest path, inf where there is none.
    """

    def __init__(self, cell_costs: NDArray[np.floating], start: NDArray[np.integer]) -> None:
        passable = np.argwhere(np.isfinite(cell_costs))
        corners = np.vstack([passable, np.asarray(start)[None]])
        self._low = corners.min(axis=0)
        window = tuple(slice(a, b) for a, b in zip(self._low, corners.max(axis=0) + 1, strict=True))
        costs = np.where(np.isfinite(cell_costs), cell_costs, -1.0)[window].astype(np.float64)
        own = tuple(np.asarray(start) - self._low)
        costs[own] = max(costs[own], 1.0)
        self._mcp = MCP_Geometric(costs)
        self.costs = np.full(cell_costs.shape, np.inf)
        self.costs[window] = self._mcp.find_costs([own])[0]

    def path_to(self, cell: NDArray[np.integer]) -> NDArray[np.int64]:
        """Cells (K, 2) from the start to `cell`, both included.

        Raises:
            ValueError: If no path leads there.
        """
        if not np.isfinite(self.costs[tuple(cell)]):
            raise ValueError(f"no path leads to cell {tuple(int(i) for i in cell)}")
        return np.array(self._mcp.traceback(tuple(np.asarray(cell) - self._low)), dtype=np.int64) + self._low


def line_is_passable(
    passable: NDArray[np.bool_], start: NDArray[np.floating], end: NDArray[np.floating]
) -> bool:
    """Whether the line between two points (2,) in cell units stays on passable cells (half-cell steps)."""
    count = 2 + int(2 * np.max(np.abs(np.subtract(end, start))))
    cells = np.floor(np.linspace(start, end, count)).astype(np.int64)
    return bool(passable[cells[:, 0], cells[:, 1]].all())
