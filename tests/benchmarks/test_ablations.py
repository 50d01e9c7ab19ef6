"""The ablation table: complete rows only, means over seeds, leads in pairs of houses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.ablations import (
    BASELINES,
    FULL,
    VARIANTS,
    Options,
    Worlds,
    all_worlds,
    as_markdown,
    run,
    summarise,
)
from benchmarks.exploration import METRIC
from robonav.launch.presets import load_preset

HOUSES = Worlds("houses", "procedural", 3)


def write(out: Path, name: str, values: list[float]) -> None:
    folder = out / "evaluate" / "houses" / name
    folder.mkdir(parents=True)
    records = [{"episode_id": f"house-{i}", METRIC: {"128": 1.0, "256": v}} for i, v in enumerate(values)]
    (folder / "episodes.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


@pytest.fixture
def options(tmp_path: Path) -> Options:
    options = Options(out=tmp_path, variants=(FULL, "rnn"), seeds=2, steps=8192, episodes=3)
    for seed, values in enumerate([[30.0, 40.0, 50.0], [34.0, 44.0, 54.0]]):
        write(tmp_path, f"{FULL} @8192-{seed}", values)
    write(tmp_path, "rnn @8192-0", [20.0, 30.0, 40.0])
    for name in BASELINES:
        write(tmp_path, name, [10.0, 20.0, 60.0])
    return options


def test_rows_are_means_over_seeds_and_leads_are_paired(options: Options) -> None:
    rows = summarise(HOUSES, options)
    assert set(rows) == {*BASELINES, FULL}, "rnn lacks a seed"
    assert rows[FULL]["seeds"] == 2
    assert rows[FULL][METRIC]["256"]["mean"] == pytest.approx(42.0)
    assert rows[FULL]["mean_of_each_seed"]["256"] == [40.0, 44.0]
    assert rows["random"]["full_ahead_by"]["256"]["mean"] == pytest.approx(12.0)
    write(options.out, "rnn @8192-1", [22.0, 32.0, 42.0])
    assert summarise(HOUSES, options)["rnn"]["full_ahead_by"]["256"]["mean"] == pytest.approx(11.0)
    assert "| rnn | 31.0 " in as_markdown({"houses": summarise(HOUSES, options)})


def test_an_evaluation_that_was_cut_short_is_no_row(options: Options) -> None:
    path = options.out / "evaluate" / "houses" / "straight" / "episodes.jsonl"
    path.write_text(path.read_text().splitlines(keepends=True)[0])
    assert "straight" not in summarise(HOUSES, options)


def test_floors_are_a_table_of_their_own_where_they_are_asked_for(options: Options) -> None:
    assert all_worlds(options) == [HOUSES]
    floors = Worlds("floors", "plans", 20)
    assert all_worlds(replace(options, floors=Path("plans"))) == [HOUSES, floors]
    assert summarise(floors, options) == {}, "nothing was evaluated there"


def test_all_policies_differ_from_the_full_one_in_what_their_names_say() -> None:
    full = load_preset(FULL)
    assert VARIANTS[FULL] == full
    for name in VARIANTS.keys() - {FULL}:
        config = VARIANTS[name]
        assert config != full, name
        assert config.policy.own_map is None, name
        assert config.policy.planner is None, name
        assert config.ppo == full.ppo, name
    assert VARIANTS["forgetful-64"].reward_options.memory_frames == 64


def test_a_variant_is_trained_and_measured_and_its_row_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options(out=tmp_path, variants=("actor-1",), seeds=1, steps=64, episodes=1, episode_steps=128)
    small = replace(VARIANTS["actor-1"], num_envs=2, episode_steps=32, checkpoint_every=64)
    small = replace(small, ppo=replace(small.ppo, sequences_per_batch=2))
    monkeypatch.setitem(VARIANTS, "actor-1", small)
    run("actor-1", 0, options)
    row = summarise(replace(HOUSES, episodes=1), options)["actor-1"]
    assert row["seeds"] == 1
    assert 0 < row[METRIC]["128"]["mean"] <= 100
