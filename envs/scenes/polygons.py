"""Geometry of convex polygons that share vertices, as arrays padded with -1 to the same number of corners."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from robonav.envs.scenes.scene import SceneError

_SLACK = 1e-4  # of an edge's length, by which a polygon may fail to be convex


def following(polygons: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index (P, K) of the corner after each, around the polygon."""
    slots = np.arange(polygons.shape[1])
    return (slots + 1) % (polygons >= 0).sum(axis=1, keepdims=True)


def preceding(polygons: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index (P, K) of the corner before each, around the polygon."""
    slots = np.arange(polygons.shape[1])
    return (slots - 1) % (polygons >= 0).sum(axis=1, keepdims=True)


def edge_back(polygons: NDArray[np.int64], neighbours: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which edge (P, K) of the neighbour is the same edge; -1 = none is, or there is no neighbour."""
    ends = np.take_along_axis(polygons, following(polygons), 1)
    same = (polygons[neighbours] == ends[..., None]) & (ends[neighbours] == polygons[..., None])
    same &= neighbours[neighbours] == np.arange(len(polygons))[:, None, None]
    found = same.any(axis=-1) & (neighbours >= 0)
    return np.where(found, same.argmax(axis=-1), -1)


def cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cross product (...,) of plane vectors (..., 2): positive where b is to the left of a."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def ranked_islands(neighbours: NDArray[np.int64], areas: NDArray[np.floating]) -> NDArray[np.int32]:
    """Island (P,) of each polygon, 1 = the one with the largest area."""
    polygon, edge = np.nonzero(neighbours >= 0)
    links = sparse.coo_matrix(
        (np.ones(len(polygon), bool), (polygon, neighbours[polygon, edge])), shape=(len(areas),) * 2
    )
    count, label = csgraph.connected_components(links, directed=False)
    rank = np.empty(count, dtype=np.int32)
    rank[np.argsort(-np.bincount(label, areas), kind="stable")] = np.arange(1, count + 1)
    return rank[label]


def check_polygons(
    vertices: NDArray[np.float64], polygons: NDArray[np.int64], neighbours: NDArray[np.int64], name: str
) -> None:
    """Raise SceneError unless polygons are convex and neighbours share an edge: paths depend on both."""
    xy = vertices[polygons, :2]
    used = polygons >= 0
    edge = np.take_along_axis(xy, following(polygons)[..., None], 1) - xy
    length = np.linalg.norm(edge, axis=-1)
    aside = cross(edge[:, :, None], xy[:, None] - xy[:, :, None])  # of each corner from each edge
    outside = (aside < -_SLACK * length[..., None] * np.maximum(length[..., None], 1.0)) & used[:, :, None]
    bent = (outside & used[:, None]).any(axis=(1, 2))
    if bent.any():
        raise SceneError(
            f"{name} is a damaged navmesh: polygon {bent.argmax()} of {len(bent)} is not convex and "
            "counter-clockwise; copy it again, or make it anew with habitat-sim"
        )
    torn = (neighbours >= 0) & (edge_back(polygons, neighbours) < 0)
    if torn.any():
        first = int(torn.any(axis=1).argmax())
        raise SceneError(
            f"{name} is a damaged navmesh: polygon {first} of {len(torn)} names a neighbour with which it "
            "shares no edge; copy it again, or make it anew with habitat-sim"
        )
