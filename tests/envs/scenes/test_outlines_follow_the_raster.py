"""Polygons and rectangles that stand for a raster stand for all of it and nothing else."""

from __future__ import annotations

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from skimage.measure import points_in_poly

from robonav.envs.scenes.floorplans.clutter import cuts
from robonav.envs.scenes.floorplans.outline import area, outlines, rectangles, simplified

masks = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))
quick = settings(max_examples=60)


@quick
@given(masks)
def test_outlines_enclose_exactly_the_true_cells(mask: NDArray[np.bool_]) -> None:
    loops = outlines(mask)
    assert sum(map(area, loops)) == np.count_nonzero(mask)
    centres = np.argwhere(np.ones_like(mask)) + 0.5
    crossings = sum((points_in_poly(centres, loop) for loop in loops), np.zeros(len(centres), int))
    assert np.array_equal(crossings % 2 == 1, mask.ravel())


@quick
@given(masks, st.floats(0.3, 2.0))
def test_a_simplified_outline_stays_within_its_bound(mask: NDArray[np.bool_], tolerance: float) -> None:
    for loop in outlines(mask):
        kept = simplified(loop, tolerance)
        assert 3 <= len(kept) <= len(loop)
        assert max(distance(corner, kept) for corner in loop) <= tolerance + 1e-9


def distance(point: NDArray[np.float64], polygon: NDArray[np.float64]) -> float:
    """From a point to the nearest side."""
    start, way = polygon, np.roll(polygon, -1, axis=0) - polygon
    t = np.clip(np.sum((point - start) * way, 1) / np.maximum(np.sum(way**2, 1), 1e-12), 0, 1)
    return float(np.linalg.norm(start + t[:, None] * way - point, axis=1).min())


@quick
@given(arrays(np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3)))
def test_rectangles_cover_every_label_once(labels: NDArray[np.int32]) -> None:
    painted = np.zeros_like(labels)
    for x0, y0, x1, y1, label in rectangles(labels):
        assert not painted[x0:x1, y0:y1].any()
        painted[x0:x1, y0:y1] = label
    assert np.array_equal(painted, labels)


@quick
@given(masks, st.integers(0, 2**32))
def test_what_cuts_is_what_a_graph_says(before: NDArray[np.bool_], seed: int) -> None:
    after = before & (np.random.default_rng(seed).random(before.shape) < 0.8)
    old, new = graph(before), graph(after)
    cut = any(
        len(list(nx.connected_components(new.subgraph(part)))) > 1 for part in nx.connected_components(old)
    )
    assert cuts(before, after) == cut


def graph(mask: NDArray[np.bool_]) -> nx.Graph:
    cells = nx.grid_2d_graph(*mask.shape)
    return cells.subgraph([cell for cell in cells if mask[cell]])
