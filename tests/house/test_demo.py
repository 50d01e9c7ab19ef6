"""The demo ends in a table and a report that follow from the episodes, and goes on where it was stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robonav.envs.navigation.tasks.task import VISIBLE_COMPLETENESS
from robonav.errors import UsageError
from robonav.evaluation.comparison import compare, comparison_as_html
from robonav.launch import cli
from robonav.launch.presets import guided

OPTIONS = ("demo", "--steps", "256", "--episodes", "2", "--episode-steps", "128")


@pytest.fixture
def small_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nano preset with few and short episodes, so that a rollout takes a second."""
    monkeypatch.setattr(guided, "PRESET", replace(guided.PRESET, num_envs=2, episode_steps=64))


@pytest.mark.usefixtures("small_preset")
def test_the_demo_compares_all_explorers_on_the_same_episodes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "demo"
    assert cli.main([*OPTIONS, "--out", str(out)]) == 0
    assert str(out / "report.html") in capsys.readouterr().out

    table = json.loads((out / "comparison.json").read_text())
    assert list(table) == ["agent after 256 steps", "random", "straight", "rgb-planner", "frontier"]
    names = ("agent", "random", "straight", "rgb-planner", "frontier")
    episodes = {name: episodes_of(out / name) for name in names}
    assert len({tuple(run) for run in episodes.values()}) == 1
    for name, row in table.items():
        values = [episode[VISIBLE_COMPLETENESS.name]["128"] for episode in episodes[name.split()[0]].values()]
        assert row[VISIBLE_COMPLETENESS.name]["128"]["mean"] == pytest.approx(np.mean(values), abs=1e-3)

    page = (out / "report.html").read_text()
    assert all(f'href="{name}/report.html"' in page for name in episodes)
    assert all((out / name / "report.html").exists() for name in episodes)

    before = {path: path.stat().st_mtime_ns for path in out.glob("training/checkpoints/*/*")}
    assert before
    assert cli.main([*OPTIONS, "--out", str(out)]) == 0
    assert before == {path: path.stat().st_mtime_ns for path in out.glob("training/checkpoints/*/*")}
    assert json.loads((out / "comparison.json").read_text()) == table


def episodes_of(folder: Path) -> dict[str, dict]:
    lines = (folder / "episodes.jsonl").read_text().splitlines()
    return {record["episode_id"]: record for record in map(json.loads, lines)}


def write_run(folder: Path, completeness: dict[str, float]) -> Path:
    folder.mkdir()
    records = [
        {
            "episode_id": key,
            VISIBLE_COMPLETENESS.name: {"128": value / 2, "256": value},
            "collisions": 3,
            "curve": {"step": [0, 128, 256], VISIBLE_COMPLETENESS.name: [0.0, value / 2, value]},
        }
        for key, value in completeness.items()
    ]
    (folder / "settings.json").write_text("{}")
    (folder / "episodes.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


def test_the_lead_is_taken_episode_by_episode(tmp_path: Path) -> None:
    ours = write_run(tmp_path / "ours", {"easy": 90.0, "hard": 30.0})
    theirs = write_run(tmp_path / "theirs", {"hard": 20.0, "easy": 80.0})
    first, second = compare({"ours": ours, "theirs": theirs})
    assert first.ahead == {}
    assert (first.by_step["256"].mean, second.by_step["256"].mean) == (60.0, 50.0)
    lead = second.ahead["256"]
    assert (lead.mean, lead.low, lead.high) == (10.0, 10.0, 10.0)  # 10 points in each house: no spread
    assert "+10.0" in comparison_as_html([first, second], "title", [], tmp_path / "report.html")


def test_evaluations_of_different_episodes_are_not_compared(tmp_path: Path) -> None:
    ours = write_run(tmp_path / "ours", {"a": 50.0, "b": 50.0})
    theirs = write_run(tmp_path / "theirs", {"a": 50.0, "c": 50.0})
    with pytest.raises(UsageError, match="theirs"):
        compare({"ours": ours, "theirs": theirs})
