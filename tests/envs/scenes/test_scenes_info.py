"""`robonav scenes info` says what there is, on disk and on the floor, and goes on after a broken scene."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from robonav.envs.scenes import SceneError, open_scenes
from robonav.envs.scenes.agreement import compare
from robonav.envs.scenes.detour_tiles import read_tile
from robonav.envs.scenes.navmesh import NavMesh, navmesh_of
from robonav.launch import cli
from tests.envs.scenes.gltf_files import write_room
from tests.envs.scenes.navmesh_files import navmesh_of_cells
from tests.envs.scenes.storeys import HEIGHT, house
from tests.worlds import room_floor


def info(capsys: pytest.CaptureFixture[str], path: Path, *options: str, code: int = 0) -> str:
    assert cli.main(["scenes", "info", str(path), *options]) == code
    return capsys.readouterr().out


def facts(capsys: pytest.CaptureFixture[str], path: Path, **options: int) -> list[dict]:
    return [json.loads(line) for line in info(capsys, path, "--json", **options).splitlines()]


def test_the_table_names_floors_and_stairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    house(2).export(tmp_path / "house.ply")
    table = info(capsys, tmp_path / "house.ply")
    assert "floor 0        at 0.0 m" in table
    assert "floor 1        at 2.7 m" in table
    assert "where episodes start" in table
    assert "stairs 0 to 1  from (" in table
    assert "none beside the mesh" in table
    (scene,) = facts(capsys, tmp_path / "house.ply")
    assert [floor["z"] for floor in scene["floors"]] == pytest.approx([0, HEIGHT], abs=0.01)
    assert scene["main_floor"] == 0
    assert len(scene["stairs"]) == 1


def test_the_navmesh_beside_a_mesh_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_room(tmp_path / "Adrian.glb")
    (tmp_path / "Adrian.navmesh").write_bytes(navmesh_of_cells(np.ones((31, 21), bool), 0.2))
    (scene,) = facts(capsys, tmp_path)
    assert scene["navmesh"]["navmesh_area_m2"] == pytest.approx(31 * 21 * 0.04, rel=1e-4)
    assert scene["navmesh"]["agent_radius_m"] == 0.1
    assert "navmesh " in info(capsys, tmp_path)


def test_a_broken_scene_or_navmesh_is_one_line_and_the_rest_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        write_room(tmp_path / f"{name}.glb")
        (tmp_path / f"{name}.navmesh").touch()
    (tmp_path / "a.glb").write_bytes(b"glTF")
    broken, room = facts(capsys, tmp_path, code=1)
    assert "a.glb" in broken["error"]
    assert "b.navmesh is a damaged navmesh" in room["navmesh"]["error"]
    assert "b.navmesh is a damaged navmesh" in info(capsys, tmp_path, code=1)


def test_a_path_that_is_not_there_is_a_users_mistake(tmp_path: Path) -> None:
    assert cli.main(["scenes", "info", str(tmp_path / "nowhere")]) == 2


def navmesh(free: np.ndarray, size: float) -> NavMesh:
    return NavMesh(read_tile(navmesh_of_cells(free, size), "drawn"), "drawn")


def test_a_navmesh_of_the_same_room_agrees() -> None:
    found = compare(room_floor(), navmesh(np.ones((12, 8), bool), 0.5))
    assert found.indoor_area_m2 == pytest.approx(24.0, rel=1e-4)
    assert found.free_on_navmesh == 1.0
    assert found.navmesh_is_free == pytest.approx(5.64 * 3.64 / 24, abs=0.03)
    assert 0 <= found.geodesic_difference < 0.01
    assert found.geodesic_difference_p95 < 0.015
    assert found.ways > 100


def test_a_navmesh_of_somewhere_else_has_nothing_in_common() -> None:
    free = np.zeros((40, 2), bool)
    free[30:] = True
    found = compare(room_floor(), navmesh(free, 1.0))
    assert (found.indoor_area_m2, found.free_on_navmesh, found.ways) == (0.0, 0.0, 0)


@pytest.mark.parametrize("scene_id", ["hm3d/minival/00908-OsrfFirstOffice", "gibson/AwsSmallWarehouse"])
def test_starts_stay_off_roofs_that_are_in_the_navmesh(scene_id: str, shared_data: Path) -> None:
    folder = shared_data / "scene_datasets" / scene_id.split("/")[0]
    scene = open_scenes(str(folder), split="minival").load(scene_id)
    navmesh = navmesh_of(scene)
    assert navmesh is not None
    roof = navmesh.sample(np.random.default_rng(0), 100, island=1)
    assert np.median(roof[:, 2]) > 2.5
    assert len(scene.floors) == 1
    assert abs(scene.floors[0].floor_z) < 0.2


def test_a_navmesh_island_that_is_not_there_is_a_scene_error() -> None:
    with pytest.raises(SceneError, match="no island 9: it has 1 to 1"):
        navmesh(np.ones((2, 2), bool), 1.0).sample(np.random.default_rng(0), 1, island=9)
