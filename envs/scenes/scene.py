"""Scenes: a triangle mesh with its appearance, and the free space of the agent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.scenes.pyramids import TexturePyramids


class SceneError(ValueError):
    """Raised for a scene that cannot be used; the message names the file, the finding and the remedy."""


@dataclass(frozen=True, eq=False)
class FreeSpace:
    """Free space of the agent's centre on one floor: a raster of the configuration space.

    Attributes:
        islands: (X, Y) int32, 0 = blocked, k ≥ 1 = k-th connected island; 1 is the largest indoor island.
        origin_xy: World x, y of the outer corner of cell [0, 0], metres.
        floor_z: Height of the floor, metres.
        cell_size: Edge of a cell, metres.
    """

    islands: NDArray[np.int32]
    origin_xy: tuple[float, float]
    floor_z: float
    cell_size: float = 0.05

    def cells(self, xy: NDArray[np.floating]) -> NDArray[np.int64]:
        """Cell indices (..., 2) of world positions (..., 2); they may lie outside of the raster."""
        return np.floor((np.asarray(xy) - self.origin_xy) / self.cell_size).astype(np.int64)

    def centres(self, cells: NDArray[np.integer]) -> NDArray[np.float64]:
        """World x, y (..., 2) of cell centres (..., 2)."""
        return (np.asarray(cells) + 0.5) * self.cell_size + self.origin_xy

    def island_at(self, xy: NDArray[np.floating]) -> NDArray[np.int32]:
        """Island label (...,) at world positions (..., 2); 0 where blocked or outside."""
        cells = self.cells(xy)
        inside = np.all((cells >= 0) & (cells < self.islands.shape), axis=-1)
        clipped = np.clip(cells, 0, np.array(self.islands.shape) - 1)
        return np.where(inside, self.islands[clipped[..., 0], clipped[..., 1]], 0).astype(np.int32)

    def segment_is_free(self, start_xy: NDArray[np.floating], end_xy: NDArray[np.floating]) -> bool:
        """Whether the agent can move straight from start to end, checked every half cell."""
        path = np.subtract(end_xy, start_xy)
        steps = max(2, int(np.ceil(np.sqrt(path.dot(path)) / (0.5 * self.cell_size))) + 1)
        cells = self.cells(start_xy + _shares(steps) * path)
        (x0, y0), (x1, y1) = cells[0].tolist(), cells[-1].tolist()  # the others lie between them
        size_x, size_y = self.islands.shape
        inside = min(x0, y0, x1, y1) >= 0 and max(x0, x1) < size_x and max(y0, y1) < size_y
        return inside and bool(self.islands[cells[:, 0], cells[:, 1]].all())

    def sample(self, rng: np.random.Generator, count: int = 1, island: int = 1) -> NDArray[np.float64]:
        """Random positions (count, 2) at cell centres of one island."""
        cells = np.argwhere(self.islands == island)
        if not len(cells):
            raise SceneError(f"island {island} has no free cell: there is nowhere to stand")
        return self.centres(cells[rng.integers(len(cells), size=count)])

    def area_m2(self, island: int = 1) -> float:
        """Area of one island in square metres."""
        return float(np.count_nonzero(self.islands == island)) * self.cell_size**2


@lru_cache(maxsize=64)
def _shares(steps: int) -> NDArray[np.float64]:
    """Shares (steps, 1) of a path, cached because every step uses them."""
    return np.linspace(0.0, 1.0, steps)[:, None]


@dataclass(frozen=True)
class MeshSource:
    """The mesh file of a scene, for simulators that load it themselves.

    Attributes:
        path: The file.
        up: Direction in file coordinates that becomes world z.
        front: Direction in file coordinates that becomes world x.
        scale: Metres in a unit of the file.
    """

    path: Path
    up: tuple[float, float, float]
    front: tuple[float, float, float]
    scale: float = 1.0


@dataclass(frozen=True, eq=False)
class Scene:
    """A textured triangle mesh in the world frame (x forward, z up, metres).

    The colour of a surface point is its interpolated corner colour, times its texture where it has one.

    Attributes:
        scene_id: Name that is unique within its scene set.
        vertices: (V, 3) float32, metres.
        triangles: (T, 3) int32 vertex indices.
        corner_colors: (T, 3, 3) uint8 RGB at the three corners.
        corner_uvs: (T, 3, 2) float32, u right and v DOWN from the top-left texel; repeats outside [0, 1].
        texture_ids: (T,) int32 index into `textures`, -1 = none.
        textures: RGB images (h, w, 3) uint8 of any sizes.
        pyramids: The textures with their smaller levels, if they are known already.
        free_space: Free space, if it is known exactly.
        floors: Free space of every floor, lowest first, where several were computed.
        navmesh_path: Habitat's .navmesh beside the mesh, if there is one.
        source: The mesh file, if the scene is an unchanged mesh file.
        metadata: Facts worth reporting, such as the source file.
    """

    scene_id: str
    vertices: NDArray[np.float32]
    triangles: NDArray[np.int32]
    corner_colors: NDArray[np.uint8]
    corner_uvs: NDArray[np.float32]
    texture_ids: NDArray[np.int32]
    textures: tuple[NDArray[np.uint8], ...] = ()
    pyramids: TexturePyramids | None = None
    free_space: FreeSpace | None = None
    floors: tuple[FreeSpace, ...] = ()
    navmesh_path: Path | None = None
    source: MeshSource | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def content_hash(self) -> str:
        """16 hex digits over geometry and appearance, so that results identify the scene."""
        digest = hashlib.sha256()
        arrays: list[NDArray[Any]] = [self.vertices, self.triangles, self.corner_colors, self.corner_uvs]
        for array in (*arrays, self.texture_ids, *self.textures):
            digest.update(str(array.shape).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]
