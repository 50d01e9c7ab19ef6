"""Paths are the cheapest ones; networkx is the oracle."""

from __future__ import annotations

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robonav.maps.planning import ShortestPaths, clearance, line_is_passable


def grid_graph(costs: np.ndarray) -> networkx.Graph:
    graph = networkx.Graph()
    for cell in zip(*np.nonzero(np.isfinite(costs)), strict=True):
        graph.add_node(cell)
        for step in ((0, 1), (1, 0), (1, 1), (1, -1)):
            other = (cell[0] + step[0], cell[1] + step[1])
            if (
                0 <= other[0] < costs.shape[0]
                and 0 <= other[1] < costs.shape[1]
                and np.isfinite(costs[other])
            ):
                weight = np.hypot(*step) * (costs[cell] + costs[other]) / 2
                graph.add_edge(cell, other, weight=weight)
    return graph


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_path_costs_equal_networkx_dijkstra(seed: int) -> None:
    rng = np.random.default_rng(seed)
    costs = rng.uniform(1, 5, (12, 9))
    costs[rng.random(costs.shape) < 0.3] = np.inf
    start = (int(rng.integers(12)), int(rng.integers(9)))
    costs[start] = 1.0
    expected = networkx.single_source_dijkstra_path_length(grid_graph(costs), start)
    found = ShortestPaths(costs, np.array(start))
    for cell in np.ndindex(costs.shape):
        assert found.costs[cell] == pytest.approx(expected.get(cell, np.inf))


def test_the_path_has_the_cost_that_is_promised_and_never_enters_a_wall() -> None:
    costs = np.ones((10, 10))
    costs[5, 1:] = np.inf
    found = ShortestPaths(costs, np.array([2, 8]))
    path = found.path_to(np.array([8, 8]))
    assert (path[0] == [2, 8]).all()
    assert (path[-1] == [8, 8]).all()
    assert np.isfinite(costs[tuple(path.T)]).all()
    assert np.linalg.norm(np.diff(path, axis=0), axis=1).sum() == pytest.approx(found.costs[8, 8])


def test_what_cannot_be_reached_has_no_path() -> None:
    costs = np.ones((6, 6))
    costs[3] = np.inf
    found = ShortestPaths(costs, np.array([0, 0]))
    with pytest.raises(ValueError, match="no path leads to cell"):
        found.path_to(np.array([5, 5]))


def test_clearance_is_the_distance_to_the_nearest_obstacle() -> None:
    occupied = np.zeros((5, 7), dtype=bool)
    occupied[2, 3] = True
    distances = clearance(occupied, cell_size=0.1)
    assert distances[2, 3] == 0
    assert distances[0, 3] == pytest.approx(0.2)
    assert distances[0, 0] == pytest.approx(0.1 * np.hypot(2, 3))
    assert np.isinf(clearance(np.zeros((3, 3), dtype=bool), 0.1)).all()


def test_a_line_stops_at_the_first_blocked_cell() -> None:
    passable = np.ones((8, 8), dtype=bool)
    passable[4, 4] = False
    assert not line_is_passable(passable, np.array([0.5, 0.5]), np.array([7.5, 7.5]))
    assert line_is_passable(passable, np.array([0.5, 0.5]), np.array([0.5, 7.5]))
