"""The wrapper pays on any view of a world, in any order of wrappers, and says what it paid."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import NavigationVecEnv, WorldVecEnv
from robonav.errors import UsageError
from robonav.rewards import make_reward
from robonav.rewards.curiosity import ReconstructionCuriosity
from robonav.rewards.on_frames import OnFrames
from robonav.rewards.vec_env import IntrinsicRewardVecEnv
from tests.worlds import Rooms

CAMERA = Camera(width=16, height=16)


def worlds(**options) -> NavigationVecEnv:
    return NavigationVecEnv(Rooms(), 2, CAMERA, max_episode_steps=6, seed=3, threads=1, **options)


def test_the_bonus_is_told_beside_the_sum_and_monitors_may_stand_on_either_side():
    inner, plain = worlds(), worlds()
    env = IntrinsicRewardVecEnv(
        VecMonitor(WorldVecEnv(inner.world)), OnFrames(ReconstructionCuriosity(2, CAMERA)), normalise=False
    )
    other = VecMonitor(
        IntrinsicRewardVecEnv(plain, OnFrames(ReconstructionCuriosity(2, CAMERA)), normalise=False)
    )
    env.reset()
    other.reset()
    assert not env.intrinsic_rewards.any()
    rng, paid = np.random.default_rng(0), []
    for _ in range(14):
        actions = rng.integers(3, size=2)
        rewards = env.step(actions)[1]
        np.testing.assert_array_equal(rewards, other.step(actions)[1])
        np.testing.assert_array_equal(rewards, env.intrinsic_rewards)  # the task pays nothing
        paid.append(env.intrinsic_rewards)
    assert np.ptp(paid) > 0
    assert env.get_attr("frames")[0] is inner.frames
    env.reset()
    assert not env.intrinsic_rewards.any()


def test_curiosity_pays_agents_that_are_told_velocities():
    env = IntrinsicRewardVecEnv(
        worlds(actions="velocities"), OnFrames(ReconstructionCuriosity(2, CAMERA)), normalise=False
    )
    env.reset()
    paid = [env.step(np.array([[0.5, 0.5], [0.0, 1.0]]))[1] for _ in range(6)]
    assert (np.sum(paid, axis=0) > 0).all()


def test_environments_without_frames_are_told_in_one_sentence_before_anything_is_trained():
    env = DummyVecEnv([lambda: gymnasium.make("CartPole-v1")])
    with pytest.raises(UsageError, match="reward geometric is paid for depth and poses"):
        IntrinsicRewardVecEnv(env, make_reward("geometric"))
    built = IntrinsicRewardVecEnv(env, OnFrames(ReconstructionCuriosity(1, CAMERA)))
    with pytest.raises(UsageError, match="ReconstructionCuriosity is paid for frames"):
        built.reset()


def test_a_reward_that_is_no_number_is_told():
    class Broken(ReconstructionCuriosity):
        def compute(self, frames):
            return np.array([np.nan, 0.0])

    env = IntrinsicRewardVecEnv(worlds(), OnFrames(Broken(2, CAMERA)), normalise=False)
    env.reset()
    with pytest.raises(UsageError, match=r"OnFrames paid \[nan, 0.0\]"):
        env.step(np.zeros(2, int))
