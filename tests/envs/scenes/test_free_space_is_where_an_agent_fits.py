"""Free space of meshes against arithmetic, exact houses, and the navmeshes of real Habitat."""

from __future__ import annotations

import runpy
import time
from pathlib import Path

import numpy as np
import pytest
import trimesh

from robonav.envs.scenes import AgentShape, FreeSpace, SceneError, free_space_of, open_scenes
from robonav.envs.scenes.procedural.houses import ProceduralHouses
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raycast import RaycastSensor

ORACLE = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "render_oracle.py"))
AGENT = AgentShape(radius_m=0.2, height_m=1.5)


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> trimesh.Trimesh:
    return trimesh.creation.box(bounds=[low, high])


def floor(x: float, y: float, z: float = 0.0) -> trimesh.Trimesh:
    """One sheet without thickness."""
    return trimesh.Trimesh([[0, 0, z], [x, 0, z], [x, y, z], [0, y, z]], [[0, 1, 2], [0, 2, 3]])


def walls(x: float, y: float, height: float = 2.5, z: float = 0.0) -> trimesh.Trimesh:
    """Four one-sided sheets, no ceiling: nothing here is watertight, as in scans."""
    corners = [(0, 0), (x, 0), (x, y), (0, y)]
    vertices = [[*corner, h] for corner in corners for h in (z, z + height)]
    faces = [[2 * k, (2 * k + 2) % 8, (2 * k + 3) % 8] for k in range(4)]
    faces += [[2 * k, (2 * k + 3) % 8, 2 * k + 1] for k in range(4)]
    return trimesh.Trimesh(vertices, faces)


def space(*parts: trimesh.Trimesh, agent: AgentShape = AGENT) -> FreeSpace:
    mesh = trimesh.util.concatenate(parts)
    return free_space_of(mesh.vertices, mesh.faces, agent)


def test_an_empty_room_is_free_but_for_the_agents_radius_along_its_walls() -> None:
    free = space(floor(6, 4), walls(6, 4))
    assert free.floor_z == pytest.approx(0.0, abs=1e-6)
    assert free.area_m2() == pytest.approx(5.6 * 3.6, rel=0.03)
    assert free.islands.max() == 1
    inside, outside = np.array([[0.26, 2.0], [5.74, 3.74]]), np.array([[0.14, 2.0], [3.0, 3.86], [7.0, 2.0]])
    assert free.island_at(inside).tolist() == [1, 1]
    assert free.island_at(outside).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("thing", "blocks"),
    [
        (box((2.8, 1.8, 0.0), (3.2, 2.2, 0.7)), True),  # a table
        (box((2.98, 1.98, 0.0), (3.02, 2.02, 2.0)), True),  # a thin post
        (box((2.8, 1.8, 1.2), (3.2, 2.2, 1.9)), True),  # a cupboard at head height
        (box((2.8, 1.8, 0.0), (3.2, 2.2, 0.1)), False),  # a step that wheels get over
        (box((2.8, 1.8, 1.7), (3.2, 2.2, 1.9)), False),  # a lamp overhead
    ],
)
def test_things_block_where_the_agents_body_would_be(thing: trimesh.Trimesh, blocks: bool) -> None:
    free = space(floor(6, 4), walls(6, 4), thing)
    assert (free.island_at(np.array([3.0, 2.0])) == 0) == blocks
    beside = np.array([3.0 + 0.4 + 0.06, 2.0])
    assert free.island_at(beside) == 1


@pytest.mark.parametrize(("gap", "islands"), [(0.3, 2), (0.55, 1)])
def test_a_door_connects_rooms_if_the_agent_fits_through(gap: float, islands: int) -> None:
    middle = 2.0
    free = space(
        floor(6, 4),
        walls(6, 4),
        box((3.45, 0, 0), (3.5, middle - gap / 2, 2.5)),
        box((3.45, middle + gap / 2, 0), (3.5, 4, 2.5)),
    )
    assert free.islands.max() == islands
    assert free.area_m2(1) >= 3.0 * 3.6  # the larger room is island 1


def test_a_low_passage_lets_only_a_low_agent_through() -> None:
    rooms = (floor(6, 4), walls(6, 4), box((3.0, 0.0, 1.0), (3.1, 4.0, 2.5)))
    assert space(*rooms).islands.max() == 2
    assert space(*rooms, agent=AgentShape(radius_m=0.2, height_m=0.8)).islands.max() == 1


def test_a_hole_in_the_floor_is_not_free() -> None:
    free = space(floor(2, 4), floor(2, 4).apply_translation([4, 0, 0]), walls(6, 4))
    assert free.islands.max() == 2
    assert free.island_at(np.array([3.0, 2.0])) == 0


def test_starts_are_never_on_the_roof_even_where_it_is_larger_than_the_floor() -> None:
    roof = box((-3, -3, 2.5), (9, 7, 2.8))
    assert space(floor(6, 4), walls(6, 4), roof).floor_z == pytest.approx(0.0, abs=1e-6)


def test_starts_are_never_on_a_table_even_a_long_one() -> None:
    free = space(floor(6, 4), walls(6, 4), box((0.8, 1.2, 0.7), (5.2, 3.8, 0.75)))
    assert free.floor_z == pytest.approx(0.0, abs=1e-6)
    assert free.island_at(np.array([3.0, 2.5])) == 0


def test_the_yard_around_a_house_with_an_open_door_is_not_indoors() -> None:
    door = (box((0, 0, 0), (0.05, 1.5, 2.5)), box((0, 2.5, 0), (0.05, 4, 2.5)))
    other_walls = trimesh.util.concatenate(
        [box((0, 0, 0), (6, 0.05, 2.5)), box((0, 3.95, 0), (6, 4, 2.5)), box((5.95, 0, 0), (6, 4, 2.5))]
    )
    yard = floor(30, 30).apply_translation([-20, -13, 0])
    free = space(yard, *door, other_walls)
    assert free.island_at(np.array([3.0, 2.0])) == 1
    assert free.island_at(np.array([-10.0, 2.0])) == 0
    assert free.area_m2() < 1.5 * 6 * 4


def test_the_lower_of_two_like_storeys_is_chosen() -> None:
    upper = box((0, 0, 2.5), (6, 4, 2.7))
    free = space(floor(6, 4), walls(6, 4, height=5.2), upper)
    assert free.floor_z == pytest.approx(0.0, abs=1e-6)


def test_a_noisy_scanned_floor_is_still_one_floor() -> None:
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(np.linspace(0, 6, 61), np.linspace(0, 4, 41), indexing="ij")
    vertices = np.column_stack([x.ravel(), y.ravel(), 0.3 + 0.02 * rng.standard_normal(x.size)])
    index = np.arange(x.size).reshape(x.shape)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    free = space(trimesh.Trimesh(vertices, faces, process=False), walls(6, 4))
    assert free.floor_z == pytest.approx(0.3, abs=0.02)
    assert free.area_m2() == pytest.approx(5.6 * 3.6, rel=0.04)


def test_a_mesh_without_a_floor_is_refused() -> None:
    with pytest.raises(SceneError, match=r"no floor .* check the up axis"):
        space(walls(6, 4))
    with pytest.raises(SceneError, match=r"no floor .* unit is metres"):
        space(floor(0.6, 0.4), walls(0.6, 0.4))


@pytest.mark.parametrize("index", range(6))
def test_free_space_found_in_a_house_is_the_one_it_was_built_with(index: int) -> None:
    houses = ProceduralHouses("val")
    scene = houses.load(houses.scene_ids[index])
    exact = scene.free_space
    assert exact is not None
    found = free_space_of(scene.vertices, scene.triangles)
    assert found.floor_z == pytest.approx(exact.floor_z, abs=0.01)
    assert np.mean(found.island_at(exact.centres(np.argwhere(exact.islands == 1))) == 1) > 0.97
    assert np.mean(exact.island_at(found.centres(np.argwhere(found.islands == 1))) == 1) > 0.96


@pytest.fixture(scope="module", params=ORACLE["SCENES"])
def real_scene(request: pytest.FixtureRequest, shared_data: Path):
    """A scene with the free space of the agent that Habitat's navmeshes were made for (radius 0.1 m)."""
    scene_id = ORACLE["SCENES"][request.param]
    folder = shared_data / "scene_datasets" / scene_id.split("/")[0]
    scene = open_scenes(str(folder), split="minival", agent=AgentShape(radius_m=0.1)).load(scene_id)
    with np.load(shared_data / "habitat_reference" / f"{request.param}.npz", allow_pickle=False) as reference:
        points = np.concatenate([reference[key] for key in ("position", "path_start", "path_end")])
    return request.param, scene, ORACLE["world_from_habitat"](points)


def test_points_of_habitats_navmesh_are_free(real_scene) -> None:
    name, scene, points = real_scene
    share = np.mean(scene.free_space.island_at(points[:, :2]) == 1)
    # the office is a shell without an interior: its kerb slopes by 0.4 m around it
    assert share > (0.85 if name == "OsrfFirstOffice" else 0.98)
    # Habitat's navmesh floats up to 0.2 m above the floor
    assert -0.05 < np.median(points[:, 2]) - scene.free_space.floor_z < 0.3


def test_starts_stand_on_the_floor_with_head_room(real_scene) -> None:
    _, scene, _ = real_scene
    free = scene.free_space
    rng = np.random.default_rng(0)
    xy = free.sample(rng, 200)
    sensor = RaycastSensor(scene, Camera(), 1)
    feet, chest = (np.column_stack([xy, np.full(200, free.floor_z + z)]) for z in (0.2, 1.0))
    down = sensor.distances(feet, np.tile([0.0, 0, -1], (200, 1)))
    up = sensor.distances(feet, np.tile([0.0, 0, 1], (200, 1)))
    assert down.max() <= 0.4
    assert up.min() >= 1.3
    yaws = rng.uniform(-np.pi, np.pi, 200)
    ahead = np.column_stack([np.cos(yaws), np.sin(yaws), np.zeros(200)])
    assert sensor.distances(chest, ahead).min() > 0.1 - 0.04  # the radius, less half a cell


def test_free_space_of_a_large_mesh_takes_seconds_not_minutes(shared_data: Path) -> None:
    scenes = open_scenes(str(shared_data / "scene_datasets" / "hm3d"), split="minival")
    scene = scenes.load("hm3d/minival/00901-AwsSmallHouse")
    assert len(scene.triangles) > 140_000
    start = time.process_time()
    free_space_of(scene.vertices, scene.triangles)
    assert time.process_time() - start < 6  # 0.5 s on an idle core
