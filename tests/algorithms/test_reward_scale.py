"""Rewards are scaled as SB3's VecNormalize scales them, whatever the number of steps at once and of ranks."""

from threading import Barrier, Thread

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from robonav.algorithms.ranks import Ranks
from robonav.algorithms.reward_scale import RewardScale, RunningRewardScale
from tests.algorithms.test_gradients import Threads

GAMMA, STEPS, ENVS = 0.97, 40, 6


class Recorded(VecEnv):
    """Gives rewards and ends of episodes (T, N) one after the other."""

    def __init__(self, rewards, dones):
        super().__init__(rewards.shape[1], spaces.Box(0, 1, (1,)), spaces.Discrete(2))
        self._steps = zip(rewards, dones, strict=True)

    def reset(self):
        return np.zeros((self.num_envs, 1), np.float32)

    def step_async(self, actions):
        pass

    def step_wait(self):
        reward, done = next(self._steps)
        return self.reset(), reward, done, [{} for _ in done]

    def close(self):
        pass

    get_attr = set_attr = env_method = env_is_wrapped = lambda self, *given, **named: [False] * self.num_envs


@pytest.fixture(scope="module")
def recorded():
    """Rewards, whether episodes begin, and what VecNormalize makes of it, each (T, N)."""
    rng = np.random.default_rng(0)
    rewards = rng.exponential(3.0, (STEPS, ENVS)).astype(np.float32)
    rewards[30, 2] = 1e4  # clipped
    dones = rng.random((STEPS, ENVS)) < 0.1
    normalised = VecNormalize(Recorded(rewards, dones), norm_obs=False, gamma=GAMMA)
    normalised.reset()
    wanted = np.stack([normalised.step(np.zeros(ENVS))[1] for _ in range(STEPS)])
    starts = np.concatenate([np.ones((1, ENVS), bool), dones[:-1]])
    return rewards, starts, wanted, normalised.ret_rms


@pytest.mark.parametrize("at_once", [1, 8, STEPS])
def test_many_steps_at_once_are_scaled_as_by_vec_normalize(recorded, at_once):
    rewards, starts, wanted, statistics = recorded
    scale = RunningRewardScale(ENVS, GAMMA, Ranks())
    parts = [slice(t, t + at_once) for t in range(0, STEPS, at_once)]
    found = np.concatenate([scale.scaled(rewards[part], starts[part]) for part in parts])
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert scale.statistics.var == pytest.approx(statistics.var, rel=1e-12)
    assert scale.statistics.count == statistics.count
    assert found.max() == 10.0


def test_two_ranks_scale_as_one_does_with_all_environments(recorded):
    rewards, starts, wanted, _ = recorded
    board, barrier, found = [None, None], Barrier(2), [None, None]

    def scale(rank: int) -> None:
        ranks = Threads(rank, board, barrier)
        found[rank] = RunningRewardScale(ENVS // 2, GAMMA, ranks).scaled(
            np.split(rewards, 2, axis=1)[rank], np.split(starts, 2, axis=1)[rank]
        )

    threads = [Thread(target=scale, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    np.testing.assert_allclose(np.concatenate(found, axis=1), wanted, rtol=1e-6)


def test_rewards_stay_as_they_are_without_a_scale(recorded):
    np.testing.assert_array_equal(RewardScale().scaled(recorded[0], recorded[1]), recorded[0])
