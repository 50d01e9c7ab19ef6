"""RE3: the entropy of visited states, by distances to the nearest ones in a fixed random space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from robonav.rewards.config import RewardContext
from robonav.rewards.protocol import Snapshot, State, Transition
from robonav.rewards.random_encoder import EncodedConfig, RandomEncoder


@dataclass(frozen=True)
class Re3Config(EncodedConfig):
    """RE3: log(1 + distance to the k-th nearest state of all that agents saw lately)."""

    neighbours: int = 5
    """k."""
    remembered: int = 10_000
    """States of all agents together; the oldest are overwritten."""

    name: ClassVar[str] = "re3"
    source: ClassVar[str] = "Seo et al. 2021 (2102.09430), eq. 4"

    def build(self, context: RewardContext) -> StateEntropy:
        """The reward for an environment."""
        return StateEntropy(self, context)


class StateEntropy:
    """log(1 + |g(o') - its k-th nearest neighbour|), g fixed and random.

    Args:
        config: Its options.
        context: The environments.
    """

    def __init__(self, config: Re3Config, context: RewardContext) -> None:
        self.config = config
        self._encoder = RandomEncoder(context, config.keys, config.outputs, config.name)
        self._states = torch.zeros(config.remembered, config.outputs, device=context.device)
        self._written = 0

    def reset(self, mask: NDArray[np.bool_], first: Snapshot) -> None:
        """Nothing to forget: entropy is that of all episodes."""

    def compute(
        self,
        before: Snapshot,
        action: NDArray[Any],
        after: Snapshot,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Reward (N,); 0 while there is no state to compare with."""
        known = min(self._written, len(self._states))
        if not known:
            return np.zeros(len(terminated), np.float32)
        away = torch.cdist(self._encoder(after), self._states[:known])
        kth = away.kthvalue(min(self.config.neighbours, known), dim=1).values
        paid: NDArray[np.float32] = kth.log1p().cpu().numpy()
        return paid

    def update(self, step: Transition) -> dict[str, float]:
        """Remember where the step led to."""
        self._encoder.take_in(step.after)
        vectors = self._encoder(step.after)
        rows = (self._written + torch.arange(len(vectors))) % len(self._states)
        self._states[rows] = vectors
        self._written += len(vectors)
        return {}

    def state_dict(self) -> State:
        """The encoder and the states."""
        encoder = {f"encoder.{name}": value for name, value in self._encoder.state_dict().items()}
        return {**encoder, "states": self._states.cpu().numpy().copy(), "written": np.asarray(self._written)}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave."""
        start = "encoder."
        self._encoder.load_state_dict({k[len(start) :]: v for k, v in state.items() if k.startswith(start)})
        self._states.copy_(torch.tensor(state["states"]))
        self._written = int(state["written"])
