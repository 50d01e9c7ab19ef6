"""The one interface of intrinsic rewards, and the wrapper that pays them in any SB3 algorithm."""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnvWrapper

from robonav.envs.vec_env import NavigationVecEnv
from robonav.errors import UsageError
from robonav.rewards.protocol import IntrinsicReward


class IntrinsicRewardWrapper(VecEnvWrapper):
    """Adds an intrinsic reward to the rewards of a `NavigationVecEnv`, before any advantage is computed.

    The reward is always computed on the frame that the action led to, also at the end of an episode, and
    before the map takes that frame in.

    Args:
        venv: The worlds, which pay the reward of their task.
        reward: The intrinsic reward.
    """

    def __init__(self, venv: NavigationVecEnv, reward: IntrinsicReward) -> None:
        if getattr(venv, "frames", None) is None or not hasattr(venv, "outcome"):
            raise UsageError(
                f"{type(venv).__name__} shows no frames, and {type(reward).__name__} reads depth and poses "
                "from them: use it on a NavigationVecEnv"
            )
        super().__init__(venv)
        self.worlds, self.reward = venv, reward

    def reset(self) -> Any:
        """Start new episodes; their first frames are known from then on."""
        observation = self.venv.reset()
        self.reward.reset()
        self.reward.update(self.worlds.frames)
        return observation

    def step_wait(self) -> Any:
        """The step of the worlds with the intrinsic reward added."""
        observation, extrinsic, dones, infos = self.venv.step_wait()
        total = extrinsic + self.reward.compute(self.worlds.outcome)
        if dones.any():
            self.reward.reset(np.flatnonzero(dones).tolist())
        self.reward.update(self.worlds.frames)
        return observation, total.astype(np.float32), dones, infos
