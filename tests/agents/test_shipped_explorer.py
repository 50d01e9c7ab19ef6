"""The explorer that ships with robonav works without training, and does what its card says."""

from __future__ import annotations

import json

import numpy as np
import pytest

from robonav.agents.registry import fingerprint, make_explorer
from robonav.agents.shipped import SHIPPED, shipped_explorers
from robonav.envs.scenes import open_scenes
from robonav.evaluation.records import RunFolder
from robonav.evaluation.runner import Evaluation, Settings

HOUSES, STEPS = 8, 128
RECORDED = 40.3  # mean visible completeness @128 of `robonav evaluate explorer --episodes 8`, percent
MARGIN = 8.0  # other processors round otherwise, and then other actions are drawn


def completeness(name: str, folder: RunFolder) -> float:
    settings = Settings(name, episodes=HOUSES, steps=STEPS)
    Evaluation(settings, make_explorer(name), open_scenes("procedural"), threads=1).run(
        folder, lambda done: None
    )
    values = [record["visible_completeness_pct"][str(STEPS)] for record in folder.records()]
    assert len(values) == HOUSES
    return float(np.mean(values))


def test_it_explores_unseen_houses_as_well_as_recorded_and_better_than_going_straight(tmp_path):
    found = {
        name: completeness(name, RunFolder(tmp_path / name, {}, False)) for name in ("explorer", "straight")
    }
    assert found["explorer"] == pytest.approx(RECORDED, abs=MARGIN)
    assert found["explorer"] > found["straight"]


@pytest.mark.parametrize("name", shipped_explorers())
def test_what_ships_is_small_complete_and_has_a_card(name):
    folder = SHIPPED / name
    assert sum(path.stat().st_size for path in folder.iterdir()) < 10e6
    card = (folder / "README.md").read_text()
    for word in ("trained on", "steps", "visible completeness", "Limits"):
        assert word in card
    assert json.loads((folder / "config.json").read_text())["run"]["scenes"] == "procedural"
    assert fingerprint(name) is not None
