"""Never give up: what the episode has not seen, times what no episode has shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.features import RunningMoments
from robonav.rewards.protocol import Snapshot, State, Transition
from robonav.rewards.pseudo_counts import PseudoCountsConfig
from robonav.rewards.rnd import RndConfig

_EPISODE, _LIFE, _MOMENTS = "episode.", "life.", "moments."


@dataclass(frozen=True)
class NguConfig(RewardConfig):
    """Options of episodic pseudo-counts times a lifelong novelty."""

    name: ClassVar[str] = "ngu"
    source: ClassVar[str] = "Badia et al. 2020, Never give up, eq. 1, arXiv 2002.06038"
    episodic: ClassVar[bool] = True

    most: float = 5.0
    """Upper limit L of the lifelong factor; the lower one is 1."""
    episode: PseudoCountsConfig = field(default_factory=PseudoCountsConfig)
    """The episodic part."""
    life: RndConfig = field(default_factory=RndConfig)
    """The lifelong part."""

    def build(self, context: RewardContext) -> NeverGiveUp:
        """The reward for an environment."""
        return NeverGiveUp(self, context)


class NeverGiveUp:
    """r_episode * clip(1 + (e - mean(e)) / std(e), 1, L), e being the error of RND (eq. 1).

    Args:
        config: Its options.
        context: The environment.
    """

    def __init__(self, config: NguConfig, context: RewardContext) -> None:
        self.config = config
        self.episode, self.life = config.episode.build(context), config.life.build(context)
        self._moments = RunningMoments((1,), clip=np.inf)

    def reset(self, mask: NDArray[np.bool_], first: Snapshot) -> None:
        """Forget the episodes of the agents in `mask` (N,); what was learned stays."""
        self.episode.reset(mask, first)
        self.life.reset(mask, first)

    def compute(
        self,
        before: Snapshot,
        action: NDArray[Any],
        after: Snapshot,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Reward (N,): the episodic part alone before the lifelong one has learned anything."""
        step = Transition(before, action, after, terminated, truncated)
        error = torch.as_tensor(self.life.compute(*step))[:, None]
        factor = (1 + self._moments(error)[:, 0]).clamp(1.0, self.config.most).numpy()
        return (self.episode.compute(*step) * factor).astype(np.float32)

    def update(self, step: Transition) -> dict[str, float]:
        """Remember what the action led to, and learn from it."""
        if self.life.trainings:  # before, errors are 0 and mean nothing
            self._moments.update(torch.as_tensor(self.life.compute(*step))[:, None])
        return {**self.episode.update(step), **self.life.update(step)}

    def state_dict(self) -> State:
        """State of both parts, mean and deviation of errors."""
        moments = {name: value.numpy().copy() for name, value in self._moments.state_dict().items()}
        parts = {_EPISODE: self.episode.state_dict(), _LIFE: self.life.state_dict(), _MOMENTS: moments}
        return {f"{start}{name}": value for start, part in parts.items() for name, value in part.items()}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave."""
        self.episode.load_state_dict(_named(state, _EPISODE))
        self.life.load_state_dict(_named(state, _LIFE))
        moments = {name: torch.tensor(value) for name, value in _named(state, _MOMENTS).items()}
        self._moments.load_state_dict(moments)


def _named(state: State, start: str) -> State:
    """The part of a state whose names begin so, by the rest of their names."""
    return {key[len(start) :]: value for key, value in state.items() if key.startswith(start)}
