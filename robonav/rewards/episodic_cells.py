"""Counts of cells: exact counts of rounded observations or of places, in an episode or in all."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from robonav.errors import UsageError
from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.protocol import Snapshot, State, Transition

_DIGEST = 16  # bytes


@dataclass(frozen=True)
class EpisodicCellsConfig(RewardConfig):
    """Cells: n to a power for the n-th visit of a cell."""

    keys: tuple[str, ...] | None = None
    """Which parts of the observation are read; none named = all."""
    of: Literal["observation", "position"] = "observation"
    """What is counted: observations, or where a robonav world's agents truly are."""
    cell: float = 0.5
    """Edge of a cell, in metres or in units of the observation."""
    power: float = -0.5
    """Power of the count."""
    over: Literal["episode", "life"] = "episode"
    """Whether counts begin anew with each episode."""

    name: ClassVar[str] = "episodic-cells"
    source: ClassVar[str] = (
        "MBIE-EB (Strehl & Littman 2008); by episode as in Henaff et al. 2023 (2306.03236)"
    )
    episodic: ClassVar[bool] = True

    def build(self, context: RewardContext) -> Cells:
        """The reward for an environment."""
        if not (np.isfinite(self.cell) and self.cell > 0):
            raise UsageError(f"reward {self.name}: cell is {self.cell}, give an edge above 0")
        if self.of == "position":
            context.privileged_world(self.name)
        return Cells(self, context)


class Cells:
    """n(o')^power, n counting this visit.

    Args:
        config: Its options.
        context: The environments.
    """

    def __init__(self, config: EpisodicCellsConfig, context: RewardContext) -> None:
        self.config = config
        self._keys = list(context.select(config.keys, config.name).spaces)
        self._counts: list[Counter[bytes]] = [Counter() for _ in range(context.num_envs)]
        if config.over == "life":
            self._counts = [Counter()] * context.num_envs  # one, which all agents share

    def reset(self, mask: NDArray[np.bool_], first: Snapshot) -> None:
        """Forget the episodes of the agents in `mask` (N,), and count where they begin."""
        cells = self._cells(first)
        for agent in np.flatnonzero(mask):
            if self.config.over == "episode":
                self._counts[agent].clear()
            self._counts[agent][cells[agent]] += 1

    def compute(
        self,
        before: Snapshot,
        action: NDArray[Any],
        after: Snapshot,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Reward (N,)."""
        visits = [counts[cell] + 1 for counts, cell in zip(self._counts, self._cells(after), strict=True)]
        return (np.array(visits, np.float64) ** self.config.power).astype(np.float32)

    def update(self, step: Transition) -> dict[str, float]:
        """Count the visits."""
        for counts, cell in zip(self._counts, self._cells(step.after), strict=True):
            counts[cell] += 1
        return {}

    def state_dict(self) -> State:
        """Counts of a life; those of episodes end with them."""
        counts = self._counts[0] if self.config.over == "life" else Counter[bytes]()
        cells = np.frombuffer(b"".join(counts), np.uint8).reshape(-1, _DIGEST).copy()
        return {"cells": cells, "counts": np.array(list(counts.values()), np.int64)}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave."""
        found = zip(state["cells"], state["counts"].tolist(), strict=True)
        self._counts[0].update({cell.tobytes(): count for cell, count in found})

    def _cells(self, seen: Snapshot) -> list[bytes]:
        """A digest of each agent's cell."""
        if self.config.of == "position":
            assert seen.frames is not None
            parts = [np.floor(seen.frames.position[:, :2] / self.config.cell).astype(np.int64)]
        else:
            parts = [self._rounded(np.asarray(seen.observation[key])) for key in self._keys]
        rows = zip(*parts, strict=True)
        return [
            hashlib.blake2b(b"|".join(part.tobytes() for part in row), digest_size=_DIGEST).digest()
            for row in rows
        ]

    def _rounded(self, values: NDArray[Any]) -> NDArray[Any]:
        if np.issubdtype(values.dtype, np.floating):
            return np.floor(values / self.config.cell).astype(np.int64)
        return values
