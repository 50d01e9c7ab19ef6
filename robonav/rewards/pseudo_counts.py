"""Episodic pseudo-counts: how often an agent was near here in this episode, by a kernel of distances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.running_mean_std import RunningMeanStd
from torch import Tensor

from robonav.rewards.config import RewardContext
from robonav.rewards.protocol import Snapshot, State, Transition
from robonav.rewards.random_encoder import EncodedConfig, RandomEncoder
from robonav.rewards.ring_memory import RingMemory


@dataclass(frozen=True)
class PseudoCountsConfig(EncodedConfig):
    """Pseudo-counts of NGU: 1/sqrt(n) of how often an agent was near here in its episode."""

    neighbours: int = 10
    """Nearest memories that are looked at; higher counts are not told apart."""
    remembered: int = 2048
    """Vectors of an episode; the oldest are overwritten."""
    cluster: float = 0.008
    """Distance, over the mean one, below which memories are the same."""
    kernel: float = 1e-4
    """Epsilon of the kernel."""
    floor: float = 1e-3
    """Constant c, which bounds the reward by 1/c."""

    name: ClassVar[str] = "pseudo-counts"
    source: ClassVar[str] = "Badia et al. 2020 (2002.06038), eq. 2 and 3"
    episodic: ClassVar[bool] = True

    def build(self, context: RewardContext) -> PseudoCounts:
        """The reward for an environment."""
        return PseudoCounts(self, context)


class PseudoCounts:
    """1 / (sqrt(sum_k K(x, x_k)) + c) over the nearest memories of the episode, K = e / (d^2/d_m^2 + e).

    Args:
        config: Its options.
        context: The environments.
    """

    def __init__(self, config: PseudoCountsConfig, context: RewardContext) -> None:
        self.config = config
        self._encoder = RandomEncoder(context, config.keys, config.outputs, config.name)
        self._memory = RingMemory(context.num_envs, config.remembered, config.outputs, context.device)
        self._distances = RunningMeanStd(shape=())

    def reset(self, mask: NDArray[np.bool_], first: Snapshot) -> None:
        """Forget the episodes of the agents in `mask` (N,), and remember where they begin."""
        self._encoder.take_in(first)
        self._memory.forget(mask)
        self._memory.add(self._encoder(first), mask)

    def compute(
        self,
        before: Snapshot,
        action: NDArray[Any],
        after: Snapshot,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Reward (N,)."""
        away = self._memory.nearest(self._encoder(after), self.config.neighbours)
        paid: NDArray[np.float32] = self._bonus(away).float().cpu().numpy()
        return paid

    def update(self, step: Transition) -> dict[str, float]:
        """Remember where the step led to."""
        self._encoder.take_in(step.after)
        vectors = self._encoder(step.after)
        away = self._memory.nearest(vectors, self.config.neighbours)
        known = away[torch.isfinite(away)].square().cpu().numpy()
        if len(known):
            self._distances.update(known)
        self._memory.add(vectors, np.ones(len(step.terminated), bool))
        return {}

    def state_dict(self) -> State:
        """The encoder and the mean distance; memories belong to the episode."""
        mean = {name: np.asarray(getattr(self._distances, name)) for name in ("mean", "var", "count")}
        encoder = {f"encoder.{name}": value for name, value in self._encoder.state_dict().items()}
        return {**encoder, **{f"distance.{name}": value for name, value in mean.items()}}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave."""
        start = "encoder."
        self._encoder.load_state_dict({k[len(start) :]: v for k, v in state.items() if k.startswith(start)})
        self._distances.mean, self._distances.var = state["distance.mean"], state["distance.var"]
        self._distances.count = float(state["distance.count"])

    def _bonus(self, away: Tensor) -> Tensor:
        """Reward (N,) of distances (N, K) to the nearest memories."""
        scaled = away.square() / max(float(self._distances.mean), 1e-8)
        scaled = (scaled - self.config.cluster).clamp(min=0)
        similar = (self.config.kernel / (scaled + self.config.kernel)).sum(-1)
        return 1 / (similar.sqrt() + self.config.floor)
