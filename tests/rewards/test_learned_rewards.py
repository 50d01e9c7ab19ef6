"""Rewards that learn from the frozen predictor's features, in rooms: what repeats pays less."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT
from robonav.envs.vec_env import NavigationVecEnv
from robonav.perception.shipped import load_predictor
from robonav.rewards import IntrinsicRewardVecEnv, make_reward
from robonav.rewards.protocol import Transition
from tests.worlds import Rooms

LEARNED = ("icm", "rnd")


def built(name: str) -> IntrinsicRewardVecEnv:
    """Four agents in rooms, and a reward that learns after each step."""
    config = make_reward(name, features="predictor", horizon=1, learning_rate=1e-3)
    return IntrinsicRewardVecEnv(
        NavigationVecEnv(Rooms(), 4, seed=0), config, normalise=False, predictor=load_predictor()
    )


def walk(env: IntrinsicRewardVecEnv, steps: int) -> list[Transition]:
    """Steps of agents that mostly turn, as their reward was shown them."""
    shown: list[Transition] = []
    learn = env.reward.update
    env.reward.update = lambda step: shown.append(step) or learn(step)  # type: ignore[method-assign,func-returns-value]
    env.reset()
    rng = np.random.default_rng(0)
    for _ in range(steps):
        env.step(rng.choice([FORWARD, LEFT, RIGHT], 4, p=[0.2, 0.6, 0.2]))
    env.reward.update = learn  # type: ignore[method-assign]
    return shown


def episode(reward: Any, steps: list[Transition]) -> float:
    """Mean reward of one episode."""
    reward.reset(np.ones(4, bool), steps[0].before)
    paid = []
    for step in steps:
        paid.append(reward.compute(*step))
        reward.update(step)
    return float(np.mean(paid))


@pytest.mark.parametrize("name", LEARNED)
def test_the_bonus_falls_with_repetition(name: str) -> None:
    env = built(name)
    steps = walk(env, 8)
    paid = [episode(env.reward, steps) for _ in range(20)]
    assert paid[-1] < 0.5 * paid[0]


def test_what_was_not_learned_stays_surprising() -> None:
    env = built("rnd")
    steps = walk(env, 8)
    for _ in range(12):
        known = episode(env.reward, steps)
    frames = steps[-1].after.frames
    assert frames is not None
    frames.rgb = np.random.default_rng(0).integers(0, 256, frames.rgb.shape).astype(np.uint8)
    assert env.reward.compute(*steps[-1]).mean() > 3 * known


@pytest.mark.parametrize("name", LEARNED)
def test_the_state_of_another_reward_is_refused(name: str) -> None:
    other = LEARNED[1 - LEARNED.index(name)]
    with pytest.raises((RuntimeError, KeyError)):
        built(name).load_state_dict(built(other).state_dict())
