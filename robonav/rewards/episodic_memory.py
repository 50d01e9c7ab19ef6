"""Vectors of observations, a ring buffer of them, and how episodes begin, for all episodic rewards."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.features import Batch, Encoder, ObservationReader, RunningMoments, frozen_random
from robonav.rewards.protocol import Snapshot, State, Transition

_CLIP = 5.0  # standard deviations at which numbers without bounds are cut off


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


class EpisodeScale(nn.Module):
    """Brings the numbers of an observation to a common range, the same one throughout an episode.

    Entries with bounds go to [0, 1] by them. The others are standardised by the mean and deviation of all
    that was seen before the agent's episode began, so that what is remembered of an episode stays comparable;
    in the first episode they are left as they are.

    Args:
        reader: Says which entries there are.
        num_envs: N.
    """

    def __init__(self, reader: ObservationReader, num_envs: int) -> None:
        super().__init__()
        self._free = {key: str(i) for i, key in enumerate(reader.standardised) if key not in reader.bounds}
        self._bounds = {key: torch.as_tensor(bounds) for key, bounds in reader.bounds.items()}
        self.seen = nn.ModuleDict(
            {name: RunningMoments(reader.shapes[key]) for key, name in self._free.items()}
        )
        self._of_episode = {
            key: torch.stack([torch.zeros(num_envs, *shape), torch.ones(num_envs, *shape)])
            for key, shape in reader.shapes.items()
            if key in self._free
        }

    def update(self, batch: Batch) -> None:
        """Count a batch in, for episodes to come."""
        for key, name in self._free.items():
            moments: RunningMoments = self.seen[name]  # type: ignore[assignment]
            moments.update(batch[key])

    def begin(self, mask: Tensor) -> None:
        """Fix the scale of the episodes that agents in `mask` (N,) begin."""
        for key, name in self._free.items():
            moments: RunningMoments = self.seen[name]  # type: ignore[assignment]
            deviation = (moments.var + 1e-8).sqrt()
            self._of_episode[key] = self._of_episode[key].to(mask.device)
            self._of_episode[key][:, mask] = torch.stack([moments.mean, deviation])[:, None]

    def forward(self, batch: Batch) -> Batch:
        """The batch (N, ...) in float32."""
        return {key: self._scaled(key, values.float()) for key, values in batch.items()}

    def _scaled(self, key: str, values: Tensor) -> Tensor:
        if key in self._bounds:
            low, high = self._bounds[key].to(values.device)
            return (values - low) / (high - low)
        if key in self._free:
            mean, deviation = self._of_episode[key].to(values.device)
            return ((values - mean) / deviation).clamp(-_CLIP, _CLIP)
        return values


class FrozenFeatures(nn.Module):
    """Vectors (N, D) of observations by a random network that never learns.

    Raises:
        UsageError: Observations cannot be read.
    """

    def __init__(self, context: RewardContext, keys: tuple[str, ...] | None, width: int, name: str) -> None:
        super().__init__()
        self.read = ObservationReader(context, keys, reward=name)
        self.scale = EpisodeScale(self.read, context.num_envs)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(context.seed)
            self.network = frozen_random(Encoder(self.read.shapes, 2 * width, width))
        self.to(context.device)

    @torch.no_grad()
    def forward(self, seen: Snapshot) -> Tensor:
        """(N, D)."""
        found: Tensor = self.network(self.scale(self.read(seen)))
        return found

    def begin(self, mask: Tensor) -> None:
        """Fix the scale of the episodes that agents in `mask` (N,) begin."""
        self.scale.begin(mask)

    def update(self, seen: Snapshot) -> None:
        """Count observations in the scale of episodes to come."""
        self.scale.update(self.read(seen))


class Coder(Protocol):
    """Makes vectors (N, D) of what agents see; a module whose state is all that it needs to do so again."""

    def __call__(self, seen: Snapshot) -> Tensor:
        """(N, D)."""

    def begin(self, mask: Tensor) -> None:
        """Agents in `mask` (N,) begin an episode."""

    def update(self, seen: Snapshot) -> None:
        """Learn the range of what is seen."""

    def state_dict(self) -> dict[str, Tensor]:
        """Its tensors by name."""

    def load_state_dict(self, state: dict[str, Tensor]) -> Any:
        """Restore them."""


class EpisodicReward:
    """A reward of what an episode has seen: subclass it with `bonus`, `add` and `clear`.

    The first observation of an episode counts as seen.

    Args:
        config: Its options.
        device: Where it lives.
        coder: Makes the vectors that are remembered.
    """

    def __init__(self, config: RewardConfig, device: str, coder: Coder) -> None:
        self.config: Any = config
        self.device = torch.device(device)
        self.code = coder

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
            self.code.begin(chosen)
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
        self.code.update(step.after)
        return {}

    def state_dict(self) -> State:
        """The coder; what was seen belongs to the episode."""
        return {f"code/{name}": part.cpu().numpy().copy() for name, part in self.code.state_dict().items()}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave.

        Raises:
            RuntimeError: It is the state of something else.
        """
        parts = {
            name.removeprefix("code/"): array for name, array in state.items() if name.startswith("code/")
        }
        self.code.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in parts.items()})
