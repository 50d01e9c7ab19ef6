"""The commands of the page on data sets give results."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import run_page

LICENSED, AT_HAND = "00800-TEEsavR23oF", "00908-OsrfFirstOffice"


@pytest.fixture
def reader(tmp_path: Path, shared_data: Path) -> Path:
    """A folder with data where the page says it is: scenes at hand in the place of licensed ones."""
    hm3d = tmp_path / "data" / "scene_datasets" / "hm3d"
    source = shared_data / "scene_datasets"
    scene = hm3d / "minival" / LICENSED
    scene.mkdir(parents=True)
    config = "hm3d_basis.scene_dataset_config.json"
    (hm3d / config).symlink_to(source / "hm3d" / config)
    for file in (source / "hm3d" / "minival" / AT_HAND).iterdir():
        name = file.name.replace(AT_HAND.split("-")[1], LICENSED.split("-")[1])
        (scene / name).symlink_to(file)
    (hm3d.parent / "gibson").mkdir()
    for file in (source / "gibson").glob("TurtleBot3House.*"):
        (hm3d.parent / "gibson" / file.name).symlink_to(file)
    return tmp_path


def test_every_command_of_the_page_runs(
    repository: Path, reader: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(reader)
    monkeypatch.setenv("ROBONAV_CACHE", str(reader / "cache"))
    assert run_page(repository / "docs" / "scenes" / "datasets.md", monkeypatch) >= 4
    for result in ("hm3d", "one", "gibson"):
        assert (reader / "runs" / result / "report.html").stat().st_size > 1000
    assert not list((reader / "cache").glob("*.safetensors"))  # the last command cleared it
