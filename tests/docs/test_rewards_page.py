"""docs/rewards.md runs as printed, and the tables of the pages beside it were measured."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path

import pytest

from benchmarks.rewards_page import CHECKS, PAGES, ROOT, tables, with_tables
from robonav.rewards.registry import REWARDS
from tests.docs.pages import commands, run

GUIDE = ROOT / "docs" / "rewards.md"
SYSTEMS = {
    *("ReCuriosity", "TopoNav", "RND for AGV", "EvoVLA", "ICM", "RND", "RDD", "Coin-Flip", "BYOL-Explore"),
    *("BYOL-Hindsight", "NGU", "E3B", "RE3", "LPM", "ONI", "Memory-R+", "G4RL"),
}


def test_the_program_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert program.count("\n") <= 15
    names: dict[str, object] = {}
    exec(program, names)
    assert names["agent"].num_timesteps >= 1024  # type: ignore[attr-defined]


def test_the_commands_of_the_page_run(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = commands(GUIDE.read_text())
    assert printed
    for command in printed:
        assert run(command, monkeypatch) == 0, command


def test_the_tables_are_what_was_measured_and_name_every_reward() -> None:
    for name, page in PAGES.items():
        text = page.read_text()
        assert tables()[name].strip() in text, "python -m benchmarks.rewards_page writes it"
        assert with_tables(text) == text
    _, _, *rows = tables()["checks"].splitlines()
    assert [row.split(" | ")[0].strip("| ") for row in rows] == sorted(kind.name for kind in REWARDS)
    measured = json.loads(CHECKS.read_text())
    assert measured["effort"]["enough"], "the table is of a full run, not of --quick"


def test_each_system_has_a_line() -> None:
    first_cells = re.findall(r"^\| ([^|]+?) \|", GUIDE.read_text(), re.MULTILINE)
    assert set(first_cells) >= SYSTEMS


def test_the_example_runs(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = repository / "examples" / "06_bonus_for_your_own_env.py"
    monkeypatch.setattr(sys, "argv", [str(example), "--steps", "2048"])
    runpy.run_path(str(example), run_name="__main__")
    assert "mean return of the last" in capsys.readouterr().out
