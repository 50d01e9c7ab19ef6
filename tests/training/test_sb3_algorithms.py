"""Plain SB3 algorithms train on the worlds, resume, and are evaluated by the same commands."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from safetensors.torch import load_file
from stable_baselines3.common.vec_env import DummyVecEnv

from robonav.agents.registry import make_explorer
from robonav.agents.sb3_policy import save_sb3
from robonav.agents.spaces import describe_space, space_of
from robonav.algorithms.sb3 import PPOConfig, RecurrentPPOConfig, SACConfig, make_sb3
from robonav.envs.sensors.camera import Camera
from robonav.errors import UsageError
from robonav.launch import cli
from robonav.rewards import IntrinsicRewardVecEnv, make_reward
from robonav.rewards.weighted_sum import WeightedSum
from robonav.training.config import TrainConfig
from robonav.training.finite import FiniteCheck
from robonav.training.sb3_run import SB3Run, restore, training_tensors

TINY = TrainConfig(
    algorithm="ppo",
    steps=64,
    num_envs=2,
    episode_steps=32,
    threads=1,
    device="cpu",
    checkpoint_every=64,
    camera=Camera(width=40, height=40),
    plain_ppo=PPOConfig(n_steps=16, batch_size=16, n_epochs=1, net_arch=(16,)),
    recurrent_ppo=RecurrentPPOConfig(
        n_steps=16, batch_size=16, n_epochs=1, net_arch=(16,), lstm_hidden_size=8
    ),
)


class Line(gymnasium.Env):
    """A point on a line that is paid for being near 0, by its velocity."""

    observation_space = spaces.Dict({"place": spaces.Box(-np.inf, np.inf, (1,), np.float32)})
    action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def __init__(self, broken: bool = False) -> None:
        self._broken, self._place, self._steps = broken, 1.0, 0

    def reset(self, *, seed=None, options=None):
        self._place, self._steps = 1.0, 0
        return {"place": np.array([1.0], np.float32)}, {}

    def step(self, action):
        self._place += 0.1 * float(action[0])
        self._steps += 1
        seen = np.nan if self._broken and self._steps == 3 else self._place
        return {"place": np.array([seen], np.float32)}, -abs(self._place), False, self._steps >= 20, {}


@pytest.mark.parametrize("name", ["ppo", "recurrent-ppo"])
def test_an_sb3_algorithm_trains_resumes_and_is_evaluated(name: str, tmp_path: Path) -> None:
    config = replace(TINY, algorithm=name)
    out = tmp_path / "run"
    first = SB3Run(config, out).learn(progress_bar=False)
    saved = load_file(first / "training.safetensors")
    resumed = SB3Run(replace(config, steps=128), out, resume=True)
    again = training_tensors(resumed.algorithm, resumed.paid)
    for key, value in again.items():
        torch.testing.assert_close(value, saved[key], rtol=0, atol=0, msg=key)
    last = resumed.learn(progress_bar=False)
    assert last.name == "step_000000000128"
    assert not any(path.suffix in (".zip", ".pkl") for path in out.rglob("*"))
    shown = ["evaluate", str(out), "--episodes", "1", "--steps", "8", "--threads", "1"]
    records = []
    for k in range(2):
        assert cli.main([*shown, "--out", str(tmp_path / f"results{k}")]) == 0
        records.append((tmp_path / f"results{k}" / "episodes.jsonl").read_bytes())
    assert records[0] == records[1]
    with pytest.raises(UsageError, match="resume with --algorithm"):
        SB3Run(replace(config, algorithm="recurrent-ppo" if name == "ppo" else "ppo"), out, resume=True)


@pytest.mark.parametrize("name", ["ppo", "recurrent-ppo"])
@pytest.mark.parametrize(
    ("reward", "options"),
    [("geometric", {}), ("rnd", {"horizon": 12}), ("rdd", {"horizon": 12, "settle": 12})],
)
def test_a_run_that_was_stopped_goes_on_bit_for_bit(
    name: str, reward: str, options: dict[str, int], tmp_path: Path
) -> None:
    config = replace(TINY, algorithm=name, reward=reward, reward_options=make_reward(reward, **options))
    SB3Run(config, tmp_path / "parts").learn(progress_bar=False)
    torch.rand(3), np.random.rand(3)
    longer = replace(config, steps=128)
    parts = SB3Run(longer, tmp_path / "parts", resume=True).learn(progress_bar=False)
    whole = SB3Run(longer, tmp_path / "whole").learn(progress_bar=False)
    for file in ("model.safetensors", "training.safetensors"):
        expected, found = load_file(whole / file), load_file(parts / file)
        assert expected.keys() == found.keys()
        for key, value in expected.items():
            torch.testing.assert_close(found[key], value, rtol=0, atol=0, msg=f"{file}: {key}")
    last = json.loads((tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["rollout/bonus_share"] == 1.0  # exploring has no other reward


def test_the_loaded_agent_acts_as_the_one_that_was_saved(tmp_path: Path) -> None:
    run = SB3Run(replace(TINY, algorithm="recurrent-ppo"), tmp_path)
    run.save()
    agent = make_explorer(str(tmp_path))
    agent.reset(2, seed=5)
    rng = np.random.default_rng(0)
    state, starts, noise = None, np.ones(2, bool), torch.Generator().manual_seed(5).get_state()
    for _ in range(4):
        seen = {
            "rgb": rng.integers(0, 256, (2, 40, 40, 3)).astype(np.uint8),
            "previous_action": np.array([0, 1]),
        }
        torch.set_rng_state(noise)
        expected, state = run.algorithm.policy.predict(seen, state, starts, deterministic=False)
        noise, starts = torch.get_rng_state(), np.zeros(2, bool)
        np.testing.assert_array_equal(agent.act(seen, None, None), expected)


def test_sac_on_steps_is_refused_before_anything_is_written(tmp_path: Path, capsys) -> None:
    out = tmp_path / "run"
    assert cli.main(["train", "nano", "--algorithm", "sac", "--num-envs", "2", "--out", str(out)]) == 2
    assert "sac gives continuous actions" in capsys.readouterr().err
    assert not out.exists()


def test_sac_learns_saves_and_resumes_on_a_box_world(tmp_path: Path) -> None:
    def made():
        config = SACConfig(learning_starts=20, batch_size=8, buffer_size=100, net_arch=(8,))
        paid = IntrinsicRewardVecEnv(DummyVecEnv([Line]), WeightedSum({}))
        return make_sb3("sac", paid, config, 0, "cpu"), paid

    algorithm, paid = made()
    algorithm.learn(40)
    save_sb3(tmp_path, "sac", algorithm, {"net_arch": [8]}, training_tensors(algorithm, paid), {"camera": {}})
    other, other_paid = made()
    with pytest.warns(UserWarning, match="replay buffer"):
        restore(other, other_paid, tmp_path, "sac")
    assert other.num_timesteps == 40
    again = training_tensors(other, other_paid)
    for key, value in training_tensors(algorithm, paid).items():
        if key != "torch_rng":
            torch.testing.assert_close(again[key], value, rtol=0, atol=0, msg=key)
    other.learn(20, reset_num_timesteps=False)


def test_without_sb3_contrib_one_sentence_names_the_extra(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "sb3_contrib", None)
    with pytest.raises(UsageError, match=r"pip install 'robonav\[contrib\]'"):
        SB3Run(replace(TINY, algorithm="recurrent-ppo"), tmp_path / "run")


def test_nan_names_environment_key_and_checkpoint(tmp_path: Path) -> None:
    worlds = FiniteCheck(DummyVecEnv([Line, lambda: Line(broken=True)]), tmp_path)
    worlds.reset()
    for _ in range(2):
        worlds.step(np.zeros((2, 1)))
    with pytest.raises(UsageError, match=r"environment 1 gave nan as observation 'place' after 3 steps"):
        worlds.step(np.zeros((2, 1)))


def test_a_reward_on_an_env_without_frames_is_refused() -> None:
    with pytest.raises(UsageError, match="reward coverage is paid for depth and poses, which only robonav"):
        IntrinsicRewardVecEnv(DummyVecEnv([Line]), make_reward("coverage"))


def test_spaces_survive_the_file() -> None:
    limits = np.array([0, -np.pi], np.float32), np.array([np.inf, np.pi], np.float32)
    space = spaces.Dict(
        {"a": spaces.Box(0, 255, (3, 4, 4), np.uint8), "b": spaces.Discrete(4), "c": spaces.Box(*limits)}
    )
    saved = json.loads(json.dumps(describe_space(space)))
    assert spaces.Dict({name: space_of(name, described) for name, described in saved.items()}) == space


@pytest.mark.parametrize(
    ("preset", "options"),
    [
        ("recuriosity", ()),
        ("recuriosity", ("--algorithm", "sac", "--sac.learning-starts", "16")),
        ("guided", ()),
    ],
)
def test_continuous_actions_are_trained_and_evaluated_by_the_same_commands(
    preset: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    out, sizes = tmp_path / "run", ("--num-envs", "2", "--episode-steps", "16", "--threads", "1")
    short = ("--steps", "64", "--ppo.sequences-per-batch", "2", "--sac.batch-size", "8")
    train = ["train", preset, "--actions", "velocities", *sizes, *short, *options, "--out", str(out)]
    assert cli.main(train) == 0
    explorer = make_explorer(str(out))
    assert explorer.actions == "velocities"
    evaluate = ["evaluate", str(out), "--episodes", "3", "--steps", "48", "--threads", "1"]
    assert cli.main([*evaluate, "--out", str(tmp_path / "results")]) == 0
    records = [json.loads(line) for line in (tmp_path / "results" / "episodes.jsonl").open()]
    assert [record["steps"] for record in records] == [48] * 3
    assert any(record["path_length_m"] % 0.25 > 1e-3 for record in records)  # no whole number of steps
