"""Shortest paths over free space, for the agent's own radius."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import KDTree

from robonav.envs.scenes.scene import FreeSpace

_KNIGHT = ((1, 0), (1, 1), (2, 1), (3, 1), (3, 2))  # 32 headings with their mirror images and turns


class FreeSpaceGeodesics:
    """Geodesic distances on a raster: Dijkstra between cells, with steps along 32 headings.

    A step needs every cell that it touches to be free. A length exceeds the straight one by at most
    1.3 %, on the mean of headings by 0.4 %. It takes about 600 bytes a free cell.

    Args:
        free_space: Free space of the agent's centre.
    """

    def __init__(self, free_space: FreeSpace) -> None:
        free = free_space.islands > 0
        self._free_space = free_space
        self._nearest = KDTree(free_space.centres(np.argwhere(free)))
        number = np.where(free, np.cumsum(free).reshape(free.shape) - 1, -1)
        links, lengths = zip(*((_steps(number, step), np.hypot(*step)) for step in _headings()), strict=True)
        ends = np.concatenate(links)
        weights = np.repeat(lengths, [len(pairs) for pairs in links]) * free_space.cell_size
        self._graph = sparse.csr_matrix((weights, ends.T), shape=(self._nearest.n,) * 2)

    def snap(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Centres (N, 2) of the free cells nearest to positions (N, 2 or 3)."""
        return self._nearest.data[self._cells(xy)]

    def geodesic(self, starts: NDArray[np.floating], ends: NDArray[np.floating]) -> NDArray[np.float64]:
        """Lengths (N,) of the shortest paths between positions (N, 2 or 3), metres; inf where there is none.

        Positions count as the centre of the free cell that is nearest.
        """
        first, last = self._cells(starts), self._cells(ends)
        lengths = np.empty(len(first))
        for goal in np.unique(last):
            to_goal = last == goal
            lengths[to_goal] = csgraph.dijkstra(self._graph, directed=False, indices=goal)[first[to_goal]]
        return lengths

    @property
    def places(self) -> NDArray[np.float64]:
        """Centres (M, 2) of all free cells, in the order of `lengths_from`."""
        return np.asarray(self._nearest.data)

    def lengths_from(self, start: NDArray[np.floating]) -> NDArray[np.float64]:
        """Lengths (M,) of the shortest paths from a position (2,) to all free cells; inf where none."""
        lengths: NDArray[np.float64] = csgraph.dijkstra(
            self._graph, directed=False, indices=self._cells(start)[0]
        )
        return lengths

    def way(self, start: NDArray[np.floating], end: NDArray[np.floating]) -> NDArray[np.float64]:
        """Centres (K, 2) of the cells of a shortest path; (0, 2) if there is none."""
        first, last = int(self._cells(start)[0]), int(self._cells(end)[0])
        before = csgraph.dijkstra(self._graph, directed=False, indices=last, return_predecessors=True)[1]
        rows = [first]
        while rows[-1] != last:
            if before[rows[-1]] < 0:
                return np.zeros((0, 2))
            rows.append(int(before[rows[-1]]))
        return self.places[rows]

    def _cells(self, xy: NDArray[np.floating]) -> NDArray[np.int64]:
        return self._nearest.query(np.atleast_2d(xy)[:, :2])[1].astype(np.int64)


@lru_cache(maxsize=32)  # 20 MB each
def geodesics_of(free_space: FreeSpace) -> FreeSpaceGeodesics:
    """The geodesics of a free space, cached for the last few free spaces."""
    return FreeSpaceGeodesics(free_space)


def _headings() -> Iterator[tuple[int, int]]:
    """One of each pair of opposite steps."""
    for x, y in _KNIGHT:
        yield from {(x, y), (y, x), (-y, x), (-x, y)} if y else {(x, y), (y, x)}


def _steps(number: NDArray[np.int64], step: tuple[int, int]) -> NDArray[np.int64]:
    """Pairs (M, 2) of cells that the step joins; `number` (X, Y) is -1 where blocked."""
    touched = _touched(step)
    low, high = touched.min(axis=0), touched.max(axis=0)
    size = np.array(number.shape) - (high - low)
    if (size <= 0).any():
        return np.zeros((0, 2), dtype=np.int64)
    views = [number[i : i + size[0], j : j + size[1]] for i, j in touched - low]
    passable = np.all([view >= 0 for view in views], axis=0)
    return np.column_stack([views[0][passable], views[-1][passable]])


def _touched(step: tuple[int, int]) -> NDArray[np.int64]:
    """Cells (K, 2) that a step from [0, 0] touches, its ends first and last."""
    along = np.linspace(0, 1, 241)[:, None] * np.array(step)
    beside = [along + side for side in ((1e-6, 1e-6), (1e-6, -1e-6), (-1e-6, 1e-6), (-1e-6, -1e-6))]
    cells = np.unique(np.floor(np.concatenate(beside) + 0.5).astype(np.int64), axis=0)
    is_end = (cells == 0).all(axis=1) | (cells == step).all(axis=1)
    return np.concatenate([np.zeros((1, 2), np.int64), cells[~is_end], [step]])
