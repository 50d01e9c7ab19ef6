"""Vector environments as rewards see them: observations by name, true final ones, privileged frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from robonav.envs.world import Frames
from robonav.errors import UsageError
from robonav.rewards.config import RewardContext
from robonav.rewards.finite import first_not_finite
from robonav.rewards.protocol import Snapshot


def context_of(
    venv: VecEnv, seed: int, device: str, threads: int, predictor: nn.Module | None
) -> RewardContext:
    """Description of a vector environment for rewards."""
    space, base = venv.observation_space, venv.unwrapped
    return RewardContext(
        venv.num_envs,
        space if isinstance(space, spaces.Dict) else spaces.Dict({"observation": space}),
        venv.action_space,
        seed,
        device,
        threads,
        getattr(base, "world", None) if _has_frames(base) else None,
        getattr(base, "camera", None) if _has_frames(base) else None,
        predictor,
    )


class Snapshots:
    """Takes snapshots of a vector environment, in arrays of their own: it may reuse its.

    Args:
        venv: Its final observations stand in `info["terminal_observation"]`, as SB3 has it. Privileged
            frames are its `frames` and `outcome`, as those of `WorldVecEnv`.
    """

    def __init__(self, venv: VecEnv) -> None:
        self._base: Any = venv.unwrapped
        self._has_frames = _has_frames(self._base)

    def now(self, observation: Any) -> Snapshot:
        """Snapshot of the present observations; where an episode is over, the first one of the next.

        Raises:
            UsageError: It is not finite.
        """
        named = {key: np.array(rows) for key, rows in _named(observation).items()}
        return Snapshot(_checked(named), self._base.frames if self._has_frames else None)

    def outcome(self, now: Snapshot, dones: NDArray[np.bool_], infos: list[dict[str, Any]]) -> Snapshot:
        """Snapshot at the end of the step, before any new episode began.

        Raises:
            UsageError: It is not finite, or an environment does not say how its episode ended.
        """
        frames = self._base.outcome if self._has_frames else None
        if not dones.any():
            return Snapshot(now.observation, frames)
        named = {key: rows.copy() for key, rows in now.observation.items()}
        for i in np.flatnonzero(dones):
            if "terminal_observation" not in infos[i]:
                raise UsageError(
                    f"environment {i} ended an episode without info['terminal_observation'], which is "
                    "scored: make the environments by SB3's DummyVecEnv or SubprocVecEnv, or set it"
                )
            for key, last in _named(infos[i]["terminal_observation"]).items():
                named[key][i] = last
        return Snapshot(_checked(named), frames)


def _named(observation: Any) -> dict[str, Any]:
    return observation if isinstance(observation, dict) else {"observation": observation}


def _checked(named: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    for key, rows in named.items():
        wrong = first_not_finite(rows)
        if wrong:
            env, value = wrong
            raise UsageError(
                f"environment {env} gave {value} as observation {key!r}: rewards read finite numbers, mend "
                "the environment"
            )
    return named


def _has_frames(base: Any) -> bool:
    """Whether a vector environment keeps privileged frames, as views of robonav's worlds do."""
    return all(isinstance(getattr(base, name, None), Frames) for name in ("frames", "outcome"))
