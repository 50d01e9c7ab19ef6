"""The warehouse through the commands: trained, resumed, evaluated; what belongs to buildings is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from robonav.agents.in_world import policy_in_world
from robonav.envs.worlds import WORLDS, make_world
from robonav.errors import UsageError
from robonav.launch.cli import main
from robonav.launch.presets import load_preset
from robonav.training.saved_config import as_json, config_from

SHORT = ("--plain-ppo.n-steps", "32", "--plain-ppo.batch-size", "64", "--checkpoint-every", "256")
SIMPLE = ("--world.layout", "simple", "--world.layouts", "2")
SMALL = ("--num-envs", "4", "--threads", "1", "--device", "cpu", *SIMPLE)


def train(preset: str, out: Path, steps: int, *more: str) -> Path:
    main(["train", preset, "--out", str(out), "--steps", str(steps), *SMALL, *more])
    return sorted((out / "checkpoints").iterdir())[-1]


def evaluated(tmp_path: Path, *asked: str, out: str = "e") -> list[dict[str, Any]]:
    """The records of an evaluation."""
    assert main(["evaluate", *asked, "--out", str(tmp_path / out)]) == 0
    return [json.loads(line) for line in (tmp_path / out / "episodes.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("preset", ["warehouse-ppo", "warehouse-rnd", "warehouse-cells"])
def test_presets_train_and_their_agents_are_evaluated_in_their_own_world(preset: str, tmp_path: Path) -> None:
    train(preset, tmp_path / "run", 256, *SHORT)
    records = evaluated(tmp_path, str(tmp_path / "run"), "--episodes", "3", "--world.episode-steps", "40")
    assert len(records) == 3
    assert all(record["scene_id"].startswith("simple/val-") for record in records)
    assert {"success", "spl", "time_s", "contacts_per_100_m", "least_clearance_m"} <= records[0].keys()
    summary = json.loads((tmp_path / "e/summary.json").read_text())
    assert "--world.layout simple" in summary["command"]
    assert len(list((tmp_path / "e/pictures").glob("*.png"))) == 3


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = train("warehouse-rnd", tmp_path / "whole", 512, *SHORT)
    train("warehouse-rnd", tmp_path / "parts", 256, *SHORT)
    parts = train("warehouse-rnd", tmp_path / "parts", 512, *SHORT, "--resume")
    a, b = (load_file(folder / "training.safetensors") for folder in (whole, parts))
    assert a.keys() == b.keys()
    assert any(name.startswith("reward.") for name in a)
    learned = [name for name in a if name.startswith("reward.reward/rnd/")]
    assert learned
    assert all(a[name].shape == b[name].shape for name in learned)
    assert int(b["num_timesteps"]) == 512


def test_sequence_ppo_drives_there_too(tmp_path: Path) -> None:
    options = ("--world", "warehouse", "--algorithm", "sequence-ppo", "--rollout-steps", "32")
    bonus = ("--reward", "rdd", "--surprise-weight", "0.5")
    last = train("warehouse-ppo", tmp_path / "run", 256, *options, *bonus)
    weights = load_file(last / "model.safetensors")
    assert not any("predictor" in name for name in weights)
    assert all(torch.isfinite(value).all() for value in weights.values())
    assert evaluated(tmp_path, str(tmp_path / "run"), "--episodes", "2", "--world.episode-steps", "30")


def test_a_planner_that_is_told_the_map_arrives_each_time_in_the_same_way(
    tmp_path: Path,
) -> None:
    asked = ("pure-pursuit", "--world", "warehouse", "--world.layout", "site", "--world.layouts", "2")
    first = evaluated(tmp_path, *asked, "--episodes", "6")
    assert all(record["success"] for record in first)
    assert min(record["spl"] for record in first) > 0.8
    assert evaluated(tmp_path, *asked, "--episodes", "6", out="again") == first


def test_configurations_of_worlds_survive_the_file() -> None:
    preset = load_preset("warehouse-rnd")
    assert config_from(json.loads(as_json(preset))) == preset


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--world", "warehose"], "perhaps you meant warehouse"),
        (["--world.layout", "nowhere"], "there is no warehouse 'nowhere'"),
        (["--world.vehicle", "bike"], "there is no vehicle 'bike'"),
        (["--task", "apples"], "task of its own"),
        (["--reward", "geometric", "--surprise-weight", "1"], "no camera"),
        (["--reward", "coverage", "--surprise-weight", "1"], "surfaces of scenes"),
    ],
)
def test_what_cannot_be_is_told_in_one_sentence(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "warehouse-ppo", "--num-envs", "2", "--out", str(tmp_path / "run"), *options]) != 0
    assert said in capsys.readouterr().err


def test_a_policy_that_reads_what_a_world_does_not_give_is_refused(tmp_path: Path) -> None:
    train("warehouse-ppo", tmp_path / "run", 128, *SHORT)
    scanner = tmp_path / "other.yaml"
    scanner.write_text("scanner: {rays: 36}")
    options = ["--episodes", "1", "--world.vehicle", str(scanner), "--out", str(tmp_path / "e")]
    agent = policy_in_world(tmp_path / "run")
    other = make_world("warehouse", vehicle=str(scanner), layout="simple", layouts=1).make(1)
    with pytest.raises(UsageError, match="was trained to read 'scan'"):
        agent(other, 0)
    assert main(["evaluate", str(tmp_path / "run"), *options]) != 0


def test_every_world_has_a_name_and_scores() -> None:
    for kind in WORLDS:
        assert kind.name
        assert kind.headline
