"""docs/sensors.md runs as printed, on a mesh of the reader's own."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from robonav.envs.scenes.procedural.houses import generate_house
from robonav.maps.export import write_mesh
from tests.docs.pages import run_page


def test_the_page_shows_a_house_and_renders_frames_in_it(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = generate_house(seed=7)
    write_mesh(tmp_path / "my_house.glb", house.vertices, house.triangles)
    monkeypatch.chdir(tmp_path)
    page = repository / "docs" / "sensors.md"
    assert run_page(page, monkeypatch) == 1
    assert list((tmp_path / "results" / "preview").glob("*.png"))
    (program,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    names: dict[str, np.ndarray] = {}
    exec(program, names)
    assert names["rgb"].shape == (8, 64, 64, 3)
    assert names["depth"].shape == (8, 64, 64)
    assert (names["depth"] > 0).mean() > 0.5
