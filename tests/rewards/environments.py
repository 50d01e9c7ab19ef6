"""Small environments of other people's making, and steps in them, for tests of rewards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from robonav.rewards.config import RewardContext
from robonav.rewards.protocol import IntrinsicReward, Snapshot, Transition

SPACES = {
    "vector": spaces.Box(-1, 1, (4,), np.float32),
    "state": spaces.Discrete(6),
    "image": spaces.Box(0, 255, (7, 7, 3), np.uint8),
    "dict": spaces.Dict(scan=spaces.Box(0, 1, (8,), np.float32), door=spaces.Discrete(3)),
}
ACTIONS = {
    "one": spaces.Discrete(3),
    "several": spaces.MultiDiscrete([2, 3]),
    "real": spaces.Box(-2, 2, (2,), np.float32),
}


class Corridor(gymnasium.Env[Any, int]):
    """States 0 to `length`; 1 goes right, 0 left; the end is paid, the start is state 2."""

    def __init__(self, length: int = 8, limit: int = 12) -> None:
        self.observation_space, self.action_space = spaces.Discrete(length + 1), spaces.Discrete(2)
        self.length, self.limit = length, limit

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        super().reset(seed=seed)
        self.state, self.steps = 2, 0
        return self.state, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        self.state = int(np.clip(self.state + (1 if action else -1), 0, self.length))
        self.steps += 1
        there = self.state == self.length
        return self.state, float(there), there, self.steps >= self.limit, {}


def corridors(count: int, **options: int) -> DummyVecEnv:
    return DummyVecEnv([lambda: Corridor(**options) for _ in range(count)])


def context(
    space: spaces.Space[Any], actions: spaces.Space[Any], num_envs: int = 3, seed: int = 0
) -> RewardContext:
    named = space if isinstance(space, spaces.Dict) else spaces.Dict(observation=space)
    return RewardContext(num_envs, named, actions, seed)


def snapshot(space: spaces.Dict, num_envs: int) -> Snapshot:
    rows = [space.sample() for _ in range(num_envs)]
    return Snapshot({key: np.stack([np.asarray(row[key]) for row in rows]) for key in space.spaces})


def walk(
    found: RewardContext, steps: int, seed: int = 0, episode: int = 7
) -> Iterator[tuple[Snapshot, Transition]]:
    """First snapshots of the episodes in which steps are, and the steps; all agents' end together."""
    found.observation_space.seed(seed), found.action_space.seed(seed)
    first = now = snapshot(found.observation_space, found.num_envs)
    for t in range(steps):
        action = np.stack([np.asarray(found.action_space.sample()) for _ in range(found.num_envs)])
        after = snapshot(found.observation_space, found.num_envs)
        over = np.full(found.num_envs, t % episode == episode - 1)
        yield first, Transition(now, action, after, over, np.zeros(found.num_envs, bool))
        now = after
        if over[0]:
            first = now = snapshot(found.observation_space, found.num_envs)


def pay(reward: IntrinsicReward, found: RewardContext, steps: int, seed: int = 0) -> np.ndarray:
    """Rewards (T, N) of a walk, as a caller asks for them."""
    paid, everybody, began = [], np.ones(found.num_envs, bool), None
    for first, step in walk(found, steps, seed):
        if first is not began:
            reward.reset(everybody, first)
            began = first
        paid.append(reward.compute(*step))
        reward.update(step)
    return np.array(paid)
