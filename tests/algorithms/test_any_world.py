"""SequencePPO learns in any action space, from any kind of observation, and what it learned is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecMonitor

from robonav.agents.checkpoint import load_policy, save_checkpoint
from robonav.algorithms.sequence_ppo import SequencePPO, SequencePPOConfig
from robonav.errors import UsageError
from robonav.policies.config import SequencePolicyConfig
from robonav.policies.encoders.camera import CameraEncoder
from robonav.policies.encoders.discrete import (
    DiscreteEncoder,
    MultiDiscreteEncoder,
    PreviousControlEncoder,
    TokensEncoder,
)
from robonav.policies.encoders.registry import encoder_for
from robonav.policies.encoders.vector import RunningNorm, ScanEncoder, VectorEncoder
from robonav.policies.sequence import SequencePolicy
from tests.algorithms.worlds import ACTIONS, OBSERVATIONS, AimWorld
from tests.policy_sizes import MAP_AND_PLANNER

SMALL = SequencePolicyConfig(width=32, blocks=1, heads=2, window=8, **MAP_AND_PLANNER)
ALL = tuple(OBSERVATIONS)


def learner(action: str, keys: tuple[str, ...] = ("state",), num_envs: int = 16, **options) -> SequencePPO:
    config = SequencePPOConfig(rollout_steps=8, sequences_per_batch=8, learning_rate=3e-3, **options)
    return SequencePPO(VecMonitor(AimWorld(num_envs, action, keys)), config, SMALL, seed=0, device="cpu")


@pytest.mark.parametrize(
    ("action", "chance", "wanted"), [("discrete", 3.0, 6.8), ("multi-discrete", 3.0, 6.8), ("box", 4.2, 6.0)]
)
def test_it_learns_from_a_vector_that_needs_a_normaliser_in_every_action_space(action, chance, wanted):
    model = learner(action)
    model.learn(8 * 16)
    assert np.mean([info["r"] for info in model.ep_info_buffer]) < chance + 1.0
    model.learn(12_000)
    assert np.mean([info["r"] for info in model.ep_info_buffer]) > wanted


@pytest.mark.parametrize("action", ACTIONS)
def test_ppo_begins_with_a_ratio_of_one_on_all_kinds_of_observations(action):
    model = learner(action, ALL, num_envs=4)
    model.train = lambda: None  # type: ignore[method-assign]
    model.learn(8 * 4)
    batch = model.rollout_buffer.batch(np.arange(4), torch.device("cpu"))
    with torch.no_grad():
        distribution, values = model.policy(batch.percepts, batch.starts)
    torch.testing.assert_close(distribution.log_prob(batch.actions), batch.log_probs, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(values, batch.values, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("action", ACTIONS)
def test_a_checkpoint_keeps_spaces_normalisers_and_what_is_done(action, tmp_path):
    model = learner(action, ALL, num_envs=4)
    model.learn(8 * 4 * 2)
    save_checkpoint(tmp_path / "it", model.policy, {}, {}, {})
    loaded, _ = load_policy(tmp_path / "it")
    assert loaded.action_space == model.action_space
    assert loaded.observation_space == model.observation_space
    norm = loaded.encoder.others["state"].norm
    assert float(norm.count) == 8 * 4 * 2
    assert float(norm.mean[0]) == pytest.approx(100.0, abs=2.0)
    observation = model.env.reset()
    found = [policy.predict(observation, deterministic=True)[0] for policy in (model.policy, loaded)]
    np.testing.assert_array_equal(*found)
    assert all(model.action_space.contains(action) for action in found[0])


def test_predicting_leaves_the_normalisers_as_they_are():
    model = learner("box")
    model.learn(8 * 16)
    before = {name: value.clone() for name, value in model.policy.state_dict().items()}
    model.predict(model.env.reset())
    assert all(torch.equal(value, before[name]) for name, value in model.policy.state_dict().items())


def test_a_running_norm_has_the_mean_and_spread_of_all_that_it_was_told():
    values, norm = np.random.default_rng(0).normal(5.0, [1.0, 40.0, 0.1], (3, 50, 3)), RunningNorm((3,))
    for some in values:
        norm.merge(norm.moments(some))
    whole = torch.as_tensor(values.reshape(-1, 3), dtype=torch.float32)
    torch.testing.assert_close(norm.mean, whole.mean(0), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(norm.variance, whole.var(0, correction=0), rtol=1e-3, atol=1e-5)
    assert float(norm(torch.tensor([1e9, 0.0, 5.0]))[0]) == 10.0


@pytest.mark.parametrize(
    ("name", "space", "expected"),
    [
        ("state", OBSERVATIONS["state"], VectorEncoder),
        ("front_scan", OBSERVATIONS["front_scan"], ScanEncoder),
        ("wrist", OBSERVATIONS["wrist"], CameraEncoder),
        ("tokens", OBSERVATIONS["tokens"], TokensEncoder),
        ("tokens", spaces.Box(0, 11, (6,), np.int64), TokensEncoder),
        ("previous_action", ACTIONS["box"], PreviousControlEncoder),
        ("previous_action", ACTIONS["discrete"], DiscreteEncoder),
        ("previous_action", ACTIONS["multi-discrete"], MultiDiscreteEncoder),
    ],
)
def test_each_key_finds_its_encoder_which_reads_single_frames_and_sequences_alike(name, space, expected):
    torch.manual_seed(0)
    encoder = encoder_for(name, space, 16)
    assert type(encoder) is expected
    space.seed(0)
    kept = encoder.keep(torch.as_tensor(np.stack([space.sample() for _ in range(6)])))
    whole = encoder(kept.unflatten(0, (2, 3)))
    assert whole.shape == (2, 3, 16)
    torch.testing.assert_close(whole.flatten(0, 1), encoder(kept), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(whole[0, 0], whole[1, 2], atol=1e-4)


def test_what_fills_up_a_text_is_not_read():
    torch.manual_seed(0)
    encoder = encoder_for("tokens", OBSERVATIONS["tokens"], 16)
    short = encoder(torch.tensor([[4, 5, 0, 0, 0, 0]]))
    torch.testing.assert_close(short, encoder(torch.tensor([[4, 5]])))


def test_what_cannot_be_read_is_one_sentence():
    for space, finding in (
        (spaces.Box(0, 1, (3,)), "expected a Dict"),
        (spaces.Dict(rgb=spaces.Box(0, 255, (3, 40, 40), np.uint8)), "map and planner need steps"),
        (spaces.Dict(table=spaces.Box(0, 1, (3, 4))), "observation 'table' is Box"),
        (spaces.Dict(), "expected at least one key"),
    ):
        with pytest.raises(UsageError, match=finding):
            SequencePolicy(space, ACTIONS["box"], SMALL)


def test_a_camera_and_continuous_actions_need_no_map():
    space = spaces.Dict(rgb=spaces.Box(0, 255, (3, 40, 40), np.uint8), speed=spaces.Box(-1, 1, (1,)))
    size = SequencePolicyConfig(width=32, blocks=1, heads=2, window=8, own_map=None, planner=None)
    policy = SequencePolicy(space, ACTIONS["box"], size)
    space.seed(0)
    action, memory = policy.predict(space.sample())
    assert ACTIONS["box"].contains(action)
    assert memory.frames[0].step == 1


@pytest.mark.parametrize("trunk", ["transformer", "lstm"])
def test_a_rollout_may_be_shorter_than_an_episode_and_learning_sees_what_acting_saw(trunk):
    config = SequencePPOConfig(rollout_steps=5, sequences_per_batch=8)
    size = SequencePolicyConfig(width=32, blocks=2, heads=2, window=4, trunk=trunk, **MAP_AND_PLANNER)
    model = SequencePPO(VecMonitor(AimWorld(8, "box")), config, size, seed=0, device="cpu")
    model.train = lambda: None  # type: ignore[method-assign]
    for steps in (5, 10, 15, 20):
        model.learn(steps * 8, reset_num_timesteps=steps == 5)
        batch = model.rollout_buffer.batch(np.array([3, 1, 6]), torch.device("cpu"))
        with torch.no_grad():
            _, values = model.policy(batch.percepts, batch.starts, batch.before)
            _, forgetful = model.policy(batch.percepts, batch.starts)
        torch.testing.assert_close(values, batch.values, atol=1e-4, rtol=1e-4)
        goes_on = steps > 5 and not bool(batch.starts[:, 0].all())
        assert torch.allclose(values, forgetful, atol=1e-6) is not goes_on
    assert bool(batch.starts[:, 1:].any())  # episodes that start in the middle of a rollout
