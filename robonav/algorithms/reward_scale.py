"""Rewards of all ranks on one scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.running_mean_std import RunningMeanStd

from robonav.algorithms.ranks import Ranks

_MOST = 10.0  # of what a scaled reward may be, as in SB3


class RewardScale:
    """Rewards as they are."""

    def scaled(self, rewards: NDArray[np.float32], starts: NDArray[np.bool_]) -> NDArray[np.float32]:
        """The rewards (T, N) to learn from, of the latest steps.

        Args:
            rewards: (T, N) of this rank's environments.
            starts: (T, N), whether an episode began with that step.
        """
        return rewards


class RunningRewardScale(RewardScale):
    """Division by the running std of discounted returns, those of all ranks: what SB3's VecNormalize does.

    It takes many steps at once, so that ranks need not wait for each other in each of them.

    Attributes:
        statistics: Of the returns.
        returns: Discounted returns up to the last step, of all ranks' environments.
    """

    def __init__(self, num_envs: int, gamma: float, ranks: Ranks) -> None:
        self.statistics = RunningMeanStd(shape=())
        self.returns = np.zeros(num_envs * ranks.size)
        self._gamma, self._ranks = gamma, ranks

    def scaled(self, rewards: NDArray[np.float32], starts: NDArray[np.bool_]) -> NDArray[np.float32]:
        """The rewards (T, N) to learn from; each is divided by what was known at its step."""
        scaled = np.empty_like(rewards)
        of_all = self._ranks.gather(rewards, axis=1), self._ranks.gather(starts, axis=1)
        for t, (reward, begins) in enumerate(zip(*of_all, strict=True)):
            self.returns = np.where(begins, 0.0, self.returns) * self._gamma + reward
            self.statistics.update(self.returns)
            scaled[t] = rewards[t] / np.sqrt(self.statistics.var + 1e-8)
        return scaled.clip(-_MOST, _MOST)
