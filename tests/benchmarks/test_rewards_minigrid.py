"""The MiniGrid benchmark: a run leaves a curve, finished runs are skipped, rows tell their seeds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.rewards_minigrid import Options, Run, as_markdown, main, runs_of, summarise

ENV = "MiniGrid-Empty-5x5-v0"


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(
        envs=(ENV,),
        rewards=("none", "rnd"),
        seeds=1,
        steps=2048,
        num_envs=4,
        out=tmp_path / "runs",
        results=tmp_path / "table.json",
        picture=tmp_path / "curves.png",
    )


def test_a_run_leaves_a_curve_and_is_not_trained_twice(
    options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("minigrid")
    main(options)
    assert options.picture.stat().st_size > 1000
    assert set(json.loads(options.results.read_text())[ENV]) == {"none", "rnd"}
    curve = json.loads(Run(ENV, "rnd", 0).file(options.out).read_text())["curve"]
    assert [point["step"] for point in curve] == sorted({point["step"] for point in curve})
    assert all(0 <= point["goals"] <= point["episodes"] for point in curve)
    before = {file: file.stat().st_mtime_ns for file in options.out.rglob("*.json")}
    main(options)
    assert {file: file.stat().st_mtime_ns for file in options.out.rglob("*.json")} == before
    assert "| no bonus | 1 |" in capsys.readouterr().out


def test_rows_are_means_over_the_seeds_that_are_there_best_first(tmp_path: Path) -> None:
    options = Options(envs=("A",), rewards=("none", "rnd"), seeds=3, steps=100, out=tmp_path)
    for run, goals in ((Run("A", "none", 0), 2), (Run("A", "rnd", 0), 4), (Run("A", "rnd", 1), 8)):
        curve = [{"step": 50, "episodes": 10, "goals": 0}, {"step": 100, "episodes": 10, "goals": goals}]
        run.file(tmp_path).parent.mkdir(parents=True, exist_ok=True)
        run.file(tmp_path).write_text(json.dumps({"steps": 100, "curve": curve}))
    rows = as_markdown(summarise(options)).splitlines()
    assert rows[2].startswith("| rnd | 2 | 60 [40, 80] | 30 [20, 40] |")
    assert rows[3].startswith("| no bonus | 1 | 20 [20, 20] | 10 [10, 10] |")


def test_all_rewards_get_a_first_seed_before_any_gets_a_second() -> None:
    seeds = [run.seed for run in runs_of(Options())]
    assert seeds == sorted(seeds)
