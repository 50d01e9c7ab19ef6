"""What is in straight sight on a surface of convex polygons, from many places at once.

Sight goes from polygon to polygon through shared edges, as an angle between two bounds that each edge
narrows (triangular expansion, Bungiu et al., "Efficient Computation of Visibility Polygons", EuroCG 2014),
all sources side by side. It is exact, and on surfaces with storeys above each other it stays on the storey.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from robonav.envs.scenes.polygons import cross, edge_back, following, preceding

_GRAZING = 1e-6  # radians by which a vertex may lie beyond the bounds and still count as seen
_NOTHING = 1e-9  # radians: a narrower view is none


@dataclass(frozen=True, eq=False)
class Angles:
    """Views from sources into polygons: source (N,), polygon (N,), right and left bound (N, 2)."""

    source: NDArray[np.int64]
    polygon: NDArray[np.int64]
    right: NDArray[np.float64]
    left: NDArray[np.float64]


class Corners:
    """The places where shortest paths bend: vertices at which the boundary turns away from the surface.

    A vertex at which two parts of the surface merely touch is two places, for nobody passes there.

    Args:
        xy: (V, 2) vertices, metres.
        polygons: (P, K) vertex indices of convex polygons, counter-clockwise, -1 beyond the last corner.
        neighbours: (P, K) polygon across the edge from corner k to k + 1, -1 = none; both sides agree.

    Attributes:
        of: (P, K) number of the bend at each polygon's corner, -1 = no bend.
        vertex: (C,) vertex of each bend.
    """

    def __init__(
        self, xy: NDArray[np.float64], polygons: NDArray[np.int64], neighbours: NDArray[np.int64]
    ) -> None:
        used = polygons >= 0
        ahead, behind = following(polygons), preceding(polygons)
        places = _same_place(polygons, neighbours, ahead)
        forward = xy[np.take_along_axis(polygons, ahead, 1)] - xy[polygons]
        backward = xy[np.take_along_axis(polygons, behind, 1)] - xy[polygons]
        angle = np.arctan2(cross(forward, backward), (forward * backward).sum(axis=-1)) % (2 * np.pi)
        total = np.bincount(places[used], angle[used], places.max() + 1)
        wall = (neighbours < 0) | np.take_along_axis(neighbours < 0, behind, 1)
        at_wall = np.bincount(places[used], wall[used], places.max() + 1) > 0
        bends = at_wall & (total > np.pi + _NOTHING)
        number = np.where(bends, np.cumsum(bends) - 1, -1)
        self.of = np.where(used, number[places], -1)
        self.vertex = np.zeros(bends.sum(), dtype=np.int64)
        self.vertex[self.of[self.of >= 0]] = polygons[self.of >= 0]


class Sight:
    """Straight lines on the surface.

    Args:
        xy: (V, 2) vertices, metres.
        polygons: (P, K) as for `Corners`.
        neighbours: (P, K) as for `Corners`.
        corners: The bends that are looked for.
    """

    def __init__(
        self,
        xy: NDArray[np.float64],
        polygons: NDArray[np.int64],
        neighbours: NDArray[np.int64],
        corners: Corners,
    ) -> None:
        self._from = xy[polygons]
        self._to = xy[np.take_along_axis(polygons, following(polygons), 1)]
        self._neighbours, self._corners = neighbours, corners

    def bends_seen(
        self, source: NDArray[np.int64], polygon: NDArray[np.int64], xy: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Pairs (M, 2) of source and bend in sight of each other, each once.

        Args:
            source: (N,) which source; one at a vertex has a row for each polygon around.
            polygon: (N,) polygon that it stands in.
            xy: (S, 2) sources, inside of their polygons or at a vertex of these.
        """
        own = self._corners.of[polygon]
        pairs = [_pairs(source, own, own >= 0)]
        for view in self._views(source, polygon, xy):
            bends = self._corners.of[view.polygon]
            rows = np.flatnonzero((bends >= 0).any(axis=1))
            towards = self._from[view.polygon[rows]] - xy[view.source[rows], None]
            seen = _within(view.right[rows, None], towards, view.left[rows, None]) & (bends[rows] >= 0)
            pairs.append(_pairs(view.source[rows], bends[rows], seen))
        return np.unique(np.concatenate(pairs), axis=0)

    def sees(
        self,
        polygon: NDArray[np.int64],
        xy: NDArray[np.float64],
        target_polygon: NDArray[np.int64],
        target_xy: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Whether each of N places sees its target: polygons (N,), positions (N, 2)."""
        seen = polygon == target_polygon
        for view in self._views(np.arange(len(polygon)), polygon, xy):
            there = np.flatnonzero(view.polygon == target_polygon[view.source])
            source = view.source[there]
            inside = _within(view.right[there], target_xy[source] - xy[source], view.left[there])
            seen[source[inside]] = True
        return seen

    def _views(
        self, source: NDArray[np.int64], polygon: NDArray[np.int64], xy: NDArray[np.float64]
    ) -> Iterator[Angles]:
        """All views beyond the polygons that the sources stand in, one ring of polygons after the other."""
        right, left = self._edges(source, polygon, xy)
        view = self._open(source, polygon, right, left, right, left)
        for _ in range(len(self._from)):  # a straight line meets a convex polygon once
            if not len(view.source):
                return
            yield view
            a, b = self._edges(view.source, view.polygon, xy)
            right, left = view.right[:, None], view.left[:, None]
            right = np.where((cross(right, a) > 0)[..., None], a, right)
            left = np.where((cross(b, left) > 0)[..., None], b, left)
            view = self._open(view.source, view.polygon, a, b, right, left)

    def _edges(
        self, source: NDArray[np.int64], polygon: NDArray[np.int64], xy: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both ends (N, K, 2) of the polygons' edges as seen from the sources."""
        eye = xy[source, None]
        return self._from[polygon] - eye, self._to[polygon] - eye

    def _open(
        self,
        source: NDArray[np.int64],
        polygon: NDArray[np.int64],
        a: NDArray[np.float64],
        b: NDArray[np.float64],
        right: NDArray[np.float64],
        left: NDArray[np.float64],
    ) -> Angles:
        """The views that leave through edges with a neighbour, seen from the inside, and are not empty."""
        beyond = self._neighbours[polygon]
        leaves = (beyond >= 0) & (cross(a, b) > _NOTHING * _lengths(a, b))
        rows, edges = np.nonzero(leaves & (cross(right, left) > _NOTHING * _lengths(right, left)))
        view = Angles(source[rows], beyond[rows, edges], right[rows, edges], left[rows, edges])
        door = (source[rows] * len(self._from) + polygon[rows]) * a.shape[1] + edges
        return _joined(view, door, a[rows, edges])


def _joined(view: Angles, door: NDArray[np.int64], a: NDArray[np.float64]) -> Angles:
    """Views that leave by the same door (N,) side by side, as one: else vertices would split them for good.

    `a` (N, 2) is the door's right post.
    """
    from_post = np.arctan2(cross(a, view.right), (a * view.right).sum(axis=1))
    order = np.lexsort([from_post, door])
    right, left, door = view.right[order], view.left[order], door[order]
    splits = np.flatnonzero((door[1:] != door[:-1]) | (right[1:] != left[:-1]).any(axis=1)) + 1
    first = np.concatenate([np.zeros(min(1, len(order)), np.int64), splits])
    last = np.concatenate([splits, [len(order)]])[: len(first)] - 1
    chosen = order[first]
    return Angles(view.source[chosen], view.polygon[chosen], right[first], left[last])


def _same_place(
    polygons: NDArray[np.int64], neighbours: NDArray[np.int64], ahead: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Number (P, K) of the place of every polygon's corner: shared where polygons share an edge there."""
    items = np.arange(polygons.size).reshape(polygons.shape)
    back = edge_back(polygons, neighbours)
    rows, edges = np.nonzero(back >= 0)
    other, edge = neighbours[rows, edges], back[rows, edges]
    mine = np.concatenate([items[rows, edges], items[rows, ahead[rows, edges]]])
    theirs = np.concatenate([items[other, ahead[other, edge]], items[other, edge]])
    links = sparse.coo_matrix((np.ones(len(mine), bool), (mine, theirs)), shape=(items.size,) * 2)
    return csgraph.connected_components(links, directed=False)[1].reshape(polygons.shape)


def _within(
    right: NDArray[np.float64], towards: NDArray[np.float64], left: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether directions lie between two bounds, or graze them."""
    past_right = cross(right, towards) >= -_GRAZING * _lengths(right, towards)
    return past_right & (cross(towards, left) >= -_GRAZING * _lengths(towards, left))


def _lengths(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.hypot(a[..., 0], a[..., 1]) * np.hypot(b[..., 0], b[..., 1])


def _pairs(source: NDArray[np.int64], bends: NDArray[np.int64], seen: NDArray[np.bool_]) -> NDArray[np.int64]:
    rows, slots = np.nonzero(seen)
    return np.column_stack([source[rows], bends[rows, slots]])
