"""`robonav scenes info` says what there is, on disk and on the floor, and goes on after a broken scene."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from robonav.launch import cli
from tests.envs.scenes.gltf_files import write_room
from tests.envs.scenes.storeys import HEIGHT, house


def info(capsys: pytest.CaptureFixture[str], path: Path, *options: str, code: int = 0) -> str:
    assert cli.main(["scenes", "info", str(path), *options]) == code
    return capsys.readouterr().out


def facts(capsys: pytest.CaptureFixture[str], path: Path, **options: int) -> list[dict]:
    return [json.loads(line) for line in info(capsys, path, "--json", **options).splitlines()]


def test_the_table_names_floors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    house(2).export(tmp_path / "house.ply")
    table = info(capsys, tmp_path / "house.ply")
    assert "floor 0    at 0.0 m" in table
    assert "floor 1    at 2.7 m" in table
    assert "where episodes start" in table
    (scene,) = facts(capsys, tmp_path / "house.ply")
    assert [floor["z"] for floor in scene["floors"]] == pytest.approx([0, HEIGHT], abs=0.01)
    assert scene["main_floor"] == 0


def test_a_broken_scene_is_one_line_and_the_rest_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        write_room(tmp_path / f"{name}.glb")
        (tmp_path / f"{name}.navmesh").write_bytes(b"not read")
    (tmp_path / "a.glb").write_bytes(b"glTF")
    broken, room = facts(capsys, tmp_path, code=1)
    assert "a.glb" in broken["error"]
    assert "error" not in room
    assert "triangles" in info(capsys, tmp_path, code=1)


def test_a_path_that_is_not_there_is_a_users_mistake(tmp_path: Path) -> None:
    assert cli.main(["scenes", "info", str(tmp_path / "nowhere")]) == 2
