"""Share of the bonus in the reward, and the warning where it is next to nothing."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEAST = 0.01
_PATIENCE = 4  # windows


def share_of(sums: NDArray[np.float64]) -> float:
    """The bonus as a share of (2,) sums of absolute rewards, the task's and the bonus."""
    return float(sums[1] / max(sums.sum(), 1e-12))


class BonusShare:
    """Watches the share of the bonus in the total absolute reward.

    An algorithm takes the sums of each rollout and judges them; without one, windows of steps are judged.

    Args:
        window: StepTensors of every environment.

    Attributes:
        sums: (2,) of absolute rewards, the task's and the bonus, since the window began.
    """

    def __init__(self, window: int = 512) -> None:
        self.sums = np.zeros(2)
        self._window, self._steps = window, 0
        self._windows_below, self._told = 0, False

    def add(self, task: NDArray[Any], bonus: NDArray[Any]) -> None:
        """Count a step's rewards (N,) of the task and of the bonus."""
        if self._steps == self._window:
            self.judge(self.take())
        self.sums += np.abs(np.stack([task, bonus])).sum(1)
        self._steps += 1

    def take(self) -> NDArray[np.float64]:
        """The sums so far; a new window begins."""
        taken, self.sums, self._steps = self.sums, np.zeros(2), 0
        return taken

    def judge(self, sums: NDArray[np.float64]) -> None:
        """Warn once where the share in such sums has stayed below one percent."""
        if not sums.any():  # a bonus that is off on purpose is not counted
            return
        share = share_of(sums)
        self._windows_below = self._windows_below + 1 if share < _LEAST else 0
        if self._windows_below >= _PATIENCE and not self._told:
            self._told = True
            warnings.warn(
                f"the bonus is {share:.2%} of the reward, expected at least {_LEAST:.0%}: in effect it is "
                "switched off; give it more weight",
                stacklevel=2,
            )
