"""Habitat's .navmesh without habitat-sim: points, islands, snapping, and exact shortest paths."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from robonav.envs.scenes.closest_points import ClosestPoints
from robonav.envs.scenes.detour_tiles import DetourTile, read_tile
from robonav.envs.scenes.habitat_frame import world_from_habitat
from robonav.envs.scenes.polygons import check_polygons, ranked_islands
from robonav.envs.scenes.scene import Scene, SceneError
from robonav.envs.scenes.visibility import Corners, Sight

_REACH_M = 2.0  # as far away a point still belongs to the navmesh; Habitat's polyPickExt
_INWARD_M = 1e-4  # a point on an edge is moved inside by as much, as Habitat does
_AT_ONCE = 512  # paths: one search holds their sources and targets


class NavMesh:
    """Where an agent can go: convex polygons, in robonav's world (x forward, z up, metres).

    Args:
        tile: Polygons as Habitat has them.
        name: What messages call it.

    Attributes:
        vertices: (V, 3) float64.
        polygons: (P, 6) vertex indices, counter-clockwise from above, -1 beyond the last corner.
        neighbours: (P, 6) polygon across the edge from corner k to k + 1, -1 = none.
        islands: (P,) int32 island of each polygon; 1 is the largest.
        agent: Height, radius and highest step of the agent that it was made for, metres.

    Raises:
        SceneError: Polygons that are not convex, or disagree on who is beside whom.
    """

    def __init__(self, tile: DetourTile, name: str) -> None:
        self.vertices = world_from_habitat(tile.vertices)
        self.polygons, self.neighbours = tile.polygons, tile.neighbours
        self.agent = tile.agent
        check_polygons(self.vertices, self.polygons, self.neighbours, name)
        self._triangles, self._owner = world_from_habitat(tile.detail_triangles), tile.detail_polygons
        sides = self._triangles[:, 1:] - self._triangles[:, :1]
        self._areas = 0.5 * np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1)
        self.islands = ranked_islands(
            self.neighbours, np.bincount(self._owner, self._areas, len(self.polygons)).astype(float)
        )

    def area_m2(self, island: int | None = None) -> float:
        """Area of the surface, or of one island, in square metres."""
        of_island = True if island is None else self.islands[self._owner] == island
        return float(np.sum(self._areas, where=of_island))

    def sample(
        self, rng: np.random.Generator, count: int = 1, island: int | None = None
    ) -> NDArray[np.float64]:
        """Random points (count, 3), uniform over the surface or over one island.

        Raises:
            SceneError: There is no such island.
        """
        weights = np.where(island is None or self.islands[self._owner] == island, self._areas, 0.0)
        if not weights.sum() > 0:
            raise SceneError(f"the navmesh has no island {island}: it has 1 to {self.islands.max()}")
        chosen = self._triangles[rng.choice(len(weights), count, p=weights / weights.sum())]
        u, v = rng.random((2, count, 1))
        u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
        return chosen[:, 0] + u * (chosen[:, 1] - chosen[:, 0]) + v * (chosen[:, 2] - chosen[:, 0])

    def snap(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """The nearest points (N, 3) of the surface; NaN for points farther than 2 m from it."""
        return self._locate(points)[0]

    def island_at(self, points: NDArray[np.floating]) -> NDArray[np.int32]:
        """Island (N,) of the nearest points of the surface; 0 for points farther than 2 m from it."""
        polygon = self._locate(points)[1]
        return np.where(polygon >= 0, self.islands[polygon], 0).astype(np.int32)

    def geodesic(self, starts: NDArray[np.floating], ends: NDArray[np.floating]) -> NDArray[np.float64]:
        """Lengths (N,) of the shortest paths between points (N, 3), metres; inf where there is none.

        The path is exact as seen from above. Like Habitat's, its length is that of the straight lines in
        space between its bends. Points are snapped first.
        """
        starts, ends = np.broadcast_arrays(np.atleast_2d(starts), np.atleast_2d(ends))
        lengths = [
            self._search(starts[k : k + _AT_ONCE], ends[k : k + _AT_ONCE])[0]
            for k in range(0, len(starts), _AT_ONCE)
        ]
        return np.concatenate([np.zeros(0), *lengths])

    def shortest_path(self, start: NDArray[np.floating], end: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (K, 3) of the shortest path from start (3,) to end (3,), snapped; none if unreachable."""
        length, before, nodes = self._search(np.atleast_2d(start), np.atleast_2d(end))
        if not np.isfinite(length[0]):
            return np.zeros((0, 3))
        path = [len(nodes) - 1]
        while path[-1] != len(nodes) - 2:
            path.append(int(before[0, path[-1]]))
        return nodes[path[::-1]]

    def _search(
        self, starts: NDArray[np.floating], ends: NDArray[np.floating]
    ) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.float64]]:
        """Lengths (N,), predecessors (N, C + 2N) and places (C + 2N, 3) of bends, then starts, then ends."""
        bends = self.vertices[self._corners.vertex]
        here, from_polygon, from_eye = self._stand(starts)
        there, to_polygon, to_eye = self._stand(ends)
        nodes = np.concatenate([bends, here, there])
        n, first, last = len(here), len(bends), len(bends) + len(here)
        rows = np.arange(n)
        leave = self._look(rows, from_polygon, from_eye) + np.array([first, 0])
        arrive = self._look(rows, to_polygon, to_eye)[:, ::-1] + np.array([0, last])
        found = (from_polygon >= 0) & (to_polygon >= 0)
        direct = rows[found][
            self._sight.sees(from_polygon[found], from_eye[found], to_polygon[found], to_eye[found])
        ]
        links = np.concatenate(
            [self._bend_links, leave, arrive, np.column_stack([first + direct, last + direct])]
        )
        weights = np.maximum(np.linalg.norm(nodes[links[:, 0]] - nodes[links[:, 1]], axis=1), 1e-12)
        graph = sparse.csr_matrix((weights, links.T), shape=(len(nodes),) * 2)
        lengths, before = csgraph.dijkstra(graph, indices=first + rows, return_predecessors=True)
        return lengths[rows, last + rows], before, nodes

    def _stand(
        self, points: NDArray[np.floating]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
        """Snapped points (N, 3), their polygons (N,), and x, y (N, 2) moved off the polygon's edges."""
        snapped, polygon = self._locate(points)
        used = (self.polygons[polygon] >= 0)[..., None]
        corners = np.where(used, self.vertices[self.polygons[polygon], :2], 0.0)
        inward = corners.sum(axis=1) / used.sum(axis=1) - snapped[:, :2]
        length = np.maximum(np.linalg.norm(inward, axis=1, keepdims=True), 1e-12)
        return snapped, polygon, snapped[:, :2] + inward * np.minimum(_INWARD_M / length, 0.5)

    def _look(
        self, source: NDArray[np.int64], polygon: NDArray[np.int64], xy: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        on = polygon >= 0
        return self._sight.bends_seen(source[on], polygon[on], xy)

    def _locate(self, points: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Nearest points (N, 3) and their polygons (N,); NaN and -1 beyond reach."""
        points = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        finite = np.nan_to_num(points, nan=1e6, posinf=1e6, neginf=-1e6)
        snapped, triangle = self._closest_points.of(finite)
        return snapped.astype(np.float64), np.where(triangle >= 0, self._owner[triangle], -1)

    @cached_property
    def _closest_points(self) -> ClosestPoints:
        return ClosestPoints(self._triangles, _REACH_M)

    @cached_property
    def _corners(self) -> Corners:
        return Corners(self.vertices[:, :2], self.polygons, self.neighbours)

    @cached_property
    def _sight(self) -> Sight:
        return Sight(self.vertices[:, :2], self.polygons, self.neighbours, self._corners)

    @cached_property
    def _bend_links(self) -> NDArray[np.int64]:
        """Pairs (M, 2) of bends in sight of each other, both ways."""
        polygon, slot = np.nonzero(self._corners.of >= 0)
        bend = self._corners.of[polygon, slot]
        pairs = self._sight.bends_seen(bend, polygon, self.vertices[self._corners.vertex, :2])
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
        return np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)


def load_navmesh(path: str | Path) -> NavMesh:
    """Read a .navmesh file.

    Raises:
        SceneError: It is absent, damaged, or not Habitat's.
    """
    path = Path(path)
    if not path.is_file():
        raise SceneError(f"{path} does not exist: expected a Habitat .navmesh file; check the path")
    return NavMesh(read_tile(path.read_bytes(), str(path)), str(path))


def navmesh_of(scene: Scene) -> NavMesh | None:
    """The navmesh that lies beside a scene's mesh, or None.

    Raises:
        SceneError: It is there but damaged.
    """
    return None if scene.navmesh_path is None else load_navmesh(scene.navmesh_path)
