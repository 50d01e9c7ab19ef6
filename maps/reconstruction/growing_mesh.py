"""The mesh of a growing map, extracted part by part where the map changed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robonav.maps.reconstruction import blocks
from robonav.maps.reconstruction.mesh import Mesh, extract_box
from robonav.maps.reconstruction.pool import BlockPool

PART_M = 1.6
Part = tuple[int, int, int]
_NEIGHBOURS = np.array(list(np.ndindex(2, 2, 2)))


class GrowingMesh:
    """Surface of one map in cubes of about 1.6 m; together they equal `Reconstruction.mesh`.

    Args:
        pool: The blocks of all maps.
        env_id: Index of the map.
        voxel_size: Edge of a voxel, metres.
    """

    def __init__(self, pool: BlockPool, env_id: int, voxel_size: float) -> None:
        self._pool, self._env, self._voxel_size = pool, env_id, voxel_size
        self._side = max(1, round(PART_M / (blocks.BLOCK * voxel_size)))
        self._observations: dict[tuple[int, ...], int] = {}

    def update(self) -> dict[Part, Mesh]:
        """The parts whose surface may have changed since the last call, by cube; empty where it is gone."""
        places, slots = self._pool.blocks(self._env)
        counts = self._pool.observations(slots)
        now = dict(zip(map(tuple, places.tolist()), counts.tolist(), strict=True))
        before, self._observations = self._observations, now
        changed = [place for place in {**before, **now} if before.get(place) != now.get(place)]
        if not changed:
            return {}
        # a block is meshed together with the first layer of those that follow it
        touched = (np.array(changed)[:, None] - _NEIGHBOURS).reshape(-1, 3) // self._side
        return {
            (x, y, z): self._mesh((x, y, z), places, slots) for x, y, z in np.unique(touched, axis=0).tolist()
        }

    def _mesh(self, part: Part, places: NDArray[np.int64], slots: NDArray[np.int64]) -> Mesh:
        """One cube, and the first layer of those that follow it, as a dense box."""
        n, low = blocks.BLOCK, np.multiply(part, self._side)
        near = np.all((places >= low) & (places <= low + self._side), axis=1)
        edge = (self._side + 1) * n
        distance, known = np.ones((edge,) * 3), np.zeros((edge,) * 3, bool)
        color = np.zeros((*distance.shape, 4), np.int64)
        for place, *voxels in zip(
            places[near] - low, *self._pool.voxels(self._env, slots[near]), strict=True
        ):
            box = tuple(slice(n * i, n * (i + 1)) for i in place.tolist())
            distance[box], color[box], known[box] = voxels
        layer = (slice(self._side * n + 1),) * 3
        return extract_box(n * low, distance[layer], known[layer], color[layer], self._voxel_size)
