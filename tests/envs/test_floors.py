"""A house's floors, and evaluations on the floor that was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from robonav.envs.scenes import Scene, SceneError, free_space_of, open_scenes
from robonav.envs.scenes.floors import OnFloor, floor_name, floors_of
from robonav.envs.scenes.free_space import all_floors_of
from robonav.launch import cli
from tests.envs.scenes.storeys import FOOT, HEIGHT, SIZE, STEPS, TREAD, WIDTH, house
from tests.worlds import Rooms, room_floor

HEAD = FOOT + STEPS * TREAD


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two houses: one of two storeys, one of a single storey."""
    folder = tmp_path_factory.mktemp("houses")
    house(2).export(folder / "two.ply")
    house(1).export(folder / "one.ply")
    return folder


def load(path: Path) -> Scene:
    scenes = open_scenes(str(path))
    return scenes.load(scenes.scene_ids[0])


def test_floors_are_found_lowest_first(folder: Path) -> None:
    scene = load(folder / "two.ply")
    floors = floors_of(scene)
    assert [floor.floor_z for floor in floors] == pytest.approx([0.0, HEIGHT], abs=0.01)
    room = (SIZE[0] - 0.36) * (SIZE[1] - 0.36)
    stairwell = WIDTH * (HEAD - FOOT)
    assert floors[1].area_m2() == pytest.approx(room - stairwell, rel=0.06)
    assert floors[1].island_at(np.array([[3.0, 0.5], [7.0, 0.5], [3.0, 3.0]])).tolist() == [0, 1, 1]
    assert [floor_name(floors, k) for k in (0, 1)] == ["floor 0 at 0.0 m", "floor 1 at 2.7 m"]
    assert len(floors_of(load(folder / "one.ply"))) == 1


def test_the_main_floor_is_the_same_as_ever(folder: Path) -> None:
    scene = load(folder / "two.ply")
    main, floors = all_floors_of(scene.vertices, scene.triangles)
    alone = free_space_of(scene.vertices, scene.triangles)
    np.testing.assert_array_equal(alone.islands, main.islands)
    assert main is floors[0]
    assert scene.free_space is not None
    np.testing.assert_array_equal(scene.free_space.islands, scene.floors[0].islands)


def test_a_mesh_of_storeys_without_number_has_all_its_floors() -> None:
    mesh = house(4)
    _, floors = all_floors_of(mesh.vertices, mesh.faces)
    assert [floor.floor_z for floor in floors] == pytest.approx([k * HEIGHT for k in range(4)], abs=0.01)


def test_scenes_without_the_floor_are_left_out_and_named(folder: Path) -> None:
    with pytest.warns(UserWarning, match=r"1 of 2 scenes have no floor 1 and are left out: one.ply"):
        scenes = OnFloor(open_scenes(str(folder)), 1)
    assert scenes.scene_ids == ["two.ply"]
    scene = scenes.load("two.ply")
    assert scene.free_space is not None
    assert scene.free_space.floor_z == pytest.approx(HEIGHT, abs=0.01)
    assert scene.metadata["floor"] == "floor 1 at 2.7 m"
    with pytest.raises(SceneError, match=r"one.ply has 1 floors"):
        scenes.load("one.ply")
    with pytest.raises(SceneError, match=r"no scene has a floor 2: one.ply has floor 0 at 0.0 m"):
        OnFloor(open_scenes(str(folder)), 2)


def test_a_scene_that_knows_of_one_floor_is_on_floor_0() -> None:
    scene = OnFloor(Rooms(1), 0).load("room-0")
    assert scene.free_space is not None
    np.testing.assert_array_equal(scene.free_space.islands, room_floor().islands)


def evaluate(out: Path, *options: str) -> list[dict]:
    short = ("--episodes", "1", "--steps", "2", "--threads", "1", "--out", str(out))
    assert cli.main(["evaluate", "random", *short, *options]) == 0
    return [json.loads(line) for line in (out / "episodes.jsonl").read_text().splitlines()]


def test_an_evaluation_starts_on_the_floor_asked_for_and_says_so(folder: Path, tmp_path: Path) -> None:
    upper = evaluate(tmp_path / "upper", "--scenes", str(folder / "two.ply"), "--floor", "1")
    assert {record["floor"] for record in upper} == {"floor 1 at 2.7 m"}
    floor = load(folder / "two.ply").floors[1]
    for record in upper:
        assert floor.island_at(np.array([record["start"]["x"], record["start"]["y"]])) == 1
        assert record["free_area_m2"] < SIZE[0] * SIZE[1] - WIDTH * (HEAD - FOOT) + 0.5
    assert "floor 1 at 2.7 m" in (tmp_path / "upper" / "report.html").read_text()
    assert json.loads((tmp_path / "upper" / "summary.json").read_text())["command"].endswith("--floor 1")


def test_without_a_floor_results_are_those_of_the_main_floor(folder: Path, tmp_path: Path) -> None:
    plain = evaluate(tmp_path / "plain", "--scenes", str(folder / "two.ply"))
    lowest = evaluate(tmp_path / "lowest", "--scenes", str(folder / "two.ply"), "--floor", "0")
    assert all("floor" not in record for record in plain)
    assert [record.pop("floor") for record in lowest] == ["floor 0 at 0.0 m"]
    assert plain == lowest


@pytest.mark.parametrize(("floor", "message"), [("7", "no scene has a floor 7"), ("-1", "floor is -1")])
def test_a_floor_that_is_not_there_is_one_sentence(
    floor: str, message: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    assert cli.main(["evaluate", "random", "--scenes", str(folder), "--floor", floor, "--out", out]) == 2
    assert message in capsys.readouterr().err
    assert not Path(out).exists()
