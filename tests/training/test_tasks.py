"""Tasks are trained from an explorer or from scratch, resumed bit for bit, and saved with what they see."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from robonav.agents.checkpoint import load_policy
from robonav.agents.registry import make_explorer
from robonav.envs.navigation.tasks import ImageGoalConfig, SparseGoalConfig
from robonav.envs.scenes import SceneError
from robonav.envs.sensors.camera import Camera
from robonav.errors import UsageError
from robonav.files import read_config
from robonav.launch.presets import load_preset
from robonav.launch.train import TrainCommand
from robonav.policies.config import SequencePolicyConfig
from robonav.training.config import TrainConfig
from robonav.training.run import TrainingRun
from tests.policy_sizes import MAP_AND_PLANNER

TINY = TrainConfig(
    task="image-goal",
    surprise_weight=0.0,
    steps=128,
    num_envs=2,
    episode_steps=32,
    threads=1,
    device="cpu",
    checkpoint_every=64,
    camera=Camera(width=40, height=40),
    policy=SequencePolicyConfig(width=16, blocks=1, heads=2, window=16, **MAP_AND_PLANNER),
)


def trained(config: TrainConfig, out: Path, resume: bool = False) -> Path:
    return TrainingRun(config, out, resume).learn(progress_bar=False)


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny explorer that was trained for 64 steps."""
    config = replace(TINY, task=None, surprise_weight=1.0, steps=64)
    return trained(config, tmp_path_factory.mktemp("explorer"))


@pytest.fixture(scope="module")
def goal_seeker(explorer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """128 steps of image goals from that explorer, without a break."""
    return trained(replace(TINY, init=str(explorer)), tmp_path_factory.mktemp("seeker"))


@pytest.mark.parametrize("task", ["apples", "image-goal", "sparse-goal"])
def test_fine_tuning_begins_with_all_weights_of_the_explorer(task, explorer, tmp_path):
    config = replace(TINY, task=task, init=str(explorer))
    started = TrainingRun(config, tmp_path / "tuned").algorithm.policy.state_dict()
    scratch = TrainingRun(replace(config, init=None), tmp_path / "scratch").algorithm.policy.state_dict()
    given = load_file(explorer / "model.safetensors")
    for name, weight in given.items():
        torch.testing.assert_close(started[name].cpu(), weight, rtol=0, atol=0)
    new = started.keys() - given.keys()
    assert all(name.startswith("encoder.goal.") for name in new)
    assert bool(new) == (task != "apples")
    assert any(not torch.equal(scratch[name], given[name]) for name in given)


def test_a_task_that_is_stopped_goes_on_as_if_it_had_not_been(explorer, goal_seeker, tmp_path):
    trained(replace(TINY, init=str(explorer), steps=64), tmp_path)
    resumed = trained(TINY, tmp_path, resume=True)
    for name in ("model.safetensors", "training.safetensors"):
        expected, found = load_file(goal_seeker / name), load_file(resumed / name)
        for key in expected:
            torch.testing.assert_close(found[key], expected[key], rtol=0, atol=0, msg=f"{name}: {key}")
    assert read_config(resumed)["run"]["init"] == str(explorer)  # though --resume did not repeat it


def test_the_checkpoint_of_a_goal_seeker_knows_that_it_wants_a_goal(goal_seeker):
    policy, config = load_policy(goal_seeker)
    assert config["observation"]["goal"] == config["observation"]["rgb"]
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 1, 3, 40, 40)).astype(np.uint8)
    observation = {"rgb": images[0], "goal": images[1], "previous_action": np.array([0])}
    assert policy.predict(observation)[0].shape == (1,)
    with pytest.raises(UsageError, match="add --task image-goal"):
        make_explorer(str(goal_seeker))
    assert make_explorer(str(goal_seeker), "image-goal").camera == TINY.camera


def test_a_policy_that_goes_to_places_is_trained_resumed_and_told_of_the_place_alone(explorer, tmp_path):
    config = replace(TINY, task="sparse-goal", init=str(explorer), task_options=SparseGoalConfig(1, 0.01))
    trained(replace(config, steps=64), tmp_path / "stopped")
    resumed = trained(config, tmp_path / "stopped", resume=True)
    whole = trained(config, tmp_path / "whole")
    expected, found = (load_file(folder / "model.safetensors") for folder in (whole, resumed))
    for key in expected:
        torch.testing.assert_close(found[key], expected[key], rtol=0, atol=0, msg=key)
    with pytest.raises(UsageError, match="evaluate --task sparse-goal"):
        make_explorer(str(whole))
    policy = make_explorer(str(whole), "sparse-goal").policy
    rgb = np.random.default_rng(0).integers(0, 256, (1, 3, 40, 40)).astype(np.uint8)

    def advice(point_goal: list[float], odometry: float) -> torch.Tensor:
        told = {
            "rgb": torch.as_tensor(rgb),
            "previous_action": torch.zeros(1, dtype=torch.long),
            "point_goal": torch.tensor([point_goal]),
            "odometry": torch.full((1, 4), odometry),
        }
        with torch.no_grad():
            return policy.act(told, policy.new_memory(1), torch.ones(1, dtype=torch.bool))[0].logits

    torch.testing.assert_close(advice([9.0, 1.0], 0.0), advice([9.0, 1.0], 5.0), rtol=0, atol=0)
    assert not torch.equal(advice([9.0, 1.0], 0.0), advice([9.0, -1.0], 0.0))


def test_weights_that_do_not_fit_are_refused_in_one_sentence(explorer, goal_seeker, tmp_path):
    other_size = replace(TINY, init=str(explorer), policy=replace(TINY.policy, width=32))
    with pytest.raises(UsageError, match="policy of another size"):
        TrainingRun(other_size, tmp_path)
    with pytest.raises(UsageError, match="goal images, which this task does not show"):
        TrainingRun(replace(TINY, task="apples", init=str(goal_seeker)), tmp_path)
    with pytest.raises(UsageError, match="no checkpoint found"):
        TrainingRun(replace(TINY, init="no/such/run"), tmp_path)
    assert not any(tmp_path.iterdir())


def test_surprise_replaces_or_joins_the_reward_of_the_task(tmp_path):
    rewards = {}
    for weight in (0.0, 0.5, 1.0):
        config = replace(TINY, task="apples", surprise_weight=weight, steps=64)
        run = TrainingRun(config, tmp_path / str(weight))
        assert (run.reward.parts == {}) == (weight == 0)
        run.rewarded.reset()
        rewards[weight] = run.rewarded.step(np.array([1, 2]))[1]
    np.testing.assert_allclose(rewards[0.0], -1e-4, rtol=1e-4)  # a step, and no apple yet
    np.testing.assert_allclose(rewards[1.0] + 1e-4, 2 * (rewards[0.5] + 1e-4), rtol=1e-4)
    assert (rewards[1.0] > 0.1).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"task": "aples"}, "perhaps you meant apples"),
        ({"task": "apples", "task_options": ImageGoalConfig()}, "was given a ImageGoalConfig"),
        ({"task": None, "surprise_weight": 0.0}, "not both 0 where there is no task"),
        ({"surprise_weight": -1.0}, "surprise_weight is -1"),
    ],
)
def test_what_cannot_be_learned_is_refused(wrong, message):
    with pytest.raises((UsageError, SceneError), match=message):
        replace(TINY, **wrong)


def test_presets_pay_for_their_task_alone_and_fit_the_shipped_explorer():
    for task in ("apples", "image-goal", "sparse-goal"):
        preset = load_preset(f"guided-{task}")
        assert (preset.task, preset.surprise_weight) == (task, 0.0)
        assert preset.policy == load_preset("guided").policy


def test_presets_of_sparse_goals_add_one_drive_each():
    drives = {name: load_preset(f"guided-sparse-goal{name}").rewards() for name in ("", "-curious", "-both")}
    assert drives[""] == {}
    assert [set(drive) for drive in list(drives.values())[1:]] == [
        {"geometric"},
        {"geometric", "sub-goals"},
    ]


def test_fine_tuning_learns_gently_and_the_run_says_so(explorer: Path, tmp_path: Path, monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(TrainCommand, "_train", lambda self, config, out: bool(seen.append(config)))
    for init in (None, str(explorer)):
        given = ["--init", init] if init else []
        TrainCommand.parse(["nano-apples", *given, "--out", str(tmp_path / "run")]).run()
    scratch, tuned = (config.ppo for config in seen)
    assert scratch == load_preset("guided-apples").ppo
    assert tuned.learning_rate == pytest.approx(0.15 * scratch.learning_rate)
    assert tuned.entropy == pytest.approx(0.15 * scratch.entropy)
    assert replace(tuned, learning_rate=0, entropy=0, final_entropy=0) == replace(
        scratch, learning_rate=0, entropy=0, final_entropy=0
    )
