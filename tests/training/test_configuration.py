"""Every field of a preset can be set from the command line, read back from a run, and is checked."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from robonav.envs.navigation.tasks import ApplesConfig
from robonav.envs.scenes import SceneError
from robonav.errors import UsageError
from robonav.launch import cli
from robonav.launch.presets import load_preset, preset_names, preset_summaries
from robonav.launch.train import TrainCommand
from robonav.rewards import make_reward
from robonav.training.config import TrainConfig
from robonav.training.saved_config import as_json, config_from, read_saved_config


def configured(*args: str) -> TrainConfig:
    return TrainCommand.parse(list(args)).config


def test_former_names_of_options_are_read():
    saved = json.loads(as_json(load_preset("guided")))
    old = {"predictor": "vision", "own_map": "spatial", "planner": "guidance"}
    policy = {old.get(name, name): value for name, value in saved["policy"].items()}
    assert {"spatial", "guidance", "vision"} <= policy.keys()
    former = {old.get(name, name): value for name, value in saved.items()} | {"policy": policy}
    assert config_from(former) == config_from(saved)


def test_any_field_of_a_preset_is_an_option() -> None:
    options = ("--ppo.learning-rate", "3e-4", "--policy.width", "256", "--camera.height-m", "1.1")
    config = configured("guided", *options, "--steps", "64")
    assert (config.ppo.learning_rate, config.policy.width, config.camera.height_m) == (3e-4, 256, 1.1)
    nano = load_preset("guided")
    changed = replace(
        nano,
        steps=64,
        ppo=replace(nano.ppo, learning_rate=3e-4),
        policy=replace(nano.policy, width=256),
        camera=replace(nano.camera, height_m=1.1),
        task_options=config.task_options,
        reward_options=config.reward_options,
    )
    assert config == changed


def test_the_preset_may_stand_behind_options_and_short_flags_stay() -> None:
    config = configured("--steps", "64", "--micro-batch=2", "guided-apples", "--apples", "3")
    assert (config.steps, config.ppo.micro_batch, config.task) == (64, 2, "apples")
    assert config.task_options == ApplesConfig(3)
    assert configured("guided", "--task", "apples", "--task.count", "4").task_options == ApplesConfig(4)


def test_a_task_s_flag_without_the_task_says_whose_it_is() -> None:
    with pytest.raises(UsageError, match="--obstacles belongs to --task sparse-goal"):
        configured("guided", "--obstacles", "2")


def test_a_reward_has_options_of_its_own_and_old_flags_of_maps_stay() -> None:
    config = configured("guided", "--reward", "rnd", "--reward.learning-rate", "1e-3", "--reward.keys", "rgb")
    assert config.reward_options == make_reward("rnd", learning_rate=1e-3, keys=("rgb",))
    assert configured("guided-rgb").reward_options == make_reward("rgb", reach_m=100.0)
    assert configured("guided", "--memory-frames", "9").reward_options.memory_frames == 9
    both = configured("guided", "--more-rewards", "rnd", "0.5", "coverage", "0.1")
    assert both.rewards() == {"geometric": 1.0, "rnd": 0.5, "coverage": 0.1}
    with pytest.raises(UsageError, match="there is no reward 'rnt': perhaps you meant rnd"):
        configured("guided", "--reward", "rnt")
    with pytest.raises(UsageError, match="reward rnd was given options of geometric"):
        replace(configured("guided"), reward="rnd")


def test_options_of_a_reward_read_back_equal_and_runs_from_before_they_were_are_read(tmp_path: Path) -> None:
    config = configured("guided", "--reward", "rnd", "--reward.keys", "rgb", "--reward.batch", "7")
    (tmp_path / "config.json").write_text(as_json(config))
    assert read_saved_config(tmp_path / "config.json") == config
    old = {"reward": "rgb", "voxel_size": 0.2, "reach_m": 100.0, "memory_frames": None}
    assert config_from(old).reward_options == make_reward("rgb", voxel_size=0.2, reach_m=100.0)
    assert config_from({**old, "reward": "rnd"}).reward_options == make_reward("rnd")


def test_a_typo_names_the_nearest_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        configured("guided", "--ppo.learning-rat", "3e-4")
    assert "--ppo.learning-rate" in capsys.readouterr().err
    with pytest.raises(UsageError, match="perhaps you meant guided-apples"):
        configured("guided-aples")
    with pytest.raises(SceneError, match="perhaps you meant apples"):
        configured("guided", "--task", "aples")


def test_the_help_of_a_preset_shows_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        configured("guided-no-planner", "--help")
    assert "(default: 262144)" in capsys.readouterr().out


@pytest.mark.parametrize("name", preset_names())
def test_a_saved_configuration_reads_back_equal(name: str, tmp_path: Path) -> None:
    config = configured(name)
    file = tmp_path / "config.json"
    file.write_text(as_json(config))
    assert read_saved_config(file) == config
    assert configured(str(file)) == config
    file.write_text(json.dumps({"format": 1, "run": asdict(config)}))
    assert read_saved_config(file) == config, "as checkpoints hold it"


def test_a_preset_may_be_a_file_of_the_user(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("from robonav.training.config import TrainConfig\nPRESET = TrainConfig(steps=77)\n")
    assert configured(str(file)).steps == 77
    file.write_text("PRESET = 3\n")
    with pytest.raises(UsageError, match="defines no PRESET"):
        configured(str(file))
    with pytest.raises(UsageError, match="does not exist"):
        configured(str(tmp_path / "absent.py"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stepz": 3}, "no key 'stepz': perhaps you meant steps"),
        ({"ppo": {"learning_rat": 1.0}}, r"no key 'ppo.learning_rat': perhaps you meant ppo.learning_rate"),
        ({"steps": "many"}, "Expected `int`, got `str` - at `.*steps`"),
        ({"policy": {"width": 1.5}}, "Expected `int`, got `float`"),
        ({"reward": "rnd", "reward_options": {"widht": 3}}, "has no option 'widht': perhaps you meant width"),
        ({"reward": "rnd", "reward_options": {"width": 1.5}}, "Expected `int`, got `float`"),
        ({"task": "apples", "task_options": {"count": "three"}}, "give a value of that type"),
    ],
)
def test_a_file_with_a_mistake_is_refused_in_one_sentence(
    change: dict, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(change))
    with pytest.raises(UsageError, match=said):
        read_saved_config(file)
    assert cli.main(["train", str(file), "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"robonav: error: {file}: ")
    assert error.count("\n") == 1


def test_runs_that_were_saved_before_tasks_had_options_are_read() -> None:
    old = {"task": "apples", "apples": 3, "obstacles": 0, "drift": 0.0}
    assert config_from(old).task_options == ApplesConfig(3)
    assert config_from({**old, "task": None}).task_options is None


def test_the_help_of_train_lists_every_preset_with_its_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.parse(["train", "--help"])
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for name, about in preset_summaries().items():
        assert about, name
        assert f"{name}: {about}" in text


def test_the_configuration_of_a_shipped_explorer_is_a_preset(repository: Path) -> None:
    configs = sorted((repository / "robonav/agents/explorers").glob("*/config.json"))
    assert configs
    for path in configs:
        preset = read_saved_config(path)
        assert preset.policy.planner
        assert preset.reward_options.reach_m == 4.0
