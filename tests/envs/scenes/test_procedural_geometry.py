"""Procedural houses: free space and mesh agree, rooms can be reached, nothing leaks (oracle: Open3D rays)."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import measure, morphology

from robonav.envs.scenes import AgentShape, free_space_of
from robonav.envs.scenes.procedural.houses import generate_house
from robonav.envs.scenes.scene import Scene

o3d = pytest.importorskip("open3d", reason="the extra robonav[open3d] is not installed")

SEEDS = range(12)
RADIUS, HEIGHT = 0.18, 1.5
# Thin parts (table tops, shelves, seats) lie at these heights or are taller than the gaps between them.
HEIGHTS = np.array([0.05, 0.1, 0.3, 0.44, 0.47, 0.6, 0.74, 0.87, 0.97, 1.1, 1.25, 1.49])
Cast = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="module", params=SEEDS)
def house(request: pytest.FixtureRequest) -> Scene:
    return generate_house(request.param)


@pytest.fixture(scope="module")
def cast(house: Scene) -> Cast:
    scene = o3d.t.geometry.RaycastingScene(nthreads=1)
    scene.add_triangles(o3d.core.Tensor(house.vertices), o3d.core.Tensor(house.triangles.astype(np.uint32)))

    def distances_and_normals(origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rays = np.concatenate(np.broadcast_arrays(origins, directions), axis=-1).astype(np.float32)
        answer = scene.cast_rays(o3d.core.Tensor(rays), nthreads=1)
        return answer["t_hit"].numpy(), answer["primitive_normals"].numpy()

    return distances_and_normals


def horizontal_distances(cast: Cast, xy: np.ndarray, directions: int) -> np.ndarray:
    """Nearest hit (N,) of horizontal rays in a fan at all heights of the body."""
    angles = 2 * np.pi * np.arange(directions) / directions
    fan = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    origins = np.concatenate(
        [np.repeat(xy[:, None], len(HEIGHTS), axis=1), np.tile(HEIGHTS[:, None], (len(xy), 1, 1))], axis=2
    )
    return cast(origins[:, :, None], fan)[0].min(axis=(1, 2))


def pick(mask: np.ndarray, count: int) -> np.ndarray:
    cells = np.argwhere(mask)
    return cells[np.random.default_rng(0).integers(len(cells), size=count)]


def test_free_cells_hold_the_whole_body(house, cast):
    free = house.free_space.islands > 0
    edge = free & ~morphology.erosion(free)
    for cells in (pick(free, 150), pick(edge, 250)):
        xy = house.free_space.centres(cells)
        assert horizontal_distances(cast, xy, 48).min() > RADIUS - 1e-4
        down, _ = cast(np.column_stack([xy, np.full(len(xy), 0.5)]), np.array([0.0, 0.0, -1.0]))
        np.testing.assert_allclose(down, 0.5, atol=0.006)  # floor, threshold or rug
        up, _ = cast(np.column_stack([xy, np.full(len(xy), 0.02)]), np.array([0.0, 0.0, 1.0]))
        assert up.min() > HEIGHT - 0.02


def test_blocked_cells_beside_free_ones_are_blocked_by_something(house, cast):
    free = house.free_space.islands > 0
    xy = house.free_space.centres(pick(morphology.dilation(free) & ~free, 200))
    distances = horizontal_distances(cast, xy, 120)
    # Round furniture is drawn with eight sides, so it is up to 5 cm thinner than the circle it blocks.
    assert distances.max() < RADIUS + 0.06
    assert np.mean(distances < RADIUS + 0.005) > 0.9


def test_every_room_belongs_to_the_first_island(house):
    islands, bounds = house.free_space.islands, house.metadata["room_bounds"]
    assert np.count_nonzero(islands == 1) >= 0.97 * np.count_nonzero(islands)
    assert np.array_equal(np.unique(measure.label(islands == 1, connectivity=1)), [0, 1])
    xy = house.free_space.centres(np.argwhere(islands == 1))
    for x0, y0, x1, y1 in bounds:
        inside = np.all((xy > (x0, y0)) & (xy < (x1, y1)), axis=1)
        assert np.count_nonzero(inside) * 0.05**2 > 0.2


def test_every_door_lets_the_agent_through(house):
    graph = nx.Graph()
    for door in house.metadata["doors"]:
        along = np.eye(2)[door["axis"]]
        centre, across = np.array(door["centre"]), np.eye(2)[1 - door["axis"]]
        assert door["width_m"] >= 0.85
        assert door["height_m"] >= 2.0
        steps = np.arange(-door["width_m"] / 2, door["width_m"] / 2, 0.01)
        open_width = 0.01 * np.count_nonzero(
            house.free_space.island_at(centre + steps[:, None] * across) == 1
        )
        assert open_width >= 0.35
        if house.free_space.segment_is_free(centre - 0.4 * along, centre + 0.4 * along):
            graph.add_edge(*door["rooms"])
    assert nx.is_connected(graph)
    assert len(graph) == house.metadata["rooms"]
    assert graph.number_of_edges() == len(house.metadata["doors"])


@pytest.mark.parametrize("seed", [3, 10, 33])
def test_free_space_agrees_with_the_one_found_from_the_mesh(seed):
    house = generate_house(seed)
    found = free_space_of(house.vertices, house.triangles, AgentShape(RADIUS, HEIGHT))
    for ours, theirs in ((house.free_space, found), (found, house.free_space)):
        xy = ours.centres(np.argwhere(ours.islands == 1))
        assert np.mean(theirs.island_at(xy) == 1) > 0.98


def test_shell_has_no_holes_and_shows_its_front(house, cast):
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(4000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    if not house.metadata["ceiling"]:
        directions[:, 2] = -np.abs(directions[:, 2])
    xy = house.free_space.sample(rng, len(directions))
    distances, normals = cast(np.column_stack([xy, np.full(len(xy), 1.25)]), directions)
    assert np.all(np.isfinite(distances))
    assert np.all(np.sum(normals * directions, axis=1) < 1e-5)


def test_arrays_are_what_a_scene_promises(house):
    count = len(house.triangles)
    assert 150 <= count <= 4500
    assert house.vertices.dtype == house.corner_uvs.dtype == np.float32
    assert house.triangles.dtype == house.texture_ids.dtype == np.int32
    assert house.corner_colors.shape == (count, 3, 3)
    assert house.corner_colors.dtype == np.uint8
    assert house.corner_uvs.shape == (count, 3, 2)
    assert set(house.texture_ids) == set(range(len(house.textures)))
    corners = house.vertices[house.triangles].astype(float)
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    assert areas.min() > 1e-5
    low, high = house.vertices.min(axis=0), house.vertices.max(axis=0)
    assert np.all(low >= 0)
    assert np.all(high <= [*house.metadata["size_m"], house.metadata["wall_height_m"] + 1e-6])


@given(seed=st.integers(0, 2**63), radius=st.floats(0.1, 0.25))
def test_any_seed_gives_a_house_that_is_connected_for_its_agent(seed, radius):
    house = generate_house(seed, radius_m=radius)
    islands = house.free_space.islands
    assert np.count_nonzero(islands == 1) >= 0.97 * np.count_nonzero(islands)
    sizes = np.bincount(islands.ravel())[1:]
    assert np.all(np.diff(sizes) <= 0)
    centres = [door["centre"] for door in house.metadata["doors"]]
    assert np.all(house.free_space.island_at(np.array(centres)) == 1)
