"""Every command of the pages on floor plans and room scans runs, on made-up files and on real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.docs.pages import run_page
from tests.envs.scenes.plan_files import (
    room_capture,
    two_rooms,
    write_gibson_floors,
    write_kth_plan,
    write_map,
    write_scan,
)


def make_up(folder: Path) -> None:
    """Small files of every kind, under the names that the pages use."""
    write_map(folder / "my_map", two_rooms())
    write_gibson_floors(folder / "gibson_floors", {name: np.ones((30, 40), bool) for name in ("Abc", "Def")})
    write_kth_plan(folder / "kth_floorplans" / "50000001", two_rooms())
    write_scan(folder / "living_room.json", room_capture())
    write_scan(folder / "room_scans" / "living_room.json", room_capture())


def link_real(folder: Path, data: Path) -> None:
    """Real files under the names that the pages use; of the KTH plans a small one, to be quick."""
    (folder / "my_map").symlink_to(data / "occupancy_maps" / "aws_house" / "turtlebot3_waffle_pi")
    (folder / "kth_floorplans").mkdir()
    (folder / "kth_floorplans" / "50052754").symlink_to(data / "kth_floorplans" / "50052754")
    (folder / "living_room.json").symlink_to(data / "room_scans" / "living_room.json")
    for name in ("gibson_floors", "room_scans"):
        (folder / name).symlink_to(data / name)


@pytest.mark.parametrize("page", ["floor_plans", "room_scans"])
def test_every_command_of_a_page_runs_on_small_files(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    make_up(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert run_page(repository / "docs" / "scenes" / f"{page}.md", monkeypatch) >= 2
    assert list(tmp_path.glob("results/*/report.html"))


@pytest.mark.parametrize("page", ["floor_plans", "room_scans"])
def test_a_pages_evaluations_run_on_real_files(
    repository: Path, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    link_real(tmp_path, shared_data)
    monkeypatch.chdir(tmp_path)
    assert run_page(repository / "docs" / "scenes" / f"{page}.md", monkeypatch, (" train ", "runs/")) >= 2
