"""The commands of the page on far goals run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.docs.pages import commands, run, smaller

SMALLER = {"--episodes 4 --steps 512": "--episodes 1 --steps 8 --threads 1"}


def test_every_command_of_the_page_runs(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = commands((repository / "docs" / "far_goals.md").read_text())
    assert len(printed) == 2
    for command in printed:
        assert run(smaller(command, SMALLER), monkeypatch) == 0, command
    settings = json.loads(Path("results/far_drift/settings.json").read_text())
    assert settings["task_options"] == {"obstacles": 3, "drift": 0.01}
    assert Path("results/far/report.html").stat().st_size > 100
