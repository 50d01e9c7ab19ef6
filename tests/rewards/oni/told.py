"""Agents who are told captions, for tests of rewards of language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from robonav.rewards.config import RewardContext
from robonav.rewards.protocol import Snapshot, Transition

SPACE = spaces.Dict({"caption": spaces.Text(200)})


def context(num_envs: int, seed: int = 0) -> RewardContext:
    return RewardContext(num_envs, SPACE, spaces.Discrete(2), seed)


def seen(*captions: str) -> Snapshot:
    return Snapshot({"caption": np.array(captions)})


def step(before: Snapshot, *captions: str, over: Sequence[bool] | None = None) -> Transition:
    nobody = np.zeros(len(captions), bool)
    ended = nobody if over is None else np.array(over)
    return Transition(before, np.zeros(len(captions), np.int64), seen(*captions), ended, nobody)


def begin(reward: Any, *captions: str) -> Snapshot:
    first = seen(*captions)
    reward.reset(np.ones(len(captions), bool), first)
    return first


def live(reward: Any, words: Sequence[str], steps: int, num_envs: int = 2, seed: int = 1) -> np.ndarray:
    """Tell agents words at random; what was paid (T, N)."""
    rng = np.random.default_rng(seed)
    now, paid = begin(reward, *["start"] * num_envs), []
    for number in range(steps):
        told = step(now, *rng.choice(words, num_envs), over=[number % 7 == 6] * num_envs)
        paid.append(reward.compute(*told))
        reward.update(told)
        now = told.after
        if told.over.any():
            now = seen(*["start"] * num_envs)
            reward.reset(told.over, now)
    return np.array(paid)
