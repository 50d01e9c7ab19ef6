"""docs/reconstruction.md runs as printed, and its table of options has the defaults."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robonav.maps.reconstruction.tsdf import Reconstruction
from tests.docs.pages import run_page


@pytest.fixture
def page(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "examples").symlink_to(repository / "examples")
    monkeypatch.chdir(tmp_path)
    return repository / "docs" / "reconstruction.md"


def test_the_command_and_the_program_of_the_page_write_meshes(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_page(page, monkeypatch) == 1
    (program,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    ahead = np.eye(4, dtype=np.float32)[[2, 0, 1, 3]] * np.array([-1, -1, 1, 1], np.float32)
    names: dict[str, Any] = {
        "T_world_camera": np.tile(ahead, (16, 1, 1)),
        "depth": np.full((16, 64, 64), 2, np.float32),
        "rgb": np.full((16, 64, 64, 3), 200, np.uint8),
    }
    exec(program, names)
    assert names["new"].all()
    for mesh in ("room.ply", "house.ply"):
        assert Path(mesh).stat().st_size > 1000


def test_the_table_names_every_option(page: Path) -> None:
    options = list(inspect.signature(Reconstruction).parameters)
    assert re.findall(r"^\| `(\w+)` \| [^|]* \| [^|]*\|$", page.read_text(), re.MULTILINE) == options[2:]
