"""Small environments in which rewards are checked: a corridor for most, a house for those paid for depth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from robonav.errors import UsageError
from robonav.rewards.config import RewardConfig
from robonav.rewards.snapshots import context_of

EPISODE_STEPS = 12


class Corridor(gymnasium.Env[NDArray[np.float32], np.int64]):
    """Eight places in a row, each a fixed random pattern; the last one pays 1, 12 steps are an episode."""

    def __init__(self) -> None:
        self._patterns = 8 * np.random.default_rng(0).random((8, 16), np.float32)
        self.observation_space = spaces.Box(0.0, 8.0, (16,), np.float32)
        self.action_space = spaces.Discrete(2)
        self._place, self._steps = 0, 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin at the left end."""
        super().reset(seed=seed)
        self._place, self._steps = 0, 0
        return self._patterns[0], {}

    def step(self, action: np.int64) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """One place to the left (0) or right (1)."""
        self._steps += 1
        self._place = int(np.clip(self._place + 2 * int(action) - 1, 0, 7))
        return self._patterns[self._place], float(self._place == 7), False, self._steps == EPISODE_STEPS, {}


@dataclass(frozen=True)
class Setting:
    """Environments in which a reward can be tried.

    Attributes:
        name: For tables.
        policy: Of SB3's PPO there.
        make: Gives so many environments.
        agents: How many act in a check.
        steps: That each of them takes: together enough for rewards that first look at the scale of things.
    """

    name: str
    policy: str
    make: Callable[[int], VecEnv]
    agents: int
    steps: int


def setting_of(config: RewardConfig) -> Setting:
    """The first setting whose observations the reward can read.

    Raises:
        UsageError: It can read none.
    """
    refusals = []
    for setting in SETTINGS:
        envs = setting.make(1)
        try:
            config.build(context_of(envs, 0, "cpu", 1, None))
            return setting
        except UsageError as refusal:
            refusals.append(f"{setting.name}: {refusal}")
        finally:
            envs.close()
    raise UsageError(f"reward {config.name} reads nothing that the checks show; {'; '.join(refusals)}")


def _corridors(count: int) -> VecEnv:
    return DummyVecEnv([Corridor] * count)


def _houses(count: int) -> VecEnv:
    from robonav.envs.scenes import open_scenes
    from robonav.envs.sensors.camera import Camera
    from robonav.envs.vec_env import NavigationVecEnv

    scenes = open_scenes("procedural", split="train")
    return NavigationVecEnv(scenes, count, Camera(64, 64), max_episode_steps=EPISODE_STEPS, threads=1)


SETTINGS = (
    Setting("corridor", "MlpPolicy", _corridors, agents=4, steps=16 * EPISODE_STEPS),
    Setting("house", "MultiInputPolicy", _houses, agents=4, steps=6 * EPISODE_STEPS),
)
