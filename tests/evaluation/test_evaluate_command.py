"""`robonav evaluate` writes what it promises, and says a user's mistake in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from robonav.launch import cli

SHORT = ("--episodes", "1", "--steps", "4", "--threads", "1")


def error_of(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert cli.main(["evaluate", *args]) == 2
    message = capsys.readouterr().err.strip()
    assert len(message.splitlines()) == 1
    assert "Traceback" not in message
    return message


def test_a_run_writes_episodes_summary_and_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert cli.main(["evaluate", "straight", *SHORT, "--out", str(out)]) == 0
    record = json.loads((out / "episodes.jsonl").read_text())
    assert record["scene_id"] == "procedural/val/000000"
    summary = json.loads((out / "summary.json").read_text())
    assert summary["command"].startswith("robonav evaluate straight --scenes procedural --episodes 1")
    assert "4" in summary["metrics"]["visible_completeness_pct"]
    assert str(out / "report.html") in capsys.readouterr().out
    before = (out / "episodes.jsonl").read_bytes()
    assert cli.main(["evaluate", "straight", *SHORT, "--out", str(out), "--resume"]) == 0
    assert (out / "episodes.jsonl").read_bytes() == before


def test_an_unknown_explorer_is_named_with_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    message = error_of(capsys, "fronteer", *SHORT)
    assert "fronteer is neither a checkpoint folder nor an explorer by name" in message
    assert "nearest-frontier" in message


def test_a_folder_in_use_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    message = error_of(capsys, "random", *SHORT, "--out", str(tmp_path))
    assert "is not empty: add --resume" in message
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_resume_needs_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--resume needs --out" in error_of(capsys, "random", *SHORT, "--resume")


def test_missing_scenes_and_checkpoints_leave_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, missing = tmp_path / "out", tmp_path / "no_such_house.glb"
    assert "no_such_house.glb" in error_of(
        capsys, "random", *SHORT, "--scenes", str(missing), "--out", str(out)
    )
    damaged = tmp_path / "damaged.obj"
    damaged.write_text("v 0 0 0\nv 1 0 0\nv nan 1 0\nf 1 2 3\n")
    assert "damaged.obj" in error_of(capsys, "random", *SHORT, "--scenes", str(damaged), "--out", str(out))
    (tmp_path / "checkpoint").mkdir()
    assert "checkpoint" in error_of(capsys, str(tmp_path / "checkpoint"), *SHORT, "--out", str(out))
    assert not out.exists()
