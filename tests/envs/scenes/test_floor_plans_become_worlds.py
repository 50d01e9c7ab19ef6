"""A floor plan's world has its walls where the plan has them, and the free space that it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robonav.envs.scenes import SceneError, open_scenes
from robonav.envs.scenes.floorplans.geometry import Geometry
from robonav.envs.scenes.floorplans.gibson_floors import set_back
from robonav.envs.scenes.floorplans.plan import FloorPlan, make_plan
from robonav.envs.scenes.floorplans.world import build_world
from robonav.envs.scenes.free_space import DEFAULT_AGENT, AgentShape, free_space_of
from robonav.envs.scenes.scene import FreeSpace, Scene
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raycast import RaycastSensor
from tests.envs.scenes.gltf_files import write_room
from tests.envs.scenes.plan_files import two_rooms, write_gibson_floors, write_kth_plan, write_map


@pytest.fixture(scope="module")
def plan() -> FloorPlan:
    return make_plan("two rooms", two_rooms()[::-1].T, 0.05, (10.0, -3.0, 0.0), furnished=True)


@pytest.fixture(scope="module")
def scene(plan: FloorPlan) -> Scene:
    return build_world(plan, DEFAULT_AGENT, "made-up/two_rooms")


def free(space: FreeSpace | None, points: list[tuple[float, float]]) -> list[bool]:
    assert space is not None
    return (space.island_at(np.array(points)) > 0).tolist()


def agreement(ours: FreeSpace, other: FreeSpace) -> tuple[float, float]:
    """Share of the free cells of each that are free in the other."""
    shares = []
    for a, b in ((ours, other), (other, ours)):
        shares.append(float((b.island_at(a.centres(np.argwhere(a.islands > 0))) > 0).mean()))
    return shares[0], shares[1]


def test_free_space_of_an_empty_room_is_what_geometry_says() -> None:
    room = np.ones((60, 40), dtype=bool)  # 3 m x 2 m
    geometry = Geometry.of(make_plan("room", room, 0.05, (0.0, 0.0, 0.0), furnished=True))
    space = geometry.free(0.18).islands()
    assert space.area_m2() == pytest.approx((3 - 0.4) * (2 - 0.4))  # cell centres lie 0.025 m off the grid


def test_free_space_agrees_with_what_the_mesh_says(scene: Scene) -> None:
    assert scene.free_space is not None
    exact, measured = scene.free_space, free_space_of(scene.vertices, scene.triangles)
    assert min(agreement(exact, measured)) > 0.95
    assert measured.floor_z == pytest.approx(exact.floor_z, abs=1e-3)


def test_places_of_the_map_are_where_the_map_says(scene: Scene) -> None:
    x, y = 10.05, -2.95  # of the inner corner of the larger room
    inside = [(x + 4.5, y + 2.0), (x + 4.95, y + 1.55), (x + 6.5, y + 2.0)]
    blocked = [(x + 1.5, y + 1.5), (x + 4.95, y + 0.6), (x - 0.5, y + 2.0), (x + 0.1, y + 0.1)]
    assert free(scene.free_space, blocked) == [False] * 4
    assert free(scene.free_space, inside[1:2]) == [True]  # the doorway
    assert scene.free_space is not None
    assert scene.free_space.islands.max() == 1


def test_a_door_has_a_lintel_and_the_box_is_lower_than_the_walls(scene: Scene) -> None:
    assert (scene.metadata["rooms"], scene.metadata["doors"], scene.metadata["obstacles"]) == (2, 1, 1)
    sensor = RaycastSensor(scene, Camera())
    door = np.array([[14.6, -1.4, 1.5], [14.6, -1.4, 2.3]])
    through, over = sensor.distances(door, np.array([[1.0, 0, 0], [1, 0, 0]]))
    assert over < 0.5 < 1.0 < through
    height = float(scene.vertices[:, 2].max())
    box = np.array([[11.55, -1.45, height - 0.02]])
    assert 0.2 < sensor.distances(box, np.array([[0.0, 0, -1]]))[0] < height - 0.4


def test_the_same_plan_and_id_give_the_same_bytes(plan: FloorPlan, scene: Scene) -> None:
    assert build_world(plan, DEFAULT_AGENT, "made-up/two_rooms").content_hash == scene.content_hash
    assert build_world(plan, DEFAULT_AGENT, "made-up/other").content_hash != scene.content_hash


def test_furniture_leaves_a_bare_plan_mostly_free_and_in_one_piece() -> None:
    bare = make_plan("hall", np.ones((200, 160), dtype=bool), 0.05, (0.0, 0.0, 0.0), furnished=False)
    empty = Geometry.of(bare).free(DEFAULT_AGENT.radius_m).islands().area_m2()
    for number in range(3):
        scene = build_world(bare, DEFAULT_AGENT, f"hall/{number}")
        assert scene.free_space is not None
        assert scene.metadata["furniture"] > 0
        assert scene.free_space.islands.max() == 1
        assert 0.8 * empty < scene.free_space.area_m2() < empty


@pytest.mark.parametrize("resolution", [0.02, 0.05, 0.1])
@pytest.mark.parametrize("yaw", [0.0, 0.5])
def test_walls_of_one_pixel_hold_at_any_resolution_and_heading(resolution: float, yaw: float) -> None:
    floor = np.ones((round(6 / resolution), round(4 / resolution)), dtype=bool)
    floor[floor.shape[0] // 2] = False
    plan = make_plan("rooms", floor, resolution, (1.0, 2.0, yaw), furnished=True)
    space = Geometry.of(plan).free(0.18).islands()
    assert np.unique(space.islands).tolist() == [0, 1, 2]
    placed = replace(
        space, origin_xy=(space.origin_xy[0] + plan.origin_xy[0], space.origin_xy[1] + plan.origin_xy[1])
    )
    for along in (1.5, 4.5):  # rooms turn about the origin of the map
        c, s = np.cos(yaw), np.sin(yaw)
        assert free(placed, [(1 + c * along - 2 * s, 2 + s * along + 2 * c)]) == [True]


def test_grids_of_agent_centres_are_set_back_but_keep_thin_walls() -> None:
    centres = np.zeros((100, 100), dtype=bool)
    centres[10:48, 10:90] = centres[52:90, 10:90] = True  # 0.2 m of wall and two radii of 0.1 m, say
    floor = set_back(centres, 0.18)
    assert floor[centres].all()
    plan = make_plan("rooms", floor, 0.05, (0.0, 0.0, 0.0), furnished=True, roughness_m=0.075)
    space = Geometry.of(plan).free(0.18).islands()
    assert space.islands.max() == 2
    given = np.argwhere(centres) * 0.05 + 0.025 - plan.origin_xy
    assert (space.island_at(given) > 0).mean() > 0.85


def test_gibson_floors_lie_where_habitat_has_them(tmp_path: Path) -> None:
    grid = np.zeros((40, 60), dtype=bool)  # rows along z, columns along x
    grid[5:35, 5:25] = True
    folder = write_gibson_floors(tmp_path, {"Abc": grid})
    scenes = open_scenes(str(folder))
    assert list(scenes.scene_ids) == ["gibson_floors/Abc_f0"]
    space = scenes.load("gibson_floors/Abc_f0").free_space
    assert space is not None
    cells = np.argwhere(grid)
    x, z = 1 + (cells[:, 1] + 0.5) * 0.1, 2 + (cells[:, 0] + 0.5) * 0.1
    assert (space.island_at(np.column_stack([-z, -x])) > 0).mean() > 0.9
    assert space.area_m2() == pytest.approx(grid.sum() * 0.01, rel=0.1)


def test_no_building_is_in_both_splits(tmp_path: Path) -> None:
    grid = np.ones((20, 20), dtype=bool)
    folder = write_gibson_floors(tmp_path, {f"Building{k}": grid for k in range(40)})
    train, val = (set(open_scenes(str(folder), split).scene_ids) for split in ("train", "val"))
    assert not train & val
    assert len(train | val) == 40
    assert 4 <= len(val) <= 12


def test_kth_doorways_are_floor_though_no_room_has_them(tmp_path: Path) -> None:
    write_kth_plan(tmp_path / "50000001_PLAN1", two_rooms())
    for split in ("train", "val"):
        scenes = open_scenes(str(tmp_path), split)
        assert list(scenes.scene_ids) == ["kth_floorplans/50000001_PLAN1"]
    scene = scenes.load(scenes.scene_ids[0])
    assert scene.free_space is not None
    assert scene.free_space.islands.max() == 1
    assert scene.metadata["doors"] == 1


def test_an_agent_that_fits_no_door_is_told_so(plan: FloorPlan) -> None:
    with pytest.raises(SceneError, match="use another agent"):
        build_world(plan, AgentShape(radius_m=0.18, height_m=2.5), "tall")
    closet = make_plan("closet", np.ones((16, 40), dtype=bool), 0.05, (0.0, 0.0, 0.0), furnished=True)
    with pytest.raises(SceneError, match="no floor where an agent"):
        build_world(closet, AgentShape(radius_m=0.5), "wide")


@pytest.mark.parametrize("name", ["Adrian_f1", "Hominy_f1", "Sumas_f0"])
def test_real_gibson_floors_keep_their_free_space(shared_data: Path, name: str) -> None:
    scenes = open_scenes(str(shared_data / "gibson_floors" / f"{name}.npy"))
    scene = scenes.load(scenes.scene_ids[0])
    assert scene.free_space is not None
    given = np.load(shared_data / "gibson_floors" / f"{name}.npy").sum() * 0.01
    assert scene.free_space.area_m2() > 0.85 * given
    assert len(scene.triangles) <= 16_000
    assert min(agreement(scene.free_space, free_space_of(scene.vertices, scene.triangles))) > 0.95


def test_real_gibson_floors_are_split_four_to_one(shared_data: Path) -> None:
    counts = [
        len(open_scenes(str(shared_data / "gibson_floors"), split).scene_ids) for split in ("train", "val")
    ]
    assert sum(counts) == 89
    assert 0.1 < counts[1] / 89 < 0.3


@pytest.mark.parametrize("place", ["kth_floorplans/50052754", "occupancy_maps/005/map.yaml"])
def test_real_plans_agree_with_their_mesh(shared_data: Path, place: str) -> None:
    scenes = open_scenes(str(shared_data / place))
    scene = scenes.load(scenes.scene_ids[0])
    assert scene.free_space is not None
    assert len(scene.triangles) <= 16_000
    assert min(agreement(scene.free_space, free_space_of(scene.vertices, scene.triangles))) > 0.95


def test_settings_beside_meshes_are_no_maps(tmp_path: Path) -> None:
    write_room(tmp_path / "room.glb")
    (tmp_path / "settings.yaml").write_text("resolution: 640")
    assert list(open_scenes(str(tmp_path)).scene_ids) == ["room.glb"]


def test_a_map_is_one_scene_of_every_split(tmp_path: Path) -> None:
    path = write_map(tmp_path / "office", two_rooms())
    for split in ("train", "val"):
        assert list(open_scenes(str(path), split).scene_ids) == ["office/map.yaml"]
        assert list(open_scenes(str(path.parent), split).scene_ids) == ["office/map.yaml"]
