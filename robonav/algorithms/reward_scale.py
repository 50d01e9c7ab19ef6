"""Rewards of all ranks on one scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robonav.algorithms.ranks import Ranks
from robonav.rewards.return_scale import ReturnScale


class RewardScale:
    """Rewards as they are."""

    def scaled(self, rewards: NDArray[np.float32], starts: NDArray[np.bool_]) -> NDArray[np.float32]:
        """The rewards (T, N) to learn from, of the latest steps.

        Args:
            rewards: (T, N) of this rank's environments.
            starts: (T, N), whether an episode began with that step.
        """
        return rewards


class RunningRewardScale(ReturnScale, RewardScale):
    """Division by the running std of discounted returns, those of all ranks: what SB3's VecNormalize does.

    It takes many steps at once, so that ranks need not wait for each other in each of them.

    Attributes:
        statistics: Of the returns.
        returns: Discounted returns up to the last step, of all ranks' environments.
    """

    def __init__(self, num_envs: int, gamma: float, ranks: Ranks) -> None:
        super().__init__(num_envs * ranks.size, gamma)
        self._ranks = ranks

    def scaled(self, rewards: NDArray[np.float32], starts: NDArray[np.bool_]) -> NDArray[np.float32]:
        """The rewards (T, N) to learn from; each is divided by what was known at its step."""
        scaled = np.empty_like(rewards)
        of_all = self._ranks.gather(rewards, axis=1), self._ranks.gather(starts, axis=1)
        for t, (reward, begins) in enumerate(zip(*of_all, strict=True)):
            self.take_in(reward, begins)
            scaled[t] = self.divided(rewards[t])
        return scaled
