"""The examples of docs/rewards-language.md do what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from robonav.launch import cli
from robonav.launch.train import TrainCommand
from tests.docs.pages import run_page


def test_the_program_of_the_page_pays_for_the_key(repository: Path) -> None:
    pytest.importorskip("minigrid")
    page = (repository / "docs" / "rewards-language.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    known: dict[str, Any] = {}
    exec(program, known)
    envs = known["envs"]
    helpful = [item for item, label in envs.reward.labels.items() if label]
    assert helpful
    assert all("carrying: yellow key" in item[0] or "open yellow door" in item[0] for item in helpful)
    assert len(helpful) < len(envs.reward.labels)
    assert envs.metrics["staleness_steps"] >= 0
    assert envs.share.sums[1] > 0


def test_the_command_of_the_page_trains_on_captions_of_depth(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_page(repository / "docs" / "rewards-language.md", monkeypatch) == 1
    (tensors,) = tmp_path.glob("runs/language/checkpoints/step_*/training.safetensors")
    records = [array for name, array in load_file(tensors).items() if name.endswith("records")]
    assert b"open space" in records[0].tobytes()


def test_the_options_of_the_page_are_understood(repository: Path) -> None:
    page = (repository / "docs" / "rewards-language.md").read_text()
    options = re.findall(r"`(--reward\.[^`]*)`", page)
    assert len(options) == 2
    for option in options:
        asked = cli.parse(["train", "recuriosity", "--reward", "oni-ranking", *option.split()])
        assert isinstance(asked, TrainCommand)
