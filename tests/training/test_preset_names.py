"""Presets have plain names; the old ones are understood for one version more, and say so."""

from __future__ import annotations

import pytest

from robonav.launch.presets import OLD_NAMES, load_preset, preset_names
from robonav.training.config import TrainConfig


def test_recuriosity_has_no_map_and_no_planner_and_guided_adds_both():
    recuriosity, guided = load_preset("recuriosity"), load_preset("guided")
    assert (recuriosity.policy.own_map, recuriosity.policy.planner) == (None, None)
    assert guided.policy.own_map
    assert guided.policy.planner
    assert recuriosity == TrainConfig()


def test_every_preset_but_no_other_has_an_old_name():
    new = [name for name in preset_names() if name.startswith("warehouse")]
    assert sorted([*OLD_NAMES.values(), *new]) == preset_names()


@pytest.mark.parametrize("old", OLD_NAMES)
def test_an_old_name_gives_the_preset_of_today_and_one_sentence(old, capsys):
    assert load_preset(old) == load_preset(OLD_NAMES[old])
    told = capsys.readouterr().err.splitlines()
    assert told == [f"preset {old} is now called {OLD_NAMES[old]}: use that name"]
