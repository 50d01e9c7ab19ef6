"""Rewards in units of the running standard deviation of their discounted returns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.running_mean_std import RunningMeanStd

MOST = 10.0  # of what a scaled reward may be, as in SB3
_STATISTICS = ("mean", "var", "count")


class ReturnScale:
    """The filter of RND (Burda et al. 2019, section 2.4): divides, and never subtracts a mean.

    Attributes:
        statistics: Of the returns.
        returns: (N,) discounted returns up to the last step.
    """

    def __init__(self, num_envs: int, gamma: float) -> None:
        self.statistics = RunningMeanStd(shape=())
        self.returns = np.zeros(num_envs)
        self._gamma = gamma

    def take_in(self, rewards: NDArray[Any], begins: NDArray[np.bool_]) -> None:
        """Count the rewards (N,) of one step; returns start at 0 in the environments that `begins` says."""
        self.returns = np.where(begins, 0.0, self.returns) * self._gamma + rewards
        self.statistics.update(self.returns)

    def divided(self, rewards: NDArray[Any]) -> NDArray[Any]:
        """Rewards on the scale that is known by now, cut off at 10."""
        return (rewards / np.sqrt(self.statistics.var + 1e-8)).clip(-MOST, MOST)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """The statistics and the returns."""
        known = {name: np.array(getattr(self.statistics, name), np.float64) for name in _STATISTICS}
        return {**known, "returns": self.returns.copy()}

    def load_state_dict(self, state: dict[str, NDArray[Any]]) -> None:
        """Restore what `state_dict` gave.

        Raises:
            KeyError: Something is missing.
        """
        self.statistics.mean, self.statistics.var = state["mean"], state["var"]
        self.statistics.count = float(state["count"])
        self.returns = np.array(state["returns"], np.float64)
