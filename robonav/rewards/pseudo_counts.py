"""Pseudo-counts of an episode by a kernel on the distances to the nearest observations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from robonav.errors import UsageError
from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.episodic_memory import EpisodicReward, FrozenFeatures, RingBuffer
from robonav.rewards.protocol import State


@dataclass(frozen=True)
class PseudoCountsConfig(RewardConfig):
    """Options of kernel pseudo-counts.

    Raises:
        UsageError: A number is out of its range.
    """

    name: ClassVar[str] = "pseudo-counts"
    source: ClassVar[str] = "Badia et al. 2020, Never give up, algorithm 1, arXiv 2002.06038"
    episodic: ClassVar[bool] = True

    keys: tuple[str, ...] | None = None
    """Entries of the observation that it reads; None = all."""
    width: int = 32
    """Numbers of a feature vector."""
    k: int = 10
    """Nearest neighbours; more visits than these are not told apart."""
    cap: int = 2000
    """Steps of an episode that are remembered."""
    epsilon: float = 1e-4
    """Of the kernel."""
    cluster: float = 0.008
    """Relative squared distance below which observations are one."""
    constant: float = 1e-3
    """Added to the similarity: the largest reward is 1 / constant."""
    most: float = 8.0
    """Similarity above which nothing is paid."""

    def __post_init__(self) -> None:
        """Check ranges."""
        if min(self.width, self.k, self.cap) < 1 or min(self.epsilon, self.constant) <= 0:
            raise UsageError(
                f"reward {self.name} has width {self.width}, k {self.k}, cap {self.cap}, "
                f"epsilon {self.epsilon}, constant {self.constant}: "
                "the first three have to be 1 or more, the others above 0"
            )

    def build(self, context: RewardContext) -> PseudoCounts:
        """The reward for an environment."""
        return PseudoCounts(self, context)


class PseudoCounts(EpisodicReward):
    """1 / (sqrt(sum of kernels) + c) over the k nearest observations (Badia et al. 2020, eq. 2).

    The mean squared distance that the kernel is scaled by outlives episodes. Before there is one, whatever is
    not seen yet is infinitely far and pays the most.
    """

    def __init__(self, config: PseudoCountsConfig, context: RewardContext) -> None:
        features = FrozenFeatures(context, config.keys, config.width, config.name)
        super().__init__(config, context.device, features)
        self._memory = RingBuffer(context.num_envs, config.cap, config.width, torch.float32, self.device)
        self._squares, self._samples = 0.0, 0

    def bonus(self, code: Tensor) -> Tensor:
        """Equation 2."""
        away = self._memory.nearest(code, self.config.k).square()
        mean = self._squares / max(self._samples, 1)
        # 0 / 0 is the same observation, before any other was seen
        relative = torch.where(away == 0, away, away / mean if mean else torch.inf)
        relative = (relative - self.config.cluster).clamp(min=0.0)
        kernels = self.config.epsilon / (relative + self.config.epsilon)
        similarity = kernels.sum(1).sqrt() + self.config.constant
        return torch.where(similarity > self.config.most, 0.0, 1.0 / similarity)

    def add(self, code: Tensor, mask: Tensor) -> None:
        """Remember the observation, and how far its neighbours were."""
        away = self._memory.nearest(code, self.config.k)[mask]
        known = away[away.isfinite()].double()
        self._squares += float(known.square().sum())
        self._samples += known.numel()
        self._memory.add(code, mask)

    def clear(self, mask: Tensor) -> None:
        """Forget all observations."""
        self._memory.clear(mask)

    def state_dict(self) -> State:
        """The features, and the mean squared distance."""
        scale = {"squares": np.asarray(self._squares), "samples": np.asarray(self._samples)}
        return super().state_dict() | scale

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave."""
        super().load_state_dict(state)
        self._squares, self._samples = float(state["squares"]), int(state["samples"])
