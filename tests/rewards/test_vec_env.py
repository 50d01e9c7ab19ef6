"""The wrapper for any vector environment: the bonus reaches the gradient, streams, scales, resuming."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv, VecFrameStack, VecMonitor, VecNormalize

from robonav.rewards import IntrinsicRewardVecEnv, make_reward
from tests.rewards.environments import corridors


def paying(weight: float = 1.0, name: str = "rnd", **options) -> IntrinsicRewardVecEnv:
    return IntrinsicRewardVecEnv(corridors(4), make_reward(name), weight, **options)


def advantages(weight: float) -> tuple[np.ndarray, torch.Tensor]:
    """Advantages of the last rollout, and the weights of the policy after learning from it."""
    model = PPO("MlpPolicy", paying(weight), n_steps=64, batch_size=64, n_epochs=1, seed=0, device="cpu")
    model.learn(512)
    return model.rollout_buffer.advantages, torch.cat([p.flatten() for p in model.policy.parameters()])


def test_the_bonus_reaches_advantages_and_gradient() -> None:
    (a, x), (b, y), (c, z) = advantages(1.0), advantages(1.0), advantages(0.0)
    np.testing.assert_array_equal(a, b)
    assert torch.equal(x, y)
    assert not np.allclose(a, c)
    assert not torch.allclose(x, z)


def test_recurrent_ppo_learns_from_it_too() -> None:
    contrib = pytest.importorskip("sb3_contrib")
    weights = []
    for weight in (1.0, 0.0):
        model = contrib.RecurrentPPO("MlpLstmPolicy", paying(weight), n_steps=64, seed=0, device="cpu")
        model.learn(512)
        weights.append(torch.cat([p.flatten() for p in model.policy.parameters()]))
    assert not torch.allclose(*weights)


def test_off_policy_algorithms_store_the_sum() -> None:
    env = IntrinsicRewardVecEnv(pendulums(), make_reward("episodic-cells"))
    model = SAC("MlpPolicy", env, learning_starts=100, device="cpu", seed=0)
    model.learn(60)
    assert model.replay_buffer.rewards[:20].max() > 0  # the pendulum itself pays nothing above 0


def test_the_sum_is_added_and_two_streams_are_kept_apart() -> None:
    both, apart, plain = paying(0.5), paying(0.5, streams="two"), corridors(4)
    for env in (both, apart, plain):
        env.reset()
    for t in range(100):
        actions = np.full(4, t % 3 > 0)
        total, task, alone = (env.step(actions)[1] for env in (both, apart, plain))
        np.testing.assert_array_equal(task, alone)
        np.testing.assert_allclose(total, alone + apart.intrinsic_rewards, rtol=1e-6)
    assert apart.intrinsic_rewards.any()


def test_the_bonus_is_divided_by_the_deviation_of_its_return_and_its_mean_is_kept() -> None:
    raw, scaled = paying(normalise=False, name="episodic-cells"), paying(name="episodic-cells")
    paid = []
    for env in (raw, scaled):
        env.reset()
        paid.append([env.step(np.full(4, t % 2)) and env.intrinsic_rewards for t in range(400)])
    returns, seen = np.zeros(4), []
    for reward in paid[0]:
        returns = returns * 0.99 + reward
        seen.append(returns)
    assert np.mean(paid[1][-50:]) == pytest.approx(np.mean(paid[0][-50:]) / np.std(seen), rel=0.05)
    assert np.min(paid[1]) > 0


def test_a_schedule_of_the_weight_follows_the_steps() -> None:
    env = paying(weight=lambda steps: 0.0 if steps > 40 else 1.0, name="episodic-cells")
    env.reset()
    paid = [env.step(np.ones(4, int)) and env.intrinsic_rewards.sum() for _ in range(20)]
    assert all(paid[:10])
    assert not any(paid[10:])


def test_in_evaluation_nothing_is_paid_and_nothing_changes() -> None:
    env = paying()
    env.reset()
    for _ in range(40):
        env.step(np.ones(4, int))
    before, env.training = env.state_dict(), False
    env.reset()
    for _ in range(40):
        _, rewards, _, infos = env.step(np.ones(4, int))
        assert set(rewards.tolist()) <= {0.0, 1.0}
        assert "intrinsic_reward" not in infos[0]
    for key, value in env.state_dict().items():
        if key != "normaliser.returns":
            np.testing.assert_array_equal(value, before[key])


def test_time_limits_are_told_from_ends() -> None:
    env = IntrinsicRewardVecEnv(corridors(1, length=8, limit=5), make_reward("rnd"))
    env.reset()
    seen = []
    judge = env.reward.compute
    env.reward.compute = lambda *step: seen.append(step) or judge(*step)
    for _ in range(5):
        env.step(np.zeros(1, int))
    assert seen[-1][4].all()
    assert not seen[-1][3].any()


def test_other_wrappers_may_stand_below_and_above() -> None:
    env = VecNormalize(
        VecMonitor(IntrinsicRewardVecEnv(VecMonitor(corridors(2)), make_reward("rdd"))), norm_obs=False
    )
    env.reset()
    for _ in range(30):
        env.step(np.ones(2, int))
    stacked = IntrinsicRewardVecEnv(VecFrameStack(pendulums(), 2), make_reward("rnd", horizon=4))
    stacked.reset()
    assert any(
        np.any(stacked.step(np.zeros((2, 1)))[1] > 0) or stacked.intrinsic_rewards.any() for _ in range(20)
    )


def pendulums() -> VecEnv:
    return make_vec_env("Pendulum-v1", 2, seed=0)


def test_what_was_saved_goes_on_as_it_was() -> None:
    whole, resumed = paying(), paying(seed=5)
    for env in (whole, resumed):
        env.reset()
    for t in range(50):
        whole.step(np.full(4, t % 3 > 0))
    resumed.load_state_dict(whole.state_dict())
    for env in (whole, resumed):
        env.reset()
    resumed._returns[:] = whole._returns
    for t in range(50):
        np.testing.assert_array_equal(whole.step(np.full(4, t % 2))[1], resumed.step(np.full(4, t % 2))[1])
