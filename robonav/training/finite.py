"""Observations and rewards that are no numbers end a training before they reach the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from robonav.errors import UsageError
from robonav.files import CheckpointError, find_checkpoint
from robonav.rewards.finite import first_not_finite


class FiniteCheck(VecEnvWrapper):
    """Refuses NaN and infinity in what worlds show and pay.

    Args:
        venv: The worlds.
        out: Run folder, whose last checkpoint is named.
    """

    def __init__(self, venv: VecEnv, out: Path) -> None:
        super().__init__(venv)
        self._out, self._steps = out, 0

    def reset(self) -> Any:
        """The first observations, checked."""
        observation = self.venv.reset()
        self._check_all(observation)
        return observation

    def step_wait(self) -> Any:
        """A step, checked.

        Raises:
            UsageError: It holds a value that is no number.
        """
        observation, rewards, dones, infos = self.venv.step_wait()
        self._steps += 1
        self._check_all(observation)
        self._check("reward", rewards)
        return observation, rewards, dones, infos

    def _check_all(self, observation: Any) -> None:
        named = observation if isinstance(observation, dict) else {"observation": observation}
        for name, values in named.items():
            self._check(f"observation {name!r}", values)

    def _check(self, what: str, values: NDArray[Any]) -> None:
        wrong = first_not_finite(values)
        if wrong is None:
            return
        env, value = wrong
        try:
            last = f"the last checkpoint is {find_checkpoint(self._out)}"
        except CheckpointError:
            last = "no checkpoint was written yet"
        raise UsageError(
            f"environment {env} gave {value} as {what} after {self._steps} steps: mend the world or the "
            f"reward and go on with --resume; {last}"
        )
