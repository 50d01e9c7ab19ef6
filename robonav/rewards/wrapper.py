"""The wrapper that pays an intrinsic reward in any SB3 algorithm, on any world."""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from robonav.envs.world import Frames
from robonav.errors import UsageError
from robonav.rewards.protocol import IntrinsicReward


class IntrinsicRewardWrapper(VecEnvWrapper):
    """Adds an intrinsic reward to the rewards of a world, before any advantage is computed.

    The reward is always computed on the frame that the action led to, also at the end of an episode, and
    before the map takes that frame in.

    Args:
        venv: The view of a world, such as `WorldVecEnv`, also within other wrappers: what has the attributes
            `frames` and `outcome`.
        reward: The intrinsic reward.

    Attributes:
        reward: The intrinsic reward.
        intrinsic_rewards: (N,) float32 what it paid in the last step.

    Raises:
        UsageError: The environments have no frames.
    """

    def __init__(self, venv: VecEnv, reward: IntrinsicReward) -> None:
        super().__init__(venv)
        self.reward = reward
        self.intrinsic_rewards = np.zeros(venv.num_envs, np.float32)
        for name in ("frames", "outcome"):
            self._privileged(name)

    def reset(self) -> Any:
        """Start new episodes; their first frames are known from then on."""
        observation = self.venv.reset()
        self.intrinsic_rewards = np.zeros(self.num_envs, np.float32)
        self.reward.reset()
        self.reward.update(self._privileged("frames"))
        return observation

    def step_wait(self) -> Any:
        """The step of the world with the intrinsic reward added.

        Raises:
            UsageError: A reward is not finite.
        """
        observation, extrinsic, dones, infos = self.venv.step_wait()
        self.intrinsic_rewards = self.reward.compute(self._privileged("outcome")).astype(np.float32)
        total = (extrinsic + self.intrinsic_rewards).astype(np.float32)
        if not np.isfinite(total).all():
            raise UsageError(
                f"{type(self.reward).__name__} paid {self.intrinsic_rewards.tolist()} beside "
                f"{np.asarray(extrinsic).tolist()} of the task: rewards have to be finite"
            )
        if dones.any():
            self.reward.reset(np.flatnonzero(dones).tolist())
        self.reward.update(self._privileged("frames"))
        return observation, total, dones, infos

    def _privileged(self, name: str) -> Frames:
        try:
            found: Any = self.venv.get_attr(name, indices=[0])[0]
        except AttributeError:
            found = None
        if not isinstance(found, Frames) or len(found.collided) != self.num_envs:
            raise UsageError(
                f"{type(self.reward).__name__} is paid for frames, and the environments have no `{name}`: "
                "give a view of a world, such as NavigationVecEnv or WorldVecEnv"
            )
        return found
