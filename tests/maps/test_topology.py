"""The topological map of known ways has the places and edges that one would draw by hand."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robonav.maps.topology.files import to_networkx
from robonav.maps.topology.graph import PlaceGraph
from robonav.maps.topology.mapper import PlaceMapper, TopologicalMap, TopologyConfig
from tests.maps.walks import RING, odometry, views, walk

SAME = np.ones((1, 1))  # a world that looks the same everywhere


def mapped(positions: np.ndarray, embeddings: np.ndarray | None = None, **config: float) -> PlaceMapper:
    embeddings = np.repeat(SAME, len(positions), axis=0) if embeddings is None else embeddings
    mapper = PlaceMapper(embeddings.shape[1], TopologyConfig(**config))
    for position, embedding in zip(positions, embeddings, strict=True):
        mapper.observe(position, embedding)
    return mapper


def test_a_uniform_corridor_has_a_place_every_two_metres() -> None:
    graph = mapped(walk([(0, 0), (10, 0)])).graph
    np.testing.assert_allclose(graph.places.xy, [[2 * k, 0] for k in range(6)], atol=1e-6)
    assert {key: edge.length for key, edge in graph.edges.items()} == {
        (k, k + 1): pytest.approx(2.0) for k in range(5)
    }


def test_a_plus_of_corridors_is_a_tree_with_four_arms() -> None:
    ways = [(0, 0), (6, 0), (0, 0), (0, 6), (0, 0), (-6, 0), (0, 0), (0, -6)]
    graph = to_networkx(mapped(walk(ways)).graph)
    assert nx.is_tree(graph)
    assert sorted(degree for _, degree in graph.degree) == [1] * 4 + [2] * 8 + [4]


def test_a_ring_has_one_cycle_as_long_as_the_ring() -> None:
    graph = to_networkx(mapped(walk(RING)).graph)
    (cycle,) = nx.cycle_basis(graph)
    assert len(cycle) == 20
    lengths = [graph.edges[a, b]["length"] for a, b in zip(cycle, [*cycle[1:], cycle[0]], strict=True)]
    assert sum(lengths) == pytest.approx(40.0, abs=1e-6)


def test_a_new_view_is_a_place_earlier_and_never_within_a_metre() -> None:
    positions = walk([(0, 0), (10, 0)])
    door = np.where(positions[:, :1] < 5.05, [1.0, 0.0], [0.0, 1.0])
    xy = mapped(positions, door).graph.places.xy
    np.testing.assert_allclose(xy[:4, 0], [0, 2, 4, 5.2], atol=0.11)
    assert np.diff(xy[:, 0]).min() >= 1.0 - 1e-6


@pytest.mark.parametrize("step", [0.03, 0.1, 0.17, 0.25])
def test_the_graph_does_not_depend_on_the_length_of_steps(step: float) -> None:
    expected, found = (mapped(p, views(p)).graph for p in (walk(RING * 2, 0.05), walk(RING * 2, step)))
    np.testing.assert_allclose(found.places.xy, expected.places.xy, atol=0.11)  # one sample of the way
    assert found.edges.keys() == expected.edges.keys()
    np.testing.assert_array_equal(found.places.visits, expected.places.visits)


def test_steps_of_five_metres_give_the_same_places_as_short_ones() -> None:
    short, long = (mapped(walk([(0, 0), (20, 0), (20, 10)], step)).graph.places for step in (0.05, 5.0))
    np.testing.assert_allclose(short.xy, long.xy, atol=1e-6)


def test_turning_or_standing_adds_nothing() -> None:
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(50, 8))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    graph = mapped(np.zeros((50, 2)), embeddings).graph
    assert len(graph.places) == 1
    assert graph.places.visits.tolist() == [1]


def test_a_visit_is_an_entry_into_the_reach_radius_and_not_a_step() -> None:
    there_and_back = [(0, 0), (2, 0)] * 3 + [(0, 0)]
    for step in (0.05, 0.25):
        assert mapped(walk(there_and_back, step)).graph.places.visits.tolist() == [4, 3]
    assert mapped(walk([(0, 0), (0.4, 0)] * 5)).graph.places.visits.tolist() == [1]


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_lengths_lie_between_the_straight_line_and_the_way_that_was_gone(seed: int) -> None:
    corners = np.random.default_rng(seed).uniform(0, 8, (8, 2))
    mapper = mapped(walk(list(map(tuple, corners))))
    places = mapper.graph.places
    assert mapper.graph.edges
    for (a, b), edge in mapper.graph.edges.items():
        straight = np.linalg.norm(places.xy[places.row(a)] - places.xy[places.row(b)])
        assert straight - 1e-6 <= edge.length <= mapper.travelled + 1e-6
    apart = np.linalg.norm(places.xy[:, None] - places.xy, axis=-1) + 100 * np.eye(len(places))
    assert apart.min() >= 2.0 - 1e-5, "all looks the same here"
    cover = np.linalg.norm(walk(list(map(tuple, corners)))[:, None] - places.xy, axis=-1).min(axis=1)
    assert cover.max() <= 2.0 + 0.11, "a place is near wherever the robot was"


def test_the_shortest_of_several_ways_is_kept() -> None:
    detour = [(0, 0), (0, 1.5), (1.3, 1.5), (2.2, 0)]
    assert mapped(walk(detour)).graph.edges[0, 1].length > 4
    for way in ([*detour, (0, 0)], [(0, 0), (2.2, 0), *detour[::-1]]):
        graph = mapped(walk(way)).graph
        assert graph.edges[0, 1].length == pytest.approx(np.linalg.norm(graph.places.xy[1]), abs=0.25)


def random_graph(seed: int, places: int = 12) -> PlaceGraph:
    rng = np.random.default_rng(seed)
    graph = PlaceGraph(1)
    for xy in rng.uniform(0, 10, (places, 2)):
        graph.add_place(xy, np.ones(1), 0.0)
    for a, b in rng.integers(0, places, (2 * places, 2)).tolist():
        if a != b:
            graph.connect(a, b, float(rng.uniform(1, 5)))
    return graph


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_paths_are_those_of_networkx(seed: int) -> None:
    graph = random_graph(seed)
    oracle = to_networkx(graph)
    lengths = nx.single_source_dijkstra_path_length(oracle, 0, weight="length")
    expected = [lengths.get(place, np.inf) for place in graph.places.ids.tolist()]
    np.testing.assert_allclose(graph.ways(0), expected)
    for place, length in lengths.items():
        path = graph.path(0, place)
        assert (path[0], path[-1]) == (0, place)
        assert nx.path_weight(oracle, path, "length") == pytest.approx(length)
    assert all(graph.path(0, place) == [] for place in set(oracle) - set(lengths))


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(1, 11))
def test_contracting_a_place_keeps_the_ways_between_all_others(seed: int, place: int) -> None:
    graph = random_graph(seed)
    before = graph.ways(0)
    graph.contract(place)
    np.testing.assert_allclose(graph.ways(0), np.delete(before, place))


def test_memory_is_bounded_and_the_ways_stay() -> None:
    positions = walk([(0, 0), (60, 0), (0, 0)])
    mapper = mapped(positions, max_places=8)
    assert len(mapper.graph.places) == 8
    graph = to_networkx(mapper.graph)
    assert nx.is_connected(graph)
    spread = np.ptp(mapper.graph.places.xy[:, 0])
    ends = [int(mapper.graph.places.ids[k]) for k in np.argsort(mapper.graph.places.xy[:, 0])[[0, -1]]]
    assert nx.shortest_path_length(graph, *ends, weight="length") == pytest.approx(spread, abs=1e-5)


def test_an_edge_is_dropped_after_three_failures_in_a_row_and_not_before() -> None:
    mapper = mapped(walk([(0, 0), (4, 0)]))
    for _ in range(2):
        mapper.failed(0)
    assert (1, 2) in mapper.graph.edges
    for position in walk([(4, 0), (2, 0), (4, 0)]):  # it can be gone after all: that is forgiven
        mapper.observe(position, np.ones(1))
    for _ in range(2):
        mapper.failed(0)
    assert (1, 2) in mapper.graph.edges
    mapper.failed(0)
    assert (1, 2) not in mapper.graph.edges
    assert np.isinf(mapper.candidates().distance[:2]).all()


class TestDrift:
    """Loops close by looks and geometry where poses drift."""

    LAPS, DRIFT = 4, 0.05
    WAY = walk(RING * LAPS + [(3, 0)])

    def test_a_ring_stays_a_ring_in_spite_of_pose_noise(self) -> None:
        exact = mapped(self.WAY, views(self.WAY)).graph
        for seed in range(4):
            drifted = odometry(self.WAY, seed)
            mapper = mapped(drifted, views(self.WAY), drift=self.DRIFT)
            graph = to_networkx(mapper.graph)
            assert abs(len(graph) - len(exact.places)) <= 1, seed
            assert len(nx.cycle_basis(graph)) <= 2, seed
            assert np.linalg.norm(mapper.xy - self.WAY[-1]) < 0.5, seed

    def test_without_loop_closure_the_same_way_makes_a_tangle(self) -> None:
        worst = [mapped(odometry(self.WAY, seed, 0.02, 0.005), views(self.WAY)).graph for seed in range(4)]
        assert max(len(nx.cycle_basis(to_networkx(graph))) for graph in worst) > 5

    def test_a_corridor_that_looks_the_same_everywhere_is_not_folded_up(self) -> None:
        straight = mapped(walk([(0, 0), (30, 0), (0, 0)]), drift=self.DRIFT)
        assert len(straight.graph.places) == 16
        assert nx.is_tree(to_networkx(straight.graph))
        assert np.linalg.norm(straight.xy) < 1.0

    def test_places_that_fall_together_are_merged_with_their_edges_and_visits(self) -> None:
        graph = random_graph(0)
        before, visits = to_networkx(graph), graph.places.visits.sum()
        gap = np.linalg.norm(graph.places.xy[1] - graph.places.xy[2])
        graph.merge(1, 2)
        oracle = nx.contracted_nodes(before, 1, 2, self_loops=False)
        assert set(graph.neighbours(1)) == set(oracle[1])
        for place, length in graph.neighbours(1).items():
            ways = [before.edges[1, place]["length"]] if before.has_edge(1, place) else []
            ways += [before.edges[2, place]["length"] + gap] if before.has_edge(2, place) else []
            assert length == pytest.approx(min(ways))
        assert graph.places.visits.sum() == visits


class TestFrontiers:
    """Frontier nodes come and go with the clusters."""

    def test_they_keep_their_ids_while_they_move_a_little_and_go_with_their_cluster(self) -> None:
        mapper = mapped(np.zeros((1, 2)))
        mapper.see_frontiers(np.array([[2.0, 0.0], [0.0, 3.0]]), np.array([5, 7]))
        first, second = mapper.graph.frontiers
        mapper.see_frontiers(np.array([[0.0, 3.4], [9.0, 9.0]]), np.array([8, 4]))
        kept, new = mapper.graph.frontiers
        assert kept == second
        assert new not in (first, second)
        assert mapper.graph.frontiers[kept].size == 8
        mapper.see_frontiers(np.zeros((0, 2)), np.zeros(0, np.int64))
        assert not mapper.graph.frontiers

    def test_the_way_to_one_leads_by_the_place_that_it_was_seen_from(self) -> None:
        mapper = mapped(walk([(0, 0), (4, 0)]))
        mapper.see_frontiers(np.array([[4.0, 3.0]]), np.array([5]))
        for position in walk([(4, 0), (0, 0)]):
            mapper.observe(position, np.ones(1))
        mapper.see_frontiers(np.array([[4.0, 3.0]]), np.array([5]))
        nodes = mapper.candidates()
        np.testing.assert_allclose(nodes.distance, [0, 2, 4, 7], atol=1e-5)
        assert nodes.is_frontier.tolist() == [False] * 3 + [True]

    def test_they_find_a_new_hold_when_their_place_goes(self) -> None:
        mapper = mapped(walk([(0, 0), (4, 0)]))
        mapper.see_frontiers(np.array([[4.0, 3.0]]), np.array([5]))
        mapper.graph.contract(2)
        (frontier,) = mapper.graph.frontiers.values()
        assert (frontier.place, frontier.length) == (1, pytest.approx(5.0))
        for place in (0, 1):
            mapper.graph.contract(place)
        assert not mapper.graph.frontiers, "nothing is left that they could hang on"


def test_environments_do_not_mix_and_runs_repeat() -> None:
    ways = np.stack([walk([(0, 0), (10, 0)]), walk([(0, 0), (0, 10)])], axis=1)
    runs = []
    for _ in range(2):
        topology = TopologicalMap(2, 64)
        for positions in ways:
            topology.observe(positions, views(positions))
        runs.append([mapper.graph for mapper in topology.mappers])
    for env in range(2):
        alone = mapped(ways[:, env], views(ways[:, env])).graph
        for graph in (runs[0][env], runs[1][env]):
            np.testing.assert_array_equal(graph.places.xy, alone.places.xy)
            assert graph.edges == alone.edges
    topology.reset([1])
    assert [len(mapper.graph.places) for mapper in topology.mappers] == [len(runs[0][0].places), 0]


def test_what_cannot_be_mapped_is_explained() -> None:
    with pytest.raises(ValueError, match="not finite"):
        mapped(np.array([[np.nan, 0.0]]))
    with pytest.raises(ValueError, match="two places"):
        TopologyConfig(reach_m=0.8)
