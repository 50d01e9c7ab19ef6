"""The one interface of intrinsic rewards: what is shown to them, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from robonav.envs.world import Frames

State = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Snapshot:
    """Observations of N agents at one moment, and privileged frames where the world has them.

    Attributes:
        observation: Arrays (N, ...) by the keys of the observation space; the key of a space that is no
            `Dict` is "observation".
        frames: Privileged frames (N,) of a robonav world; None in other environments.
    """

    observation: Mapping[str, NDArray[Any]]
    frames: Frames | None = None

    def __len__(self) -> int:
        """N."""
        return len(next(iter(self.observation.values())))


class Transition(NamedTuple):
    """One step of N agents.

    Attributes:
        before: Where they acted.
        action: (N, ...).
        after: Where that led to; at the end of an episode the last moment of it, never the next start.
        terminated: (N,) bool, the episode is over because of what happened.
        truncated: (N,) bool, the episode is over because its time is up.
    """

    before: Snapshot
    action: NDArray[Any]
    after: Snapshot
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]

    @property
    def over(self) -> NDArray[np.bool_]:
        """(N,) whether the episode ends with this step."""
        return self.terminated | self.truncated


class IntrinsicReward(Protocol):
    """Pays N agents for what a step showed them.

    A caller does `reset` with everybody first, then in each step `compute`, `update`, and `reset` of those
    whose episode is over.
    """

    def reset(self, mask: NDArray[np.bool_], first: Snapshot) -> None:
        """Forget the episodes of the agents in `mask` (N,), whose next ones begin with `first`.

        `first` holds all N agents; rows outside of the mask are to be ignored.
        """

    def compute(
        self,
        before: Snapshot,
        action: NDArray[Any],
        after: Snapshot,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Reward (N,) of a step that `update` has not seen yet; changes nothing."""

    def update(self, step: Transition) -> dict[str, float]:
        """Take the step in and learn from it: what was seen once is less new.

        Returns:
            Numbers to log, such as losses, by name; empty where there is nothing to say.
        """

    def state_dict(self) -> State:
        """State that outlives episodes, to be saved with a checkpoint: flat, by name, numpy arrays."""

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave.

        Raises:
            ValueError, KeyError, RuntimeError: It is the state of something else.
        """


class NothingToSave:
    """State of a reward that knows nothing but the episode: there is none to save."""

    def state_dict(self) -> State:
        """Nothing."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Nothing to restore.

        Raises:
            ValueError: There is something.
        """
        if state:
            raise ValueError(f"this reward keeps no state between episodes, found {sorted(state)}")
