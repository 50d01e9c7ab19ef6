"""Navmesh files written by hand from Detour's headers, so that the reader is held to the format alone."""

from __future__ import annotations

import struct

import numpy as np


def navmesh_of_cells(free: np.ndarray, size: float = 1.0, heights: np.ndarray | None = None) -> bytes:
    """A navmesh with one square polygon for each free cell (X, Y) of a grid in robonav's world.

    Cell [i, j] covers x from i to i + 1 and y from j to j + 1 (times `size`); `heights` (X + 1, Y + 1) are
    those of the grid's vertices.
    """
    number = np.cumsum(free).reshape(free.shape) - 1
    nodes = {}
    polygons, neighbours = [], []
    for i, j in np.argwhere(free).tolist():
        corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)]  # counter-clockwise in the world
        beside = [(i, j - 1), (i + 1, j), (i, j + 1), (i - 1, j)]
        polygons.append([nodes.setdefault(corner, len(nodes)) for corner in corners])
        inside = [0 <= x < free.shape[0] and 0 <= y < free.shape[1] and free[x, y] for x, y in beside]
        neighbours.append([int(number[c]) + 1 if ok else 0 for c, ok in zip(beside, inside, strict=True)])
    z = np.zeros(np.array(free.shape) + 1) if heights is None else heights
    vertices = [(-y * size, float(z[x, y]), -x * size) for x, y in nodes]  # world x = -z, y = -x, z = y
    return navmesh_file(vertices, polygons, neighbours)


def navmesh_file(
    vertices: list[tuple[float, float, float]], polygons: list[list[int]], neighbours: list[list[int]]
) -> bytes:
    """The file of polygons with at most six corners; neighbours count from 1, 0 = none."""
    tile = b"".join(struct.pack("<3f", *vertex) for vertex in vertices)
    for corners, beside in zip(polygons, neighbours, strict=True):
        padded = [*corners, *[0] * (6 - len(corners)), *beside, *[0] * (6 - len(beside))]
        tile += struct.pack("<I12HHBB", 0, *padded, 1, len(corners), 0)
    first, fans = 0, b""
    for corners in polygons:
        tile += struct.pack("<IIBBxx", 0, first, 0, len(corners) - 2)
        fans += b"".join(struct.pack("<4B", 0, k, k + 1, 0) for k in range(1, len(corners) - 1))
        first += len(corners) - 2
    counts = (len(polygons), len(vertices), 0, len(polygons), 0, first, 0, 0, len(polygons))
    header = struct.pack("<4s5i9i10f", b"VAND", 7, 0, 0, 0, 0, *counts, 1.5, 0.1, 0.2, *[0.0] * 6, 20.0)
    tile = header + tile + fans
    return struct.pack("<4sii5fiiIi", b"TESM", 1, 1, *[0.0] * 5, 1, len(polygons), 1, len(tile)) + tile
