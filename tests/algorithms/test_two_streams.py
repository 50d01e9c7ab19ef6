"""Task and curiosity may have a value head each; how much of the reward the bonus is, is told."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import VecMonitor

from robonav.algorithms.sequence_buffer import SequenceBuffer, Stream
from robonav.algorithms.sequence_ppo import SequencePPO, SequencePPOConfig
from robonav.errors import UsageError
from robonav.policies.config import SequencePolicyConfig
from robonav.rewards.vec_env import IntrinsicRewardVecEnv
from tests.algorithms.worlds import AimWorld

SMALL = SequencePolicyConfig(width=16, blocks=1, heads=2, window=8)


class ByAction:
    """Pays for the action itself: a bonus that depends on nothing else."""

    def reset(self, mask, first): ...

    def compute(self, before, action, after, terminated, truncated):
        return action.astype(np.float32) + 1.0

    def update(self, step):
        return {}

    def state_dict(self):
        return {}

    def load_state_dict(self, state): ...


def learner(weight: float = 1.0, streams="sum", **options) -> SequencePPO:
    config = SequencePPOConfig(rollout_steps=8, sequences_per_batch=4, **options)
    env = IntrinsicRewardVecEnv(AimWorld(4, "discrete"), ByAction(), weight, streams, normalise=False)
    return SequencePPO(VecMonitor(env), config, SMALL, seed=0, device="cpu")


def by_hand(rewards, values, last, starts, dones, gamma, trace):
    """Advantages (T,) of one environment, summed term by term: GAE's definition (eq. 14 and 16)."""
    length = len(rewards)
    following = np.append(values[1:], last)
    ends = np.append(starts[1:], dones)
    deltas = rewards + gamma * following * (1.0 - ends) - values
    advantages = np.zeros(length)
    for t in range(length):
        share = 1.0
        for later in range(t, length):
            advantages[t] += share * deltas[later]
            share *= gamma * trace * (1.0 - ends[later])
    return advantages


@pytest.mark.parametrize("episodic", [True, False])
def test_advantages_of_both_streams_are_those_computed_by_hand(episodic):
    rng, length, envs = np.random.default_rng(0), 9, 3
    buffer = SequenceBuffer(length, envs, {}, streams=2)
    buffer.rewards[:], buffer.values[:] = rng.normal(size=(2, length, envs, 2))
    buffer.starts[:] = rng.random((length, envs)) < 0.3
    dones, last = np.array([True, False, True]), rng.normal(size=(envs, 2)).astype(np.float32)
    streams = Stream(0.9, weight=2.0), Stream(0.99, episodic, weight=0.5)
    buffer.compute_advantages(last, dones, streams, 0.95)
    for i in range(envs):
        each = []
        for k, stream in enumerate(streams):
            cut = float(stream.episodic)
            arrays = buffer.rewards[:, i, k], buffer.values[:, i, k], last[i, k]
            each.append(by_hand(*arrays, cut * buffer.starts[:, i], cut * dones[i], stream.gamma, 0.95))
            returns = each[-1] + buffer.values[:, i, k]
            np.testing.assert_allclose(buffer.returns[:, i, k], returns, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(
            buffer.advantages[:, i], 2.0 * each[0] + 0.5 * each[1], rtol=1e-4, atol=1e-5
        )


def test_each_head_learns_its_own_stream_and_their_rewards_add_up_to_what_was_paid():
    model = learner(streams="two", intrinsic_gamma=0.9, intrinsic_episodic=False)
    model.learn(32)
    buffer = model.rollout_buffer
    assert model.policy.critic.out_features == 2
    bonus = buffer.rewards[:, :, 1]
    np.testing.assert_allclose(bonus, buffer.actions + 3.0)  # actions begin at 2
    assert set(np.unique(buffer.rewards[:, :, 0])) <= {0.0, 1.0}
    assert (buffer.returns[..., 1] > buffer.returns[..., 0]).all()
    batch = buffer.batch(np.arange(4), torch.device("cpu"))
    assert batch.values.shape == batch.returns.shape == (4, 8, 2)


def test_the_weight_of_a_stream_decides_what_is_learned():
    weights = []
    for share in (1.0, 1.0, 0.0):
        model = learner(streams="two", intrinsic_gamma=0.9, intrinsic_weight=share)
        model.learn(32)
        weights.append(model.policy.actor.weight.detach().clone())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_share_of_the_bonus_is_logged_and_next_to_nothing_is_told_once():
    model = learner(weight=1e-4)
    with pytest.warns(UserWarning, match="the bonus is .*% of the reward, expected at least 1%") as told:
        model.learn(32 * 10)
    assert len([warning for warning in told if "bonus" in str(warning.message)]) == 1
    assert 0.0 < model.logger.name_to_value["rollout/bonus_share"] < 0.01


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_no_bonus_on_purpose_and_a_bonus_that_counts_are_not_warned_of(weight):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*bonus.*")
        model = learner(weight=weight)
        model.learn(32 * 6)
    assert (model.logger.name_to_value["rollout/bonus_share"] > 0.01) == (weight > 0)


def test_streams_and_heads_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match=r'does not pay apart: wrap it in .* streams="two"'):
        learner(intrinsic_gamma=0.9)
    with pytest.raises(UsageError, match="nobody would learn from the bonus"):
        learner(streams="two")
    config = SequencePPOConfig(rollout_steps=8, intrinsic_gamma=0.9)
    with pytest.raises(UsageError, match="which the env does not pay apart"):
        SequencePPO(VecMonitor(AimWorld(4, "discrete")), config, SMALL)
