"""Outlines of a raster as polygons: traced along cell edges, then simplified within a bound."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from skimage.measure import approximate_polygon

Polygon = NDArray[np.float64]
_TURNS = {(1, 0): 0, (0, 1): 1, (-1, 0): 2, (0, -1): 3}  # headings, counter-clockwise


def outlines(cells: NDArray[np.bool_]) -> list[Polygon]:
    """Closed polygons (n, 2) around the true cells, in cells; the first corner is not repeated.

    True cells lie to the left: outer outlines run counter-clockwise, those of holes clockwise. True cells
    that meet only at a corner stay apart.
    """
    padded = np.pad(cells, 1)
    core = padded[1:-1, 1:-1]
    starts, steps = [], []
    for (i, j), shift, step in (  # bottom, right, top and left edges of cells
        ((0, 0), padded[1:-1, :-2], (1, 0)),
        ((1, 0), padded[2:, 1:-1], (0, 1)),
        ((1, 1), padded[1:-1, 2:], (-1, 0)),
        ((0, 1), padded[:-2, 1:-1], (0, -1)),
    ):
        found = np.argwhere(core & ~shift) + np.array([i, j])
        starts.append(found)
        steps.append(np.broadcast_to(step, found.shape))
    edges: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for (x, y), step in zip(np.concatenate(starts).tolist(), np.concatenate(steps).tolist(), strict=True):
        edges.setdefault((x, y), []).append((step[0], step[1]))
    loops = []
    for start in sorted(edges):
        while start in edges:
            loops.append(_follow(edges, start))
    return loops


def _follow(edges: dict[tuple[int, int], list[tuple[int, int]]], start: tuple[int, int]) -> Polygon:
    """Remove the loop through `start` from the edges, and return its corners."""
    corners: list[tuple[int, int]] = []
    here, heading = start, (0, 0)
    while True:
        ways = edges[here]
        if len(ways) > 1 and heading in _TURNS:  # keep to the same cell: turn left
            ways.sort(key=lambda way: (_TURNS[heading] + 1 - _TURNS[way]) % 4)
        step = ways.pop(0)
        if not ways:
            del edges[here]
        if step != heading:
            corners.append(here)
        here, heading = (here[0] + step[0], here[1] + step[1]), step
        if here == start:
            break
    return np.array(corners, dtype=np.float64)


def simplified(polygon: Polygon, tolerance: float) -> Polygon:
    """A polygon with fewer corners (Douglas and Peucker, 1973); no old corner is farther away than tolerance.

    A polygon that would lose its area stays unchanged.
    """
    first = int(np.lexsort(polygon.T)[0])  # the lowest of the leftmost corners is always a true corner
    ring = np.roll(polygon, -first, axis=0)
    kept = approximate_polygon(np.vstack([ring, ring[:1]]), tolerance)[:-1]
    return kept if len(kept) >= 3 and abs(area(kept)) > 0.5 * abs(area(polygon)) else ring


def area(polygon: Polygon) -> float:
    """Signed area; positive where the corners run counter-clockwise."""
    x, y = polygon.T
    return float(0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def rectangles(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Cover the non-zero cells of an image (X, Y) with rectangles of one label each.

    Returns:
        (R, 5) x0, y0, x1, y1 in cells (ends excluded), and the label.
    """
    found: list[tuple[int, int, int, int, int]] = []
    running: dict[tuple[int, int, int], int] = {}  # (y0, y1, label) of the last row: where it began
    for x, row in enumerate([*labels, np.zeros(labels.shape[1], labels.dtype)]):
        ends = np.flatnonzero(np.diff(row, prepend=-1, append=-1))
        runs = [(int(a), int(b), int(row[a])) for a, b in itertools.pairwise(ends) if row[a] > 0]
        going_on = {run: running.pop(run, x) for run in runs}
        found += [(x0, y0, x, y1, label) for (y0, y1, label), x0 in running.items()]
        running = going_on
    return np.array(found, dtype=np.int64).reshape(-1, 5)
