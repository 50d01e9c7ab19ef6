"""A small world with any action space and observations of all kinds, for tests of learning."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

LENGTH = 8

OBSERVATIONS: dict[str, spaces.Space[Any]] = {
    "state": spaces.Box(-np.inf, np.inf, (2,), np.float32),
    "front_scan": spaces.Box(0.0, 30.0, (37,), np.float32),
    "wrist": spaces.Box(0, 255, (24, 32, 3), np.uint8),
    "tokens": spaces.MultiDiscrete([12] * 6),
    "mode": spaces.Discrete(3, start=1),
    "flags": spaces.MultiDiscrete([2, 4]),
}
ACTIONS: dict[str, spaces.Space[Any]] = {
    "discrete": spaces.Discrete(3, start=2),
    "multi-discrete": spaces.MultiDiscrete([3, 2]),
    "box": spaces.Box(np.array([-1.0, 0.0], np.float32), np.array([3.0, 0.5], np.float32)),
}


class AimWorld(VecEnv):
    """The first action component must follow the sign of `state`, which is 100 + 3 * sign.

    Args:
        num_envs: Environments, whose episodes begin one after the other.
        action: A name of `ACTIONS`.
        keys: Names of `OBSERVATIONS`.
    """

    def __init__(self, num_envs: int, action: str, keys: tuple[str, ...] = ("state",)) -> None:
        self.render_mode, self.kind, self.rng = None, action, np.random.default_rng(0)
        own = {name: OBSERVATIONS[name] for name in keys}
        own["previous_action"] = ACTIONS[action]
        super().__init__(num_envs, spaces.Dict(own), ACTIONS[action])
        self.observation_space.seed(0)
        self.received: list[np.ndarray] = []

    def reset(self):
        self.time = np.arange(self.num_envs) % LENGTH
        self.last = np.stack([self.action_space.sample() for _ in range(self.num_envs)])
        return self.observe()

    def observe(self):
        self.sign = self.rng.choice([-1.0, 1.0], self.num_envs)
        each = [self.observation_space.sample() for _ in range(self.num_envs)]
        observation = {name: np.stack([one[name] for one in each]) for name in self.observation_space}
        observation["previous_action"] = self.last
        if "state" in observation:
            observation["state"] = np.stack([100.0 + 3.0 * self.sign, self.time], 1).astype(np.float32)
        return observation

    def step_async(self, actions):
        assert all(self.action_space.contains(action) for action in actions)
        self.received.append(actions)
        self.last = np.asarray(actions, self.action_space.dtype)

    def step_wait(self):
        first = self.last.reshape(self.num_envs, -1)[:, 0]
        if self.kind == "box":
            rewards = 1.0 - np.abs((first - 1.0) / 2.0 - 0.5 * self.sign)
        else:
            rewards = (first - self.action_space_start == (self.sign > 0)).astype(np.float64)
        self.time += 1
        dones = self.time == LENGTH
        self.time[dones] = 0
        observation = self.observe()
        infos = [
            {"terminal_observation": {name: value[i] for name, value in observation.items()}} if done else {}
            for i, done in enumerate(dones)
        ]
        return observation, rewards.astype(np.float32), dones, infos

    @property
    def action_space_start(self) -> int:
        return int(np.ravel(self.action_space.start)[0])

    def close(self):
        pass

    def get_attr(self, attr_name, indices=None):
        return [getattr(self, attr_name)] * self.num_envs

    def set_attr(self, attr_name, value, indices=None):
        setattr(self, attr_name, value)

    def env_method(self, method_name, *args, indices=None, **kwargs):
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class, indices=None):
        return [False] * self.num_envs
