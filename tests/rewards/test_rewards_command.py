"""`robonav rewards`: the list names all, the check says in its exit code whether a bar was missed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from robonav.launch import cli
from robonav.rewards.checks import battery
from robonav.rewards.checks.finding import Effort, RewardFinding
from robonav.rewards.config import RewardConfig
from robonav.rewards.registry import REWARDS


def test_the_list_names_every_reward_and_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["rewards", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for kind in REWARDS:
        assert any(line.startswith(f"{kind.name} ") and kind.source in line for line in lines)
    assert cli.main(["rewards", "list", "--json"]) == 0
    entries = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert entries["e3b"]["remembers"] == "episode"
    assert entries["rnd"]["options"]["learning_rate"] > 0


def test_a_check_prints_a_table_and_writes_what_it_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rewards.json"
    assert cli.main(["rewards", "check", "rnd", "--quick", "--json", str(file)]) == 0
    assert "gradient" in capsys.readouterr().out
    (checks,) = json.loads(file.read_text())["rewards"].values()
    assert [check["check"] for check in checks] == list(battery.CHECKS)
    assert cli.main(["rewards", "check", "icm", "--quick", "--json", str(file), "--markdown"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("| icm | 5 of 5 |")
    assert list(json.loads(file.read_text())["rewards"]) == ["rnd", "icm"]


def test_a_missed_bar_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def missed(config: RewardConfig, effort: Effort) -> RewardFinding:
        return RewardFinding("purity", "not the state unchanged", False)

    monkeypatch.setattr(battery, "CHECKS", {"purity": missed})
    assert cli.main(["rewards", "check", "rnd"]) == 1


def test_an_unknown_reward_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["rewards", "check", "rdn"]) == 2
    assert "perhaps you meant rnd" in capsys.readouterr().err
