"""docs/exploration.md: its commands train and evaluate, and the presets and options that it lists exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from robonav.launch import cli
from robonav.launch.train import TrainCommand
from tests.docs.pages import commands, run, smaller

SMALLER = {
    "train guided": "train guided --steps 64 --num-envs 2 --episode-steps 32 --threads 1",
    "--episodes 40 --steps 512": "--episodes 1 --steps 8 --threads 1",
}


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs" / "exploration.md").read_text()


def test_the_first_commands_of_the_page_train_and_evaluate(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in commands(page):
        assert run(smaller(command, SMALLER), monkeypatch) == 0, command
    assert (tmp_path / "results" / "guided-0" / "report.html").stat().st_size > 100


def test_the_presets_and_options_of_the_page_exist(page: str) -> None:
    presets = re.findall(r"^\| `([a-z-]+)` \| (?:RGB|also|the|`guided`)", page, re.MULTILINE)
    assert presets == ["recuriosity", "guided", "guided-no-planner", "guided-rgb"]
    options = re.findall(r"^\| `(--[a-z.-]+)`", page, re.MULTILINE)
    values = {
        "--scenes": "my_house.glb",
        "--reward": "rnd",
        "--predictor": "nano",
        "--ppo.learning-rate": "3e-4",
    }
    for preset in presets:
        for option in options:
            assert isinstance(cli.parse(["train", preset, option, values[option]]), TrainCommand)
