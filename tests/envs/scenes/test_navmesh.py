"""Navmeshes against Habitat's own answers, brute force on grids, and arithmetic; damaged files."""

from __future__ import annotations

import heapq
import itertools
import json
import runpy
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial import Delaunay

from robonav.envs.scenes import SceneError
from robonav.envs.scenes.datasets.habitat_frame import world_from_habitat
from robonav.envs.scenes.detour_tiles import DetourTile, read_tile
from robonav.envs.scenes.navmesh import NavMesh, load_navmesh
from tests.envs.scenes.navmesh_files import navmesh_file, navmesh_of_cells

ORACLE = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "render_oracle.py"))


def from_cells(rows: list[str], **options: object) -> NavMesh:
    """A navmesh of unit cells; the first string is the row x = 0, "#" is blocked."""
    free = np.array([[cell != "#" for cell in row] for row in rows])
    return NavMesh(read_tile(navmesh_of_cells(free, **options), "drawn.navmesh"), "drawn.navmesh")


def at(x: float, y: float, z: float = 0.0) -> np.ndarray:
    return np.array([x, y, z])


@pytest.fixture(scope="module", params=ORACLE["SCENES"])
def habitat(request: pytest.FixtureRequest, shared_data: Path):
    """A scene's navmesh, and what habitat-sim says of it: starts, ends, geodesics, facts."""
    (path,) = (shared_data / "scene_datasets").rglob(f"{request.param}*.navmesh")
    with np.load(shared_data / "habitat_reference" / f"{request.param}.npz", allow_pickle=False) as reference:
        ends = [world_from_habitat(reference[key]) for key in ("path_start", "path_end")]
        return load_navmesh(path), *ends, reference["geodesic"], json.loads(str(reference["meta"]))


def test_every_navmesh_at_hand_loads(shared_data: Path) -> None:
    paths = sorted(shared_data.rglob("*.navmesh"))
    assert len(paths) >= 7
    for path in paths:
        navmesh = load_navmesh(path)
        points = navmesh.sample(np.random.default_rng(0), 100)
        np.testing.assert_allclose(navmesh.snap(points), points, atol=1e-4)


def test_area_is_habitats(habitat) -> None:
    navmesh, *_, meta = habitat
    assert navmesh.area_m2() == pytest.approx(meta["navmesh_area_m2"], rel=1e-5)
    islands = [navmesh.area_m2(island) for island in range(1, navmesh.islands.max() + 1)]
    assert sum(islands) == pytest.approx(navmesh.area_m2())
    assert min(abs(area - meta["floor_island_area_m2"]) for area in islands) < 1e-3
    assert islands == sorted(islands, reverse=True)


def test_no_path_is_longer_than_habitats_and_most_are_as_long(habitat) -> None:
    navmesh, starts, ends, theirs, _ = habitat
    ours = navmesh.geodesic(starts, ends)
    assert np.all(ours <= theirs * (1 + 1e-5))
    assert np.median(np.abs(ours / theirs - 1)) < 1e-5
    np.testing.assert_allclose(navmesh.geodesic(ends, starts), ours, rtol=1e-6)


def test_geodesics_of_all_scenes_are_habitats_within_5_percent(shared_data: Path) -> None:
    differences = []
    for name in ORACLE["SCENES"]:
        (path,) = (shared_data / "scene_datasets").rglob(f"{name}*.navmesh")
        with np.load(shared_data / "habitat_reference" / f"{name}.npz", allow_pickle=False) as reference:
            ends = [world_from_habitat(reference[key]) for key in ("path_start", "path_end")]
            differences.append(np.abs(load_navmesh(path).geodesic(*ends) / reference["geodesic"] - 1))
    pooled = np.concatenate(differences)
    assert np.median(pooled) < 0.001
    assert np.quantile(pooled, 0.95) < 0.05


def test_where_our_path_is_shorter_detours_search_explains_it(habitat) -> None:
    """Detour picks polygons by the midpoints of their edges; the shortest path in these is Habitat's."""
    navmesh, starts, ends, theirs, _ = habitat
    gain = 1 - navmesh.geodesic(starts, ends) / theirs
    for k in np.argsort(-gain)[:8]:
        chosen = detours_polygons(navmesh, starts[k], ends[k])
        through = only(navmesh, chosen).geodesic(starts[k], ends[k])[0]
        assert through == pytest.approx(theirs[k], rel=2e-3)


def detours_polygons(navmesh: NavMesh, start: np.ndarray, end: np.ndarray) -> list[int]:
    """The corridor that dtNavMeshQuery::findPath takes: A* over polygons, each at an edge's midpoint."""
    (_, _), (first, last) = (list(x) for x in navmesh._locate(np.stack([start, end])))
    place, cost, parent, closed = {first: start}, {first: 0.0}, {first: -1}, set()
    queue = [(0.0, first)]
    while queue:
        _, here = heapq.heappop(queue)
        if here == last:
            break
        if here in closed:
            continue
        closed.add(here)
        corners = navmesh.polygons[here][navmesh.polygons[here] >= 0]
        for k, there in enumerate(navmesh.neighbours[here][: len(corners)].tolist()):
            if there < 0 or there == parent[here]:
                continue
            middle = navmesh.vertices[corners[[k, (k + 1) % len(corners)]]].mean(axis=0)
            middle = place.setdefault(there, middle)
            total, rest = cost[here] + np.linalg.norm(middle - place[here]), np.linalg.norm(end - middle)
            total, rest = (total + rest, 0.0) if there == last else (total, 0.999 * rest)
            if total < cost.get(there, np.inf):
                cost[there], parent[there] = total, here
                closed.discard(there)
                heapq.heappush(queue, (total + rest, there))
    path = [last]
    while parent[path[-1]] >= 0:
        path.append(parent[path[-1]])
    return path[::-1]


def only(navmesh: NavMesh, corridor: list[int]) -> NavMesh:
    """The navmesh with all walls closed but those between one polygon of the corridor and the next."""
    doors = set(itertools.pairwise(corridor)) | set(itertools.pairwise(corridor[::-1]))
    rows = np.arange(len(navmesh.polygons))[:, None]
    pairs = np.stack(np.broadcast_arrays(rows, navmesh.neighbours), axis=-1)
    is_open = np.apply_along_axis(lambda pair: tuple(pair.tolist()) in doors, -1, pairs)
    kept = np.where(is_open, navmesh.neighbours, -1)
    back = [np.stack([-p[..., 1], p[..., 2], -p[..., 0]], -1) for p in (navmesh.vertices, navmesh._triangles)]
    tile = DetourTile(back[0], navmesh.polygons, kept, back[1], navmesh._owner, navmesh.agent)
    return NavMesh(tile, "corridor")


def test_paths_go_straight_and_bend_at_corners() -> None:
    navmesh = from_cells([".#.", ".#.", "..."])
    path = navmesh.shortest_path(at(0.5, 0.5), at(0.5, 2.5))
    np.testing.assert_allclose(path, [at(0.5, 0.5), at(2, 1), at(2, 2), at(0.5, 2.5)], atol=1e-6)
    length = navmesh.geodesic(at(0.5, 0.5), at(0.5, 2.5))
    assert length == pytest.approx(2 * np.hypot(1.5, 0.5) + 1, abs=1e-3)


def test_islands_are_ranked_and_nobody_passes_where_two_cells_touch_at_a_corner() -> None:
    navmesh = from_cells([".###", "#..#", "####"])
    assert navmesh.islands.max() == 2
    assert navmesh.area_m2(1) == pytest.approx(2.0)
    ends = at(0.5, 0.5), at(1.5, 2.5)
    assert navmesh.island_at(np.stack(ends)).tolist() == [2, 1]
    assert navmesh.geodesic(*ends) == np.inf
    assert navmesh.shortest_path(*ends).shape == (0, 3)


def test_two_rooms_that_touch_at_a_corner_are_as_far_apart_as_the_way_around() -> None:
    navmesh = from_cells(["..#", ".#.", "..."])
    length = navmesh.geodesic(at(0.9, 1.9), at(1.1, 2.1))
    assert length == pytest.approx(2 * np.hypot(0.1, 0.9) + 2, abs=1e-3)


def test_points_are_snapped_within_reach_and_to_the_right_height() -> None:
    heights = np.repeat(np.array([[0.0], [0.0], [0.5], [1.0]]), 2, axis=1)  # flat, then a ramp
    navmesh = from_cells([".", ".", "."], heights=heights)
    snapped = navmesh.snap(np.stack([at(2.0, 0.5, 0.55), at(-1.0, 0.5), at(0.5, 9.0), at(np.nan, 0, 0)]))
    np.testing.assert_allclose(snapped[0], at(2.02, 0.5, 0.51), atol=1e-3)
    np.testing.assert_allclose(snapped[1], at(0.0, 0.5), atol=1e-6)
    assert np.isnan(snapped[2:]).all()
    assert navmesh.geodesic(at(0.5, 0.5), at(0.5, 9.0)) == np.inf


def test_samples_are_uniform_over_the_area() -> None:
    heights = np.zeros((3, 3))
    heights[2] = 1.0  # cells of row x = 1 are sqrt(2) as large
    navmesh = from_cells(["..", ".."], heights=heights)
    points = navmesh.sample(np.random.default_rng(0), 20_000)
    assert np.mean(points[:, 0] > 1) == pytest.approx(np.sqrt(2) / (1 + np.sqrt(2)), abs=0.01)
    assert np.mean(points[:, 1] > 1) == pytest.approx(0.5, abs=0.01)
    with pytest.raises(SceneError, match="no island 2"):
        navmesh.sample(np.random.default_rng(0), 1, island=2)


@st.composite
def mazes(draw: st.DrawFn) -> np.ndarray:
    """A grid of free cells without two that touch at a corner only."""
    free = draw(arrays.arrays(bool, (6, 5), elements=st.booleans()))
    for _ in range(9):
        for i, j in itertools.product(range(5), range(4)):
            square = free[i : i + 2, j : j + 2]
            if square[0, 0] == square[1, 1] != square[0, 1] == square[1, 0]:
                square[...] = True
    return free


@given(free=mazes(), seed=st.integers(0, 2**16))
@settings(max_examples=30)
def test_geodesics_are_those_of_a_brute_force_visibility_graph(free: np.ndarray, seed: int) -> None:
    if free.sum() < 2:
        return
    navmesh = NavMesh(read_tile(navmesh_of_cells(free), "maze"), "maze")
    points = navmesh.sample(np.random.default_rng(seed), 2)
    length = navmesh.geodesic(points[0], points[1])[0]
    nodes = [
        *itertools.product(range(free.shape[0] + 1), range(free.shape[1] + 1)),
        *map(tuple, points[:, :2]),
    ]
    graph = nx.Graph()
    graph.add_nodes_from(range(len(nodes)))
    pairs = np.array(list(itertools.combinations(range(len(nodes)), 2)))
    a, b = np.array(nodes)[pairs.T]
    lines = np.linspace(a, b, 49, axis=1)[:, 1:-1]
    # on an edge or a vertex one of the cells beside it is enough: in these grids it can be passed
    sides = [
        np.clip(np.floor(lines + side).astype(int), 0, np.array(free.shape) - 1)
        for side in itertools.product((1e-7, -1e-7), repeat=2)
    ]
    clear = np.any([free[cells[..., 0], cells[..., 1]] for cells in sides], axis=0).all(axis=1)
    lengths = np.linalg.norm(a - b, axis=1)
    graph.add_weighted_edges_from(zip(*pairs[clear].T.tolist(), lengths[clear].tolist(), strict=True))
    try:
        expected = nx.shortest_path_length(graph, len(nodes) - 2, len(nodes) - 1, weight="weight")
    except nx.NetworkXNoPath:
        expected = np.inf
    assert length == pytest.approx(expected, abs=2e-3)


@given(seed=st.integers(0, 2**16), count=st.integers(4, 120))
@settings(max_examples=10)
def test_on_open_ground_cut_into_many_triangles_every_way_is_straight(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    places = rng.random((count, 2)) * 20
    cut = Delaunay(places)
    # scipy's k-th neighbour lies opposite corner k; ours lies across the edge from corner k on
    beside = (cut.neighbors[:, [2, 0, 1]] + 1).tolist()
    vertices = [(-float(y), 0.0, -float(x)) for x, y in places]
    navmesh = NavMesh(read_tile(navmesh_file(vertices, cut.simplices.tolist(), beside), "cut"), "cut")
    starts, ends = navmesh.sample(rng, 40).reshape(2, 20, 3)
    np.testing.assert_allclose(
        navmesh.geodesic(starts, ends), np.linalg.norm(ends - starts, axis=1), atol=1e-3
    )


GOOD = navmesh_of_cells(np.array([[True, True, False], [False, True, True]]))


def explained(data: bytes) -> str | None:
    """What is wrong with it, or None if it makes a navmesh, which then answers everything it is asked."""
    try:
        navmesh = NavMesh(read_tile(data, "cut.navmesh"), "cut.navmesh")
    except SceneError as error:
        return str(error)
    ask_everything(navmesh)
    return None


def ask_everything(navmesh: NavMesh) -> None:
    points = navmesh.sample(np.random.default_rng(0), 4)
    navmesh.geodesic(points[:2], points[2:])
    navmesh.shortest_path(points[0], points[1])


@pytest.mark.parametrize("length", [0, 3, 47, 48, 100, 147, 148, 200, len(GOOD) - 1])
def test_a_truncated_file_is_explained(length: int) -> None:
    with pytest.raises(SceneError, match="damaged navmesh"):
        read_tile(GOOD[:length], "cut.navmesh")


@given(
    edits=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=6),
    tail=st.integers(0, 40),
)
@settings(max_examples=200)
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_mutated_files_are_read_or_explained(edits: list[tuple[int, int]], tail: int) -> None:
    data = bytearray(GOOD)
    for place, value in edits:
        data[place] = value
    explanation = explained(bytes(data[: len(data) - tail] if tail > 20 else data))
    assert explanation is None or (explanation.startswith("cut.navmesh ") and "\n" not in explanation)


@pytest.mark.parametrize("count", range(8))
def test_absurd_counts_are_refused_before_anything_is_allocated(count: int) -> None:
    data = bytearray(GOOD)
    data[48 + 24 + 4 * count : 48 + 28 + 4 * count] = (2**32 - 1).to_bytes(4, "little")
    with pytest.raises(SceneError, match="its counts need"):
        read_tile(bytes(data), "big.navmesh")


@pytest.mark.parametrize(
    ("where", "value", "finding"),
    [
        (0, b"PK\x03\x04", "is no Habitat navmesh"),
        (4, (2).to_bytes(4, "little"), "version 2"),
        (8, (3).to_bytes(4, "little"), "has 3 tiles"),
        (48, b"DNAV", "marked"),
        (148, b"\x00\x00\xc0\x7f", "NaN"),
        (148, b"\x00\x00\x00\x60", "over 10000 m from the origin"),
    ],
)
def test_each_fault_is_named(where: int, value: bytes, finding: str) -> None:
    data = bytearray(GOOD)
    data[where : where + 4] = value
    with pytest.raises(SceneError, match=finding):
        NavMesh(read_tile(bytes(data), "bad.navmesh"), "bad.navmesh")


def test_an_absent_navmesh_is_explained(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match=r"nowhere.navmesh does not exist"):
        load_navmesh(tmp_path / "nowhere.navmesh")
