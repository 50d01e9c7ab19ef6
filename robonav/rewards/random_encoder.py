"""A fixed random encoder: vectors in which rewards with a memory measure distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.features import Network, Observations
from robonav.rewards.protocol import Snapshot, State

_SETTLED = 10_000  # observations after which means and deviations stay, so that distances keep their meaning


@dataclass(frozen=True)
class EncodedConfig(RewardConfig):
    """Options of rewards that compare vectors of a fixed random network."""

    keys: tuple[str, ...] | None = None
    """Which parts of the observation are read; none named = all."""
    outputs: int = 32
    """Length of the vectors."""


class RandomEncoder:
    """Turns what N agents observe into vectors (N, outputs), by weights that never change.

    Args:
        context: The environments.
        keys: Which parts of the observation are read; None = all.
        outputs: Length of the vectors.
        reward: Name in messages.
    """

    def __init__(self, context: RewardContext, keys: Sequence[str] | None, outputs: int, reward: str) -> None:
        space = context.select(keys, reward)
        self._observations, self._seen = Observations(space, reward, context.device), 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(context.seed)
            self._network = Network(space, outputs).requires_grad_(False).to(context.device)

    def __call__(self, seen: Snapshot) -> Tensor:
        """Vectors (N, outputs)."""
        with torch.no_grad():
            found: Tensor = self._network(self._observations.read(seen.observation))
        return found

    def take_in(self, seen: Snapshot) -> None:
        """Count observations in the means and deviations of inputs."""
        if self._seen < _SETTLED:
            self._seen += len(seen)
            self._observations.take_in(seen.observation)

    def state_dict(self) -> State:
        """Weights, means and deviations."""
        weights = {f"network.{k}": v.cpu().numpy().copy() for k, v in self._network.state_dict().items()}
        scale = {f"scale.{k}": v for k, v in self._observations.state_dict().items()}
        return {**weights, **scale, "seen": np.asarray(self._seen)}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave."""
        self._network.load_state_dict(
            {
                k.removeprefix("network."): torch.tensor(v)
                for k, v in state.items()
                if k.startswith("network.")
            }
        )
        scale = {k.removeprefix("scale."): v for k, v in state.items() if k.startswith("scale.")}
        self._observations.load_state_dict(scale)
        self._seen = int(state["seen"])
