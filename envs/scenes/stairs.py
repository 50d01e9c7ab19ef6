"""Do stairs join two floors? Where can one walk up in steps of at most 0.2 m."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from robonav.envs.scenes.free_space import DEFAULT_AGENT, STEP_M, AgentShape
from robonav.envs.scenes.rasterize import occupied_columns
from robonav.envs.scenes.rays import rays_of
from robonav.envs.scenes.scene import FreeSpace, Scene

Place = tuple[float, float, float]
_CELL_M = 0.1
_APART_M = 1e-4  # surfaces that lie closer to each other count as one
_LEVEL = 0.7  # cosine of the steepest slope that is walked on
_SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1))


@dataclass(frozen=True)
class Stairs:
    """A way from a floor to the next one.

    Attributes:
        lower: Number of the lower floor; the upper one is the next.
        foot: x, y, z of the last place on the lower floor, metres.
        head: x, y, z of the first place on the upper floor, metres.
    """

    lower: int
    foot: Place
    head: Place


def stairs_of(scene: Scene, floors: Sequence[FreeSpace], agent: AgentShape = DEFAULT_AGENT) -> list[Stairs]:
    """The shortest way from each floor to the next one, where there is any.

    Surfaces are looked up in columns of 0.1 m. One can stand on those that are level enough, have head
    room, and no obstacle in their column between the second step and the head; from there one gets to the
    four columns beside, if the height differs by at most 0.2 m. Places with fewer than four such
    neighbours are too near to an edge for the agent's body, for each 0.1 m of its radius.

    Args:
        scene: The mesh.
        floors: Lowest first.
        agent: The agent's shape.
    """
    if len(floors) < 2:
        return []
    layers = _Layers(scene, (floors[0].floor_z, floors[-1].floor_z), agent)
    for _ in range(int(agent.radius_m / _CELL_M + 1e-6)):
        layers.erode()
    ways = (layers.way(lower, upper) for lower, upper in pairwise(floors))
    return [Stairs(k, *way) for k, way in enumerate(ways) if way is not None]


class _Layers:
    """Places (M,) where one can stand, several above each other in a column, and who is beside whom."""

    def __init__(self, scene: Scene, heights: tuple[float, float], agent: AgentShape) -> None:
        corners = scene.vertices[scene.triangles]
        low, high = corners[..., :2].min(axis=(0, 1)), corners[..., :2].max(axis=(0, 1))
        self._origin = low.astype(np.float64) - _CELL_M
        shape = (int((high - self._origin)[0] / _CELL_M) + 2, int((high - self._origin)[1] / _CELL_M) + 2)
        self._columns, self._z = _standing_heights(scene, self._origin, shape, agent.height_m)
        self._keep((self._z > heights[0] - STEP_M) & (self._z < heights[1] + STEP_M))
        self._keep(~_blocked(corners, self._origin, shape, self._columns, self._z, agent.height_m))
        self._shape = shape

    def erode(self) -> None:
        """Drop the places that lack a neighbour on one of their four sides."""
        links = self._links()
        sides = np.bincount(links[:, 0] * len(_SIDES) + links[:, 2], minlength=len(self._z) * len(_SIDES))
        self._keep(np.all(sides.reshape(-1, len(_SIDES)) > 0, axis=1))

    def way(self, lower: FreeSpace, upper: FreeSpace) -> tuple[Place, Place] | None:
        """Last place on the lower and first on the upper floor of the shortest way between islands 1."""
        below, above = self._on(lower), self._on(upper)
        if not (below.any() and above.any()):
            return None
        links = self._links()
        graph = sparse.csr_matrix((np.ones(len(links)), links[:, :2].T), shape=(len(self._z),) * 2)
        length, before, _ = csgraph.dijkstra(
            graph, indices=np.flatnonzero(below), min_only=True, return_predecessors=True
        )
        head = int(np.flatnonzero(above)[length[above].argmin()])
        if not np.isfinite(length[head]):
            return None
        foot = head
        while before[foot] >= 0:
            foot = int(before[foot])
        return self._place(foot), self._place(head)

    def _keep(self, kept: NDArray[np.bool_]) -> None:
        self._columns, self._z = self._columns[kept], self._z[kept]

    def _on(self, floor: FreeSpace) -> NDArray[np.bool_]:
        xy = (self._columns + 0.5) * _CELL_M + self._origin
        return (np.abs(self._z - floor.floor_z) <= 0.5 * STEP_M) & (floor.island_at(xy) == 1)

    def _place(self, index: int) -> Place:
        x, y = (self._columns[index] + 0.5) * _CELL_M + self._origin
        return float(x), float(y), float(self._z[index])

    def _links(self) -> NDArray[np.int64]:
        """Rows (K, 3): a place, one beside it that a step leads to, and on which side."""
        slots = _stack(self._columns, self._shape)
        heights = np.where(slots >= 0, self._z[slots], np.nan)
        found = []
        for side, offset in enumerate(_SIDES):
            beside = self._columns + offset
            inside = ((beside >= 0) & (beside < self._shape)).all(axis=1)
            mine = np.flatnonzero(inside)
            x, y = beside[mine].T
            rows, layers = np.nonzero(np.abs(heights[x, y] - self._z[mine, None]) <= STEP_M)
            theirs = slots[x[rows], y[rows], layers]
            found.append(np.column_stack([mine[rows], theirs, np.full(len(rows), side)]))
        return np.concatenate(found)


def _standing_heights(
    scene: Scene, origin: NDArray[np.float64], shape: tuple[int, int], head_room: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Columns (M, 2) and heights (M,) of level surfaces with head room above them."""
    columns = np.argwhere(np.ones(shape, bool))
    # off the centre: edges of a mesh lie at round numbers, and rays through them are ambiguous
    xy = (columns + np.array([0.503, 0.497])) * _CELL_M + origin
    ray, z, triangle = _crossings(scene, xy)
    above = np.full(len(z), np.inf)
    above[:-1] = np.where(ray[1:] == ray[:-1], z[1:] - z[:-1], np.inf)
    a, b, c = np.swapaxes(scene.vertices[scene.triangles[triangle]], 0, 1).astype(np.float64)
    normal = np.cross(b - a, c - a)
    level = np.abs(normal[:, 2]) >= _LEVEL * np.linalg.norm(normal, axis=1)
    stand = level & (above >= head_room)
    return columns[ray[stand]], z[stand]


def _crossings(
    scene: Scene, xy: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int32]]:
    """Where vertical lines at xy (N, 2) meet the mesh: line, height, triangle (M,), upwards in each line."""
    rays = rays_of(scene.vertices, scene.triangles)
    line = np.arange(len(xy))
    z = np.full(len(xy), float(scene.vertices[:, 2].min()) - 1.0)
    found = []
    while len(line):
        origins = np.column_stack([xy[line], z]).astype(np.float32)
        hits = rays.closest(origins, np.full_like(origins, [0, 0, 1]))
        hit = hits.triangle >= 0
        line, z = line[hit], (origins[:, 2] + hits.distance)[hit].astype(np.float64)
        found.append((line, z, hits.triangle[hit]))
        z = np.maximum(z + _APART_M, np.nextafter(z.astype(np.float32), np.inf))  # always farther up
    lines, heights, triangles = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort([heights, lines])
    return lines[order], heights[order], triangles[order]


def _blocked(
    corners: NDArray[np.float32],
    origin: NDArray[np.float64],
    shape: tuple[int, int],
    columns: NDArray[np.int64],
    z: NDArray[np.float64],
    head: float,
) -> NDArray[np.bool_]:
    """Whether something stands in a place's column, from two steps above it to the head: walls, rails."""
    blocked = np.zeros(len(z), bool)
    level = np.floor(z / STEP_M).astype(np.int64)
    for k in np.unique(level):
        here = level == k
        band = ((k + 3) * STEP_M, k * STEP_M + head)
        blocked[here] = occupied_columns(corners, origin, _CELL_M, shape, *band)[tuple(columns[here].T)]
    return blocked


def _stack(columns: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.int64]:
    """Indices (X, Y, L) of the places in each column, -1 beyond the last one."""
    flat = np.ravel_multi_index(tuple(columns.T), shape)
    order = np.argsort(flat, kind="stable")
    first = np.searchsorted(flat[order], flat[order])
    layer = np.arange(len(flat)) - first
    slots = np.full((shape[0] * shape[1], int(layer.max(initial=0)) + 1), -1, dtype=np.int64)
    slots[flat[order], layer] = order
    return slots.reshape(*shape, -1)
