"""The commands of docs/scenes.md give results on an HM3D layout, a scan and a map."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trimesh

from robonav.envs.scenes import open_scenes
from robonav.envs.scenes.procedural.houses import generate_house
from robonav.maps.export import write_mesh
from tests.docs.pages import run_page
from tests.envs.scenes.plan_files import room_capture, two_rooms, write_map, write_scan


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    """A folder with a small scene of each of the three, under the names that the page uses."""
    house = generate_house(seed=7)
    hm3d = tmp_path / "data" / "scene_datasets" / "hm3d"
    scene = hm3d / "minival" / "00800-TEEsavR23oF"
    scene.mkdir(parents=True)
    config = {"stages": {"default_attributes": {"up": [0, 0, 1], "front": [0, 1, 0]}}}
    (hm3d / "hm3d_basis.scene_dataset_config.json").write_text(json.dumps(config))
    trimesh.Trimesh(house.vertices, house.triangles).export(scene / "TEEsavR23oF.basis.glb")  # z stays up
    write_mesh(tmp_path / "my_scan.glb", house.vertices, house.triangles)
    write_scan(tmp_path / "living_room.json", room_capture())
    write_map(tmp_path / "my_map", two_rooms())
    return tmp_path


def test_every_command_of_the_page_runs(
    repository: Path, reader: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(reader)
    assert run_page(repository / "docs" / "scenes.md", monkeypatch) == 12
    for name in ("hm3d", "my_scan", "living_room", "my_map", "my_map_trained"):
        assert (reader / "results" / name / "report.html").stat().st_size > 1000
    said = capsys.readouterr().out
    assert "hm3d/minival/00800-TEEsavR23oF: good" in said
    assert "evaluate it: robonav evaluate runs/my_map --scenes my_map/map.yaml" in said


def test_what_the_page_lists_is_opened(reader: Path) -> None:
    hm3d = reader / "data" / "scene_datasets" / "hm3d"
    given = ("procedural", hm3d, hm3d / "minival" / "00800-TEEsavR23oF", reader / "my_scan.glb", reader)
    for spec in (*given, reader / "my_map" / "map.yaml", reader / "my_map", reader / "living_room.json"):
        assert open_scenes(str(spec)).scene_ids, spec
