"""The explorer that ships with robonav works without training, and does what its card says."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import torch

from robonav.agents.registry import fingerprint, make_explorer
from robonav.agents.shipped import SHIPPED, shipped_explorers
from robonav.envs.scenes import open_scenes
from robonav.envs.vec_env import NavigationVecEnv
from robonav.evaluation.records import RunFolder
from robonav.evaluation.runner import Evaluation, Settings

HOUSES, STEPS = 8, 128
RECORDED = 40.3  # mean visible completeness @128 of `robonav evaluate explorer --episodes 8`, percent
MARGIN = 8.0  # other processors round otherwise, and then other actions are drawn
# sha256 of 64 actions in each of two houses, recorded with checkpoint format 6
ACTIONS = "e005651815be91e1b6706471f97be0e0c532e1f1d644a8b5fb8b8c9b568c2018"


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


def test_it_acts_step_by_step_as_when_it_was_shipped():
    torch.set_num_threads(1)
    explorer = make_explorer("explorer")
    worlds = NavigationVecEnv(open_scenes("procedural"), 2, explorer.camera, 64, seed=7, threads=1)
    observation, actions = worlds.reset(), []
    explorer.reset(2, seed=7)
    for _ in range(64):
        actions.append(explorer.act(observation, worlds.frames, explorer.camera))
        observation = worlds.step(actions[-1])[0]
    assert hashlib.sha256(np.array(actions, np.uint8).tobytes()).hexdigest() == ACTIONS
