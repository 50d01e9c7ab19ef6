"""The zero-shot table: means over training runs, leads in pairs, scenes with several starts stand alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.exploration import METRIC
from benchmarks.zero_shot import DISTANCE, Options, as_markdown, episodes_in, folder_of, parts_of, summarise


def write(options: Options, explorer: str, values: dict[str, float], scenes: str = "my/rooms") -> None:
    folder = options.out / "evaluate" / folder_of(scenes, explorer)
    folder.mkdir(parents=True)
    records = [
        {"episode_id": key, "scene_id": key[0], METRIC: {"256": value}, DISTANCE: {"256": value / 100}}
        for key, value in values.items()
    ]
    (folder / "episodes.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


@pytest.fixture
def options(tmp_path: Path) -> Options:
    options = Options(("my/rooms",), out=tmp_path, explorers=("mine", "straight"), seeds=("runs/mine-1",))
    write(options, "mine", {"a0": 10.0, "a1": 20.0, "b0": 60.0})
    write(options, "runs/mine-1", {"a0": 30.0, "a1": 40.0, "b0": 80.0})
    write(options, "straight", {"a0": 10.0, "a1": 10.0, "b0": 10.0})
    return options


def test_rows_are_means_over_training_runs_and_leads_are_paired(options: Options) -> None:
    parts = dict(parts_of(options))
    assert list(parts) == ["rooms", "a"], "b has one start only"
    rows = summarise(parts["rooms"])
    assert rows["mine"]["seeds"] == 2
    assert rows["mine"][METRIC]["256"]["mean"] == pytest.approx(40.0)
    assert rows["straight"]["first_ahead_by"]["256"]["mean"] == pytest.approx(30.0)
    assert rows["straight"][DISTANCE]["256"]["mean"] == pytest.approx(0.1)
    assert summarise(parts["a"])["mine"][METRIC]["256"]["mean"] == pytest.approx(25.0)
    assert "| straight | 10.0 [10.0, 10.0] | 0.10 [0.10, 0.10] | 30.0 " in as_markdown({"rooms": rows})


def test_all_worlds_together_are_a_part_of_their_own(options: Options) -> None:
    for explorer in ("mine", "runs/mine-1", "straight"):
        write(options, explorer, {"a0": 80.0, "a1": 80.0}, "other/halls")  # ids that the rooms have, too
    parts = dict(parts_of(replace(options, scenes=("my/rooms", "other/halls"))))
    assert list(parts) == ["rooms", "a", "halls", "all"]
    assert summarise(parts["all"])["mine"][METRIC]["256"]["mean"] == pytest.approx(56.0)
    assert summarise(parts["all"])["mine"][METRIC]["256"]["count"] == 5


def test_worlds_of_many_scenes_get_fewer_starts_each(options: Options) -> None:
    assert episodes_in("procedural", replace(options, starts=4, most_episodes=40)) == 40
    assert episodes_in("procedural", replace(options, starts=1, most_episodes=1000)) == 100
