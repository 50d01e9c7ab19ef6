"""What episodic rewards share: vectors of observations, a ring buffer of them, and how episodes begin."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.features import Batch, Encoder, ObservationReader, frozen_random
from robonav.rewards.protocol import Snapshot, State, Transition


class RingBuffer:
    """The last `cap` vectors of each of N agents.

    Attributes:
        items: (N, cap, D).
        count: (N,) int64, how many were ever added.
    """

    def __init__(self, num_envs: int, cap: int, width: int, dtype: torch.dtype, device: torch.device) -> None:
        self.items = torch.zeros(num_envs, cap, width, dtype=dtype, device=device)
        self.count = torch.zeros(num_envs, dtype=torch.int64, device=device)

    @property
    def filled(self) -> Tensor:
        """(N, cap) bool, which items are there."""
        places = torch.arange(self.items.shape[1], device=self.count.device)
        return places < self.count[:, None]

    def add(self, items: Tensor, mask: Tensor) -> None:
        """Append (N, D) for the agents in `mask` (N,); the oldest go."""
        agents = mask.nonzero()[:, 0]
        self.items[agents, self.count[agents] % self.items.shape[1]] = items[agents]
        self.count[agents] += 1

    def clear(self, mask: Tensor) -> None:
        """Forget the items of the agents in `mask` (N,)."""
        self.count[mask] = 0

    def nearest(self, queries: Tensor, k: int) -> Tensor:
        """Distances (N, min(k, cap)) from (N, D) to the nearest own items; infinite where there are fewer."""
        exact = "donot_use_mm_for_euclid_dist"  # equal vectors have distance 0, which matrix products miss
        away = torch.cdist(queries[:, None], self.items, compute_mode=exact)[:, 0]
        away = away.masked_fill(~self.filled, torch.inf)
        return away.topk(min(k, away.shape[1]), largest=False).values


class FrozenFeatures:
    """Vectors (N, D) of observations by a random network that never learns.

    Raises:
        UsageError: Observations cannot be read.
    """

    def __init__(self, context: RewardContext, keys: tuple[str, ...] | None, width: int, name: str) -> None:
        self._read = ObservationReader(context, keys, reward=name)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(context.seed)
            self.network = frozen_random(Encoder(self._read.shapes, 2 * width, width)).to(context.device)

    @torch.no_grad()
    def __call__(self, seen: Snapshot) -> Tensor:
        """(N, D); bytes count in 255ths."""
        batch: Batch = {
            key: values / 255.0 if values.dtype == torch.uint8 else values
            for key, values in self._read(seen).items()
        }
        found: Tensor = self.network(batch)
        return found


class EpisodicReward:
    """A reward of what an episode has seen: subclass it with `code`, `bonus`, `add` and `clear`.

    The first observation of an episode counts as seen.
    """

    def __init__(self, config: RewardConfig, context: RewardContext) -> None:
        self.config: Any = config
        self.device = torch.device(context.device)

    def code(self, seen: Snapshot) -> Tensor:
        """What is remembered of observations, (N, D)."""
        raise NotImplementedError

    def bonus(self, code: Tensor) -> Tensor:
        """Reward (N,) of codes that are not added yet; changes nothing."""
        raise NotImplementedError

    def add(self, code: Tensor, mask: Tensor) -> None:
        """Remember codes of the agents in `mask`."""
        raise NotImplementedError

    def clear(self, mask: Tensor) -> None:
        """Forget the episodes of the agents in `mask`."""
        raise NotImplementedError

    def reset(self, mask: NDArray[np.bool_], first: Snapshot) -> None:
        """Forget, and count the first observations."""
        if mask.any():
            chosen = torch.as_tensor(mask, device=self.device)
            self.clear(chosen)
            self.add(self.code(first), chosen)

    def compute(
        self,
        before: Snapshot,
        action: NDArray[Any],
        after: Snapshot,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Reward (N,) of what the action led to."""
        return self.bonus(self.code(after)).float().cpu().numpy()

    def update(self, step: Transition) -> dict[str, float]:
        """Remember what the action led to."""
        self.add(self.code(step.after), torch.ones(len(step.after), dtype=torch.bool, device=self.device))
        return {}

    def state_dict(self) -> State:
        """Nothing: what was seen belongs to the episode, and the seed gives the random network."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Nothing to restore."""
        if state:
            raise ValueError(f"{self.config.name} keeps no state between episodes, found {sorted(state)}")
