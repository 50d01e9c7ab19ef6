"""Rewards of all ranks on one scale."""

from __future__ import annotations

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from robonav.algorithms.ranks import Ranks


class RewardNormaliser(VecNormalize):
    """SB3's division of rewards by the running std of returns, which are those of all ranks."""

    def __init__(self, venv: VecEnv, gamma: float, ranks: Ranks) -> None:
        super().__init__(venv, norm_obs=False, gamma=gamma)
        self._ranks = ranks

    def _update_reward(self, reward: np.ndarray) -> None:
        self.returns = self.returns * self.gamma + reward
        self.ret_rms.update(self._ranks.gather(self.returns))
