"""`robonav drive` writes what it promises, twice the same, and says a user's mistake in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mcap.reader import make_reader

from robonav.driving import simulation
from robonav.driving.driver import Decision, DriveObserver, Driver
from robonav.launch import cli

pytestmark = pytest.mark.usefixtures("engine")

SHORT = ("--steps", "6", "--threads", "1", "--camera", "32")


def test_a_drive_writes_metrics_report_and_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("first", "again"):
        wanted = ["drive", "rgb-planner", *SHORT, "--camera", "128", "--out", str(tmp_path / name)]
        assert cli.main([*wanted, "--record", str(tmp_path / f"{name}.mcap")]) == 0
    shown = capsys.readouterr().out
    assert "visible completeness" in shown
    assert "real-time factor" in shown
    records = [json.loads((tmp_path / name / "episodes.jsonl").read_text()) for name in ("first", "again")]
    assert records[0]["steps"] == 6
    assert records[0]["visible_completeness_pct"]["6"] > 0
    assert records[0]["drive"]["driven_s"] > 2
    assert (tmp_path / "first" / "report.html").stat().st_size > 1000
    for record in records:
        del record["drive"]["real_time_factor"]
    assert records[0] == records[1]
    counts = []
    for name in ("first", "again"):
        with open(tmp_path / f"{name}.mcap", "rb") as file:
            counts.append([m.data for *_, m in make_reader(file).iter_messages("/odom")])
    assert counts[0] == counts[1]


def test_ctrl_c_ends_the_drive_and_keeps_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Impatient(DriveObserver):
        def decided(self, decision: Decision) -> None:
            if decision.index == 2:
                raise KeyboardInterrupt

    def impatient_driver(robot, pilot, observers, teleoperator):
        return Driver(robot, pilot, (*observers, Impatient()), teleoperator)

    monkeypatch.setattr(simulation, "Driver", impatient_driver)
    out, recording = tmp_path / "out", tmp_path / "run.mcap"
    assert cli.main(["drive", "straight", *SHORT, "--out", str(out), "--record", str(recording)]) == 130
    assert "stopped by Ctrl-C" in capsys.readouterr().err
    record = json.loads((out / "episodes.jsonl").read_text())
    assert record["drive"]["stopped_by"] == "stopped by Ctrl-C"
    assert list(record["completeness_pct"]) == [str(record["steps"])] == ["3"]
    with open(recording, "rb") as file:
        assert len(list(make_reader(file).iter_messages("/decision"))) == 3


@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        (("nosuch",), "nosuch"),
        (("straight", "--scene", "nosuch.glb"), "nosuch.glb"),
        (("straight", "--steps", "0"), "steps is 0"),
        (("straight", "--camera", "4"), "camera is 4"),
        (("straight", "--record", "there.mcap"), "there.mcap exists"),
        (("straight", "--record", "nowhere/run.mcap"), "nowhere is no folder"),
    ],
)
def test_a_users_mistake_is_one_sentence_and_leaves_nothing_behind(
    mistake: tuple[str, ...],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.mcap").write_bytes(b"mine")
    assert cli.main(["drive", *mistake, "--out", "out"]) == 2
    error = capsys.readouterr().err
    assert named in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["there.mcap"]
    assert Path("there.mcap").read_bytes() == b"mine"
