"""The benchmark of far goals walks, writes as it goes, goes on where it was stopped, and sums up rightly."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from pathlib import Path

import pytest

BENCHMARK = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "topology.py"))
Options = BENCHMARK["Options"]


def test_every_row_that_the_page_promises_is_there():
    names = {run.name for run in BENCHMARK["runs_of"](Options())}
    assert {"random", "goal-bumper", "goal-planner", "goal-frontier", "topological, greedy"} <= names
    assert {"flat PPO", "flat PPO + RND", "flat PPO, both drives"} <= names
    assert {
        "greedy, no guard",
        "greedy, no priorities",
        "greedy, no frontier nodes",
        "greedy, no detours in the score",
    } <= names
    assert {"topological, greedy | 3 obstacles", "topological, greedy | 3 % drift"} <= names
    seeds = [run.seed for run in BENCHMARK["runs_of"](Options()) if run.name == "flat PPO"]
    assert seeds == [0, 1, 2]


def test_a_stopped_run_goes_on_and_the_table_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    options = Options(
        out=tmp_path / "runs",
        results=tmp_path / "results.json",
        parts=("planners",),
        episodes=2,
        episode_steps=6,
        batch=1,
    )
    BENCHMARK["main"](options)
    first = (tmp_path / "runs" / "procedural-val" / "random-0.jsonl").read_text()
    assert len(first.splitlines()) == 2
    (tmp_path / "runs" / "procedural-val" / "random-0.jsonl").write_text(first.splitlines()[0] + "\n")
    BENCHMARK["main"](replace(options, parts=("planners",)))
    again = (tmp_path / "runs" / "procedural-val" / "random-0.jsonl").read_text()
    assert [json.loads(line)["episode_id"] for line in again.splitlines()] == [
        json.loads(line)["episode_id"] for line in first.splitlines()
    ]
    rows = json.loads((tmp_path / "results.json").read_text())
    assert rows["random"]["success_pct"]["count"] == 2
    assert "| goal-planner | 1 |" in capsys.readouterr().out


def test_means_are_over_houses_of_means_over_seeds_and_conditions_are_compared_in_pairs():
    def record(house: str, success: float) -> dict:
        rest = dict.fromkeys(("spl", "steps_to_goal", "coverage_pct", "collisions"), 1.0)
        return {"episode_id": house, "success_pct": success, **rest}

    rows = BENCHMARK["summarise"](
        {
            "x": [[record("a", 100.0), record("b", 0.0)], [record("a", 100.0), record("b", 100.0)]],
            "x | 3 obstacles": [[record("a", 100.0), record("b", 0.0)]],
        }
    )
    assert rows["x"]["success_pct"]["mean"] == 75.0
    assert rows["x"]["seeds"] == 2
    assert rows["x | 3 obstacles"]["success_beside_no_condition"]["mean"] == -25.0


def test_what_is_gained_over_others_is_in_percent_of_theirs_and_in_pairs():
    def record(house: str, steps: float) -> dict:
        rest = dict.fromkeys(("success_pct", "spl", "collisions"), 0.0)
        return {"episode_id": house, **rest, "coverage_pct": 50.0, "steps_to_goal": steps}

    rows = BENCHMARK["summarise"](
        {
            "goal-planner": [[record("a", 100.0), record("b", 300.0)]],
            "topological, greedy": [[record("a", 80.0), record("b", 220.0)]],
        }
    )
    gain = rows["topological, greedy"]["over"]["goal-planner"]
    assert gain["steps_to_goal"]["percent"] == -25.0  # 150 instead of 200
    assert (gain["steps_to_goal"]["low"], gain["steps_to_goal"]["high"]) == (-80.0, -20.0)
    assert gain["coverage_pct"]["percent"] == 0.0
    assert gain["success_pct"]["percent"] is None  # nobody arrives
    table = BENCHMARK["ratios_as_markdown"](rows)
    assert (
        "| topological, greedy | goal-planner | +0 % (+0.0 [0.0, 0.0]) | (+0.0 [0.0, 0.0]) | -25 % (" in table
    )
