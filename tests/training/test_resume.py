"""A run that was stopped goes on as if it had not been; a damaged checkpoint is one clear sentence."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from robonav.agents.checkpoint import load_policy
from robonav.agents.policy import load_explorer
from robonav.envs.sensors.camera import Camera
from robonav.errors import UsageError
from robonav.files import CheckpointError, find_checkpoint, read_config
from robonav.policies.config import SequencePolicyConfig
from robonav.rewards import make_reward
from robonav.training.config import TrainConfig
from robonav.training.run import TrainingRun
from robonav.training.same_run import check_same_run

TINY = TrainConfig(
    steps=2048,
    num_envs=2,
    episode_steps=128,
    threads=1,
    device="cpu",
    checkpoint_every=1024,
    camera=Camera(width=40, height=40),
    policy=SequencePolicyConfig(width=16, blocks=1, heads=2, window=16),
)


@pytest.fixture(scope="module")
def continuous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,048 steps without a break."""
    out = tmp_path_factory.mktemp("run") / "continuous"
    TrainingRun(TINY, out).learn(progress_bar=False)
    return out


def test_training_1k_then_resuming_for_1k_equals_training_2k_bit_for_bit(continuous, tmp_path):
    TrainingRun(replace(TINY, steps=1024), tmp_path / "run").learn(progress_bar=False)
    torch.rand(3)  # whatever happens in between
    resumed = TrainingRun(TINY, tmp_path / "run", resume=True).learn(progress_bar=False)
    for name in ("model.safetensors", "training.safetensors"):
        expected, found = load_file(find_checkpoint(continuous) / name), load_file(resumed / name)
        assert expected.keys() == found.keys()
        for key in expected:
            torch.testing.assert_close(found[key], expected[key], rtol=0, atol=0, msg=f"{name}: {key}")


@pytest.mark.parametrize(
    ("reward", "options"), [("rnd", {}), ("icm", {}), ("rdd", {"settle": 12}), ("coin-flip", {"settle": 12})]
)
def test_a_reward_that_learns_goes_on_bit_for_bit_too(reward, options, tmp_path):
    options = make_reward(reward, horizon=12, batch=16, width=16, **options)  # steps wait to be learned from
    ppo = replace(TINY.ppo, intrinsic_gamma=0.9)
    tiny = replace(TINY, reward=reward, reward_options=options, ppo=ppo, steps=128, episode_steps=32)
    checkpoints = [TrainingRun(tiny, tmp_path / "whole").learn(progress_bar=False)]
    TrainingRun(replace(tiny, steps=64), tmp_path / "parts").learn(progress_bar=False)
    checkpoints.append(TrainingRun(tiny, tmp_path / "parts", resume=True).learn(progress_bar=False))
    for file in ("training.safetensors", "model.safetensors"):
        expected, found = (load_file(folder / file) for folder in checkpoints)
        assert expected.keys() == found.keys()
        for key in expected:
            torch.testing.assert_close(found[key], expected[key], rtol=0, atol=0, msg=key)
    waiting = load_file(checkpoints[0] / "training.safetensors")[f"reward.{reward}/pending/action"]
    assert 0 < len(waiting) < 64


@pytest.mark.parametrize("episodic", [True, False])
def test_two_value_heads_learn_curiosity_apart_and_resume_bit_for_bit(episodic, tmp_path):
    ppo = replace(TINY.ppo, intrinsic_gamma=0.9, intrinsic_episodic=episodic)
    tiny = replace(TINY, ppo=ppo, steps=128, episode_steps=32)
    checkpoints = [TrainingRun(tiny, tmp_path / "whole").learn(progress_bar=False)]
    TrainingRun(replace(tiny, steps=64), tmp_path / "parts").learn(progress_bar=False)
    checkpoints.append(TrainingRun(tiny, tmp_path / "parts", resume=True).learn(progress_bar=False))
    for name in ("model.safetensors", "training.safetensors"):
        expected, found = (load_file(folder / name) for folder in checkpoints)
        assert expected.keys() == found.keys()
        for key in expected:
            torch.testing.assert_close(found[key], expected[key], rtol=0, atol=0, msg=key)
    assert load_policy(checkpoints[0])[0].critic.out_features == 2
    last = json.loads((tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["rollout/bonus_share"] == 1.0  # exploring has no other reward


def test_a_run_may_update_more_often_than_episodes_end(tmp_path):
    tiny = replace(TINY, steps=96, episode_steps=32, rollout_steps=12)
    TrainingRun(tiny, tmp_path).learn(progress_bar=False)
    steps = [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert steps == [24, 48, 72, 96]


def test_a_run_with_another_reward_is_no_continuation(tmp_path):
    tiny = replace(TINY, steps=64, episode_steps=32)
    TrainingRun(tiny, tmp_path).learn(progress_bar=False)
    with pytest.raises(UsageError, match="begun with reward = geometric, and rnd is asked for"):
        TrainingRun(replace(tiny, reward="rnd"), tmp_path, resume=True)


def test_a_run_with_other_agents_worlds_or_seed_is_no_continuation(continuous):
    for change, said in (
        ({"num_envs": 3}, "num_envs = 2, and 3"),
        ({"seed": 1}, "seed = 0, and 1"),
        ({"scenes": "elsewhere"}, "scenes"),
        ({"ppo": replace(TINY.ppo, learning_rate=1.0)}, r"ppo\.learning_rate"),
    ):
        other = replace(TINY, **change)
        with pytest.raises(UsageError, match=f"begun with {said}"):
            check_same_run(continuous, other, read_config(find_checkpoint(continuous))["run"])
    with pytest.raises(UsageError, match="num_envs = 2, and 3 is asked for: resume with the same"):
        TrainingRun(replace(TINY, num_envs=3), continuous, resume=True)


def test_length_and_machine_may_change_from_part_to_part(continuous):
    other = replace(TINY, steps=9999, threads=2, checkpoint_every=1, ppo=replace(TINY.ppo, micro_batch=1))
    check_same_run(continuous, other, read_config(find_checkpoint(continuous))["run"])


def test_a_checkpoint_from_before_an_option_was_there_has_its_default(continuous, tmp_path):
    folder = copy_of(find_checkpoint(continuous), tmp_path / "checkpoint")
    config = json.loads((folder / "config.json").read_text())
    for name in ("trunk", "actor_context", "critic_context"):
        del config["policy"][name]
    (folder / "config.json").write_text(json.dumps(config))
    assert load_policy(folder)[0].config == load_policy(continuous)[0].config


def test_a_checkpoint_with_an_option_that_is_no_more_loads_if_it_was_not_used(continuous, tmp_path):
    folder = copy_of(find_checkpoint(continuous), tmp_path / "checkpoint")
    config = json.loads((folder / "config.json").read_text())
    config["policy"] |= {"qk_norm": False, "rotary": True, "memory_every": 0, "action_token": "embedding"}
    (folder / "config.json").write_text(json.dumps(config))
    assert load_policy(folder)[0].config == load_policy(continuous)[0].config
    config["policy"]["memory_every"] = 4
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="memory_every is 4, and this robonav reads only 0; install"):
        load_policy(folder)


def test_the_metrics_of_a_resumed_run_continue_in_the_same_file(continuous, tmp_path):
    TrainingRun(replace(TINY, steps=512), tmp_path).learn(progress_bar=False)
    TrainingRun(replace(TINY, steps=1024), tmp_path, resume=True).learn(progress_bar=False)
    steps = [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert steps == [256, 512, 768, 1024]


def test_a_run_that_was_killed_before_its_first_checkpoint_resumes_from_its_beginning(tmp_path):
    TrainingRun(TINY, tmp_path)  # config.json is there, no step was taken
    run = TrainingRun(replace(TINY, steps=256), tmp_path, resume=True)
    assert run.algorithm.num_timesteps == 0
    assert run.learn(progress_bar=False).name == "step_000000000256"


def test_a_checkpoint_acts_as_the_policy_that_was_saved(continuous):
    run = TrainingRun(TINY, continuous, resume=True)
    policy, config = load_policy(continuous)
    observation = {
        "rgb": np.random.default_rng(0).integers(0, 256, (3, 3, 40, 40)).astype(np.uint8),
        "previous_action": np.array([0, 1, 2]),
    }
    expected = run.algorithm.predict(observation, deterministic=True)[0]
    np.testing.assert_array_equal(policy.predict(observation, deterministic=True)[0], expected)
    assert config["facts"]["environment steps"] == 2048
    assert torch.__version__.startswith(config["versions"]["torch"])  # which leaves out +cpu or +cu130


def test_a_run_is_never_overwritten_by_accident(continuous):
    with pytest.raises(UsageError, match="--resume"):
        TrainingRun(TINY, continuous)


def test_resuming_with_a_policy_of_another_size_is_refused(continuous):
    other = replace(TINY, policy=replace(TINY.policy, width=32))
    with pytest.raises(UsageError, match="another size"):
        TrainingRun(other, continuous, resume=True)


def test_a_finished_run_stays_as_it_is(continuous):
    before = find_checkpoint(continuous).joinpath("model.safetensors").read_bytes()
    last = TrainingRun(TINY, continuous, resume=True).learn(progress_bar=False)
    assert last.joinpath("model.safetensors").read_bytes() == before


def copy_of(checkpoint: Path, to: Path) -> Path:
    to.mkdir(parents=True)
    for file in checkpoint.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "garbage", "empty"])
def test_a_missing_or_damaged_file_is_named_in_one_sentence(continuous, tmp_path, name, damage):
    folder = copy_of(find_checkpoint(continuous), tmp_path / "checkpoint")
    file = folder / name
    content = file.read_bytes()
    file.unlink()
    if damage != "missing":
        damaged = {"truncated": content[: len(content) // 2], "garbage": b"\x80\x04x", "empty": b""}
        file.write_bytes(damaged[damage])
    with pytest.raises(CheckpointError) as error:
        load_explorer(folder)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)


def test_weights_that_do_not_fit_the_description_are_refused(continuous, tmp_path):
    folder = copy_of(find_checkpoint(continuous), tmp_path / "checkpoint")
    config = json.loads((folder / "config.json").read_text())
    config["policy"]["width"] = 32
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="do not fit"):
        load_policy(folder)


def test_a_checkpoint_of_another_format_says_so(continuous, tmp_path):
    folder = copy_of(find_checkpoint(continuous), tmp_path / "checkpoint")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "format": 99}))
    with pytest.raises(CheckpointError, match="format 99"):
        load_policy(folder)


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(continuous, tmp_path):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    good = copy_of(find_checkpoint(continuous), run / "checkpoints" / "step_000000001024")
    half = run / "checkpoints" / ".step_000000002048.123.tmp"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    assert find_checkpoint(run) == good
