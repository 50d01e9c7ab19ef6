"""Vectors that N agents remember, each in a ring of its own, compared all at once."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class RingMemory:
    """The last `capacity` vectors of each of N agents.

    Args:
        num_agents: N.
        capacity: Vectors of one agent; the oldest are overwritten.
        width: Length of a vector.
        device: Where they lie.
    """

    def __init__(self, num_agents: int, capacity: int, width: int, device: str = "cpu") -> None:
        self._vectors = torch.zeros(num_agents, capacity, width, device=device)
        self._written = torch.zeros(num_agents, dtype=torch.long, device=device)

    @property
    def counts(self) -> Tensor:
        """(N,) how many vectors each agent remembers."""
        return self._written.clamp(max=self._vectors.shape[1])

    def forget(self, mask: NDArray[np.bool_]) -> None:
        """Empty the memories of the agents in `mask` (N,)."""
        self._written[torch.as_tensor(mask)] = 0

    def add(self, vectors: Tensor, mask: NDArray[np.bool_]) -> None:
        """Remember vectors (N, D) of the agents in `mask` (N,)."""
        rows = torch.as_tensor(np.flatnonzero(mask), device=self._vectors.device)
        self._vectors[rows, self._written[rows] % self._vectors.shape[1]] = vectors[rows]
        self._written[rows] += 1

    def nearest(self, vectors: Tensor, count: int) -> Tensor:
        """Distances (N, K) from vectors (N, D) to the K = `count` nearest of each agent, inf for none."""
        used = max(int(self.counts.max()), 1)
        away = torch.cdist(vectors[:, None], self._vectors[:, :used])[:, 0]
        away = torch.where(torch.arange(used, device=away.device) < self.counts[:, None], away, torch.inf)
        found = away.topk(min(count, used), dim=1, largest=False).values
        missing = torch.full((len(found), count - found.shape[1]), torch.inf, device=away.device)
        return torch.cat([found, missing], dim=1)
