"""Completeness: the share of the surface that was observed to within 5 cm (`docs/metrics.md`)."""

from __future__ import annotations

import numpy as np
import warp as wp
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from robonav.evaluation import completeness_kernels

THRESHOLD_M = 0.05
SETTLED_M = 0.02
_CELL_M = 0.05
_MARGIN_M = 0.5
_FRESH, _WANTED = np.uint8(1), np.uint8(2)
_PRUNE_EVERY = 32


class SampleIndex:
    """Finds the samples within 5 cm of a point: a dense grid of 5 cm cells that lists samples near each cell.

    It depends on the samples only; all episodes of a scene share it.

    Args:
        samples: (S, 3) surface samples, metres.
    """

    def __init__(self, samples: NDArray[np.float32]) -> None:
        self.samples = samples
        origin = samples.min(axis=0) - np.float32(_MARGIN_M)
        self.shape = np.ceil((samples.max(axis=0) + _MARGIN_M - origin) / _CELL_M).astype(np.int64)
        around = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        own = np.floor((samples - origin) / _CELL_M).astype(np.int64)
        near = np.ravel_multi_index(tuple((own[:, None] + around).reshape(-1, 3).T), self.shape)
        order = np.argsort(near, kind="stable")
        self.cells, self.first = np.unique(near[order], return_index=True)
        self.owners = np.repeat(np.arange(len(samples), dtype=np.int32), len(around))[order]
        self.warp = self._as_warp(origin)

    def _as_warp(self, origin: NDArray[np.float32]) -> completeness_kernels.Index:
        row = np.zeros(int(np.prod(self.shape)), dtype=np.int32)
        row[self.cells] = np.arange(len(self.cells))
        index = completeness_kernels.Index()
        index.origin, index.shape = wp.vec3(*origin.tolist()), wp.vec3i(*self.shape.tolist())
        index.cells_per_m = 1.0 / _CELL_M
        index.row = _on_cpu(row, wp.int32)
        index.first = _on_cpu(np.append(self.first, len(self.owners)).astype(np.int32), wp.int32)
        index.owners = _on_cpu(self.owners, wp.int32)
        index.samples = _on_cpu(self.samples, wp.vec3)
        return index


class Coverage:
    """Distance from each surface sample to the nearest point observed so far in one episode.

    Distances up to 5 cm are exact until they are below 2 cm, where nearer points no longer matter. Longer
    ones are taken to a cloud that keeps the first point in each 5 cm cell.

    Args:
        index: Index of the samples.
    """

    def __init__(self, index: SampleIndex) -> None:
        self._index = index
        self._nearest = np.full(len(index.samples), np.inf, dtype=np.float32)
        self._state = np.full(int(np.prod(index.shape)), _FRESH, dtype=np.uint8)
        self._state[index.cells] |= _WANTED
        self._shared = (_on_cpu(self._state, wp.uint8), _on_cpu(self._nearest, wp.float32))
        self._clouds: list[NDArray[np.float32]] = []
        self._observed = 0

    def observe(
        self, eye: NDArray[np.float32], directions: NDArray[np.float32], lengths: NDArray[np.float32]
    ) -> None:
        """Add one frame: rays from eye (3,) along unit directions (M, 3), lengths (M,), inf = no hit."""
        cloud, size = np.empty((len(lengths), 3), dtype=np.float32), np.zeros(1, dtype=np.int32)
        wp.launch(
            completeness_kernels.observe,
            dim=len(lengths),
            inputs=[
                self._index.warp,
                wp.vec3(*eye.tolist()),
                _on_cpu(directions, wp.vec3),
                _on_cpu(lengths, wp.float32),
                *self._shared,
                _on_cpu(cloud, wp.vec3),
                _on_cpu(size, wp.int32),
            ],
            device="cpu",
        )
        self._clouds.append(cloud[: size[0]].copy())
        self._observed += 1
        if self._observed % _PRUNE_EVERY == 0:
            self._forget_settled()

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Mask (S,) of samples with an observed point within 5 cm."""
        return self._nearest <= THRESHOLD_M

    def distances(self) -> NDArray[np.float32]:
        """Distance (S,) from each sample to the nearest observed point, metres; inf before the first."""
        found = self._nearest.copy()
        far = np.flatnonzero(~self.seen)
        cloud = np.concatenate([np.zeros((0, 3), dtype=np.float32), *self._clouds])
        if len(far) and len(cloud):
            tree = cKDTree(cloud, balanced_tree=False, compact_nodes=False)
            found[far] = np.minimum(found[far], tree.query(self._index.samples[far])[0])
        return found

    def _forget_settled(self) -> None:
        """Skip cells from now on whose samples all have a point within 2 cm."""
        index = self._index
        worst = np.maximum.reduceat(self._nearest[index.owners], index.first)
        self._state[index.cells[worst <= SETTLED_M]] &= ~_WANTED


def completeness_pct(seen: NDArray[np.bool_]) -> float:
    """Share of seen samples, in percent."""
    return 100.0 * float(np.mean(seen)) if len(seen) else 0.0


def _on_cpu(array: NDArray[np.generic], dtype: type) -> wp.array:
    """A Warp view of an array's memory."""
    return wp.array(array, dtype=dtype, device="cpu", copy=False)
