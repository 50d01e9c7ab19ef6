"""The reward of a step in streams, and what is told of the bonus."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv

from robonav.algorithms.ranks import Ranks
from robonav.errors import UsageError
from robonav.rewards.bonus_share import share_of
from robonav.rewards.vec_env import IntrinsicRewardVecEnv


def paying(env: VecEnv | None) -> IntrinsicRewardVecEnv | None:
    """The wrapper among those of `env` that pays an intrinsic reward, if any."""
    while env is not None and not isinstance(env, IntrinsicRewardVecEnv):
        env = getattr(env, "venv", None)
    return env


class BonusStream:
    """Tells the intrinsic reward from that of the task.

    Args:
        env: Pays both.
        apart: Whether they are to be learned apart.
        ranks: The ranks whose rewards are summed.

    Raises:
        UsageError: They are to be learned apart, and no wrapper of `env` pays them so; or the reverse.
    """

    def __init__(self, env: VecEnv, apart: bool, ranks: Ranks) -> None:
        self._paying, self._apart, self._ranks = paying(env), apart, ranks
        are_apart = self._paying is not None and self._paying.streams == "two"
        if apart and not are_apart:
            raise UsageError(
                "intrinsic_gamma asks for a value head of the bonus, which the env does not pay apart: wrap "
                'it in an IntrinsicRewardVecEnv with streams="two", or set intrinsic_gamma None'
            )
        if are_apart and not apart:
            raise UsageError(
                'nobody would learn from the bonus: set intrinsic_gamma with streams="two", or take "sum"'
            )

    @property
    def episodic(self) -> bool:
        """Whether the return of the bonus ends with episodes."""
        return self._paying is None or self._paying.episodic

    def streams(self, rewards: NDArray[Any]) -> NDArray[np.float32]:
        """The rewards (N,) of the last step as streams (N, V): their sum, or the task's and the bonus."""
        if self._paying is None or not self._apart:
            return np.asarray(rewards, np.float32)[:, None]
        return np.stack([rewards, self._paying.intrinsic_rewards], axis=1).astype(np.float32)

    def tell(self, logger: Logger) -> None:
        """Log the share of the bonus in the rollout of all ranks, and what the reward learned."""
        if self._paying is None:
            return
        sums = self._ranks.gather(self._paying.share.take()[None]).sum(0)
        logger.record("rollout/bonus_share", share_of(sums))
        record_metrics(logger, self._paying)
        if self._ranks.is_first:
            self._paying.share.judge(sums)


class BonusLog(BaseCallback):
    """Logs the share of the bonus, and what the reward learned, in any SB3 algorithm."""

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        env = paying(self.training_env)
        if env is not None:
            self.logger.record("rollout/bonus_share", share_of(env.share.sums))
            record_metrics(self.logger, env)


def record_metrics(logger: Logger, env: IntrinsicRewardVecEnv) -> None:
    """Log what the reward said of its last update."""
    for name, value in env.metrics.items():
        logger.record(f"intrinsic/{name}", value)
