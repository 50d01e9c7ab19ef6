"""How much of the reward the bonus is, told in the log and, where it is next to nothing, to the user."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv

from robonav.algorithms.ranks import Ranks
from robonav.errors import UsageError

_LEAST = 0.01
_PATIENCE = 4  # rollouts


class BonusShare:
    """Tells the intrinsic reward from that of the task: what wrappers keep as `intrinsic_rewards` (N,).

    Args:
        env: Pays the sum of both.
        wanted: Whether both are needed apart.
        ranks: Whose rewards are told together.

    Raises:
        UsageError: They are needed apart, and no wrapper of `env` keeps the intrinsic ones.
    """

    def __init__(self, env: VecEnv, wanted: bool, ranks: Ranks) -> None:
        self._env, self._wanted, self._ranks = env, wanted, ranks
        self._keeps = hasattr(env, "intrinsic_rewards")
        self._sums = np.zeros(2)  # of absolute rewards: the task's, and the bonus
        self._rollouts_below, self._told = 0, False
        if wanted and not self._keeps:
            raise UsageError(
                "intrinsic_gamma asks for a value head of the bonus, but the env has no intrinsic_rewards: "
                "wrap it in an IntrinsicRewardVecEnv, or set intrinsic_gamma None"
            )

    def apart(self, rewards: NDArray[np.floating[Any]], streams: int) -> NDArray[np.float32]:
        """The rewards (N,) of the last step as streams (N, V): their sum, or the task's and the bonus."""
        if self._keeps:
            bonus = np.asarray(self._env.intrinsic_rewards, np.float32)  # type: ignore[attr-defined]
            both = np.stack([rewards - bonus, bonus], axis=1).astype(np.float32)
            self._sums += np.abs(both).sum(0)
            if streams == 2:
                return both
        return np.asarray(rewards, np.float32)[:, None]

    def tell(self, logger: Logger) -> None:
        """Log the share of the rollout; warn once where it stays below one percent."""
        if not self._keeps:
            return
        task, bonus = self._ranks.gather(self._sums[None]).sum(0).tolist()
        self._sums = np.zeros(2)
        share = bonus / max(task + bonus, 1e-12)
        logger.record("rollout/bonus_share", share)
        switched_off_on_purpose = bonus == 0.0 and not self._wanted
        below = share < _LEAST and not switched_off_on_purpose
        self._rollouts_below = self._rollouts_below + 1 if below else 0
        if self._rollouts_below >= _PATIENCE and self._ranks.is_first and not self._told:
            self._told = True
            warnings.warn(
                f"the bonus is {share:.2%} of the reward, expected at least {_LEAST:.0%}: in effect it is "
                "switched off; give it more weight",
                stacklevel=2,
            )
