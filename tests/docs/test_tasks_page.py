"""docs/tasks.md: its first commands and its program run, and `robonav train` has the options it lists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from robonav.launch import cli
from robonav.launch.train import TrainCommand
from tests.docs.pages import commands, run, smaller

SMALLER = {"--episodes 4 --steps 512": "--episodes 1 --steps 8 --threads 1"}
VALUES = {"--init": "explorer", "--apples": "3", "--surprise-weight": "0.1", "--finder": "finders/mine"}


def test_the_first_commands_and_the_program_of_the_page_run(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (repository / "docs" / "tasks.md").read_text()
    printed = commands(page)
    assert len(printed) == 2
    for command in printed:
        assert run(smaller(command, SMALLER), monkeypatch) == 0, command
    for name in ("apples", "goals"):
        assert (tmp_path / "results" / name / "report.html").stat().st_size > 100
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(program, names)
    assert names["observations"]["rgb"].shape == (4, 64, 64, 3)


def test_the_options_of_the_page_are_those_of_train(repository: Path) -> None:
    page = (repository / "docs" / "tasks.md").read_text()
    listed = re.findall(r"^\| `(--[a-z-]+)` \|", page, re.MULTILINE)
    assert set(listed) == {*VALUES, "--resume"}
    for option in listed:
        preset = "guided-apples" if option == "--apples" else "guided-image-goal"
        command = shlex.split(f"train {preset} {option} {VALUES.get(option, '')}")
        assert isinstance(cli.parse(command), TrainCommand)
