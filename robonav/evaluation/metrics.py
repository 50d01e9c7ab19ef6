"""Completeness: how much of the surface has been observed to within 5 cm (`docs/evaluation.md`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

THRESHOLD_M = 0.05
SETTLED_M = 0.02
_CELL_M = 0.05
_MARGIN_M = 0.5
_FRESH, _WANTED = np.uint8(1), np.uint8(2)
_PRUNE_EVERY = 16


class SampleIndex:
    """Finds the samples within 5 cm of a point: a dense grid of 5 cm cells that lists samples near each cell.

    It depends on the samples only; all episodes of a scene share it.

    Args:
        samples: (S, 3) surface samples, metres.
    """

    def __init__(self, samples: NDArray[np.float32]) -> None:
        self.samples = samples
        self.origin = samples.min(axis=0) - np.float32(_MARGIN_M)
        self.shape = np.ceil((samples.max(axis=0) + _MARGIN_M - self.origin) / _CELL_M).astype(np.int64)
        around = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        own = np.floor((samples - self.origin) / _CELL_M).astype(np.int64)
        cells = self._flat((own[:, None] + around).reshape(-1, 3))
        owners = np.repeat(np.arange(len(samples)), len(around))
        order = np.argsort(cells, kind="stable")
        self.owners = owners[order]
        self.cells, self.first, self.count = np.unique(cells[order], return_index=True, return_counts=True)
        self.row = np.zeros(int(np.prod(self.shape)), dtype=np.int32)
        self.row[self.cells] = np.arange(len(self.cells))

    def locate(self, points: NDArray[np.float32]) -> NDArray[np.int64]:
        """Flat cell of each point (M,); points far from every sample share the outermost cells."""
        cells = ((points - self.origin) * np.float32(1 / _CELL_M)).astype(np.int64)
        return self._flat(np.clip(cells, 0, self.shape - 1))

    def _flat(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        return (cells[..., 0] * self.shape[1] + cells[..., 1]) * self.shape[2] + cells[..., 2]


class Coverage:
    """Distance from each surface sample to the nearest point observed so far in one episode.

    Distances up to 5 cm are exact until they are below 2 cm, where nearer points no longer matter. Longer
    ones are taken to a cloud that keeps the first point in each 5 cm cell.

    Args:
        index: Where the samples are.
    """

    def __init__(self, index: SampleIndex) -> None:
        self._index = index
        self._nearest = np.full(len(index.samples), np.inf, dtype=np.float32)
        self._keep = np.full(len(index.row), _FRESH, dtype=np.uint8)
        self._keep[index.cells] |= _WANTED
        self._cloud: list[NDArray[np.float32]] = []
        self._observed = 0

    def observe(self, points: NDArray[np.float32]) -> None:
        """Take in the surface points (M, 3) of one frame, world frame, metres."""
        cells = self._index.locate(points)
        state = self._keep[cells]
        fresh = (state & _FRESH) > 0
        if fresh.any():
            self._cloud.append(points[fresh])
            self._keep[cells[fresh]] &= ~_FRESH
        wanted = (state & _WANTED) > 0
        self._bring_near(points[wanted], self._index.row[cells[wanted]])
        self._observed += 1
        if self._observed % _PRUNE_EVERY == 0:
            self._forget_settled()

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which samples (S,) have an observed point within 5 cm."""
        return self._nearest <= THRESHOLD_M

    def distances(self) -> NDArray[np.float32]:
        """Distance (S,) from each sample to the nearest observed point, metres; inf before the first."""
        found = self._nearest.copy()
        open_ = np.flatnonzero(~self.seen)
        if len(open_) and self._cloud:
            tree = cKDTree(np.concatenate(self._cloud), balanced_tree=False, compact_nodes=False)
            found[open_] = np.minimum(found[open_], tree.query(self._index.samples[open_])[0])
        return found

    def _bring_near(self, points: NDArray[np.float32], rows: NDArray[np.int32]) -> None:
        index = self._index
        counts = index.count[rows]
        point = np.repeat(np.arange(len(points)), counts)
        within = np.arange(len(point)) - np.repeat(np.cumsum(counts) - counts, counts)
        owner = index.owners[np.repeat(index.first[rows], counts) + within]
        distance = np.linalg.norm(points[point] - index.samples[owner], axis=1)
        np.minimum.at(self._nearest, owner, distance)

    def _forget_settled(self) -> None:
        """Stop looking at cells all of whose samples have a point within 2 cm."""
        worst = np.maximum.reduceat(self._nearest[self._index.owners], self._index.first)
        self._keep[self._index.cells[worst <= SETTLED_M]] &= ~_WANTED


def completeness_pct(seen: NDArray[np.bool_]) -> float:
    """Share of the samples that have been seen, in percent."""
    return 100.0 * float(np.mean(seen)) if len(seen) else 0.0
