"""Never give up: episodic pseudo-counts times what no episode has shown yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.running_mean_std import RunningMeanStd

from robonav.rewards.config import RewardContext
from robonav.rewards.protocol import Snapshot, State, Transition
from robonav.rewards.pseudo_counts import PseudoCounts, PseudoCountsConfig
from robonav.rewards.rnd import RandomNetworkDistillation, RndConfig


@dataclass(frozen=True)
class NguConfig(PseudoCountsConfig):
    """NGU: pseudo-counts of the episode times a lifelong novelty between 1 and 5."""

    most: float = 5.0
    """Upper limit L of the lifelong factor."""
    rnd: RndConfig = field(default_factory=RndConfig)
    """What tells lifelong novelty."""

    name: ClassVar[str] = "ngu"
    source: ClassVar[str] = "Badia et al. 2020 (2002.06038), eq. 1"
    episodic: ClassVar[bool] = True

    def build(self, context: RewardContext) -> NeverGiveUp:  # type: ignore[override]
        """The reward for an environment."""
        return NeverGiveUp(self, context)


def _named(state: State, start: str) -> State:
    """The part of a state whose names begin so, by the rest of their names."""
    return {key[len(start) :]: value for key, value in state.items() if key.startswith(start)}


class NeverGiveUp:
    """r_episode * clip(1 + (e - mean(e)) / std(e), 1, L), where e is the error of RND.

    Args:
        config: Its options.
        context: The environments.
    """

    def __init__(self, config: NguConfig, context: RewardContext) -> None:
        self.config = config
        self._episode = PseudoCounts(config, context)
        rnd = config.rnd if config.rnd.keys or not config.keys else RndConfig(keys=config.keys)
        self._lifelong = RandomNetworkDistillation(rnd, context)
        self._errors = RunningMeanStd(shape=())

    def reset(self, mask: NDArray[np.bool_], first: Snapshot) -> None:
        """Forget the episodes of the agents in `mask` (N,)."""
        self._episode.reset(mask, first)

    def compute(
        self,
        before: Snapshot,
        action: NDArray[Any],
        after: Snapshot,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Reward (N,)."""
        step = Transition(before, action, after, terminated, truncated)
        error = self._lifelong.compute(*step)
        factor = 1 + (error - self._errors.mean) / np.sqrt(self._errors.var + 1e-8)
        return (self._episode.compute(*step) * factor.clip(1, self.config.most)).astype(np.float32)

    def update(self, step: Transition) -> dict[str, float]:
        """Remember where the step led to, and learn it."""
        self._errors.update(self._lifelong.compute(*step).astype(np.float64))
        return {**self._episode.update(step), **self._lifelong.update(step)}

    def state_dict(self) -> State:
        """State of both parts, and the mean and deviation of errors."""
        mean = {
            f"errors.{name}": np.asarray(getattr(self._errors, name)) for name in ("mean", "var", "count")
        }
        episode = {f"episode.{k}": v for k, v in self._episode.state_dict().items()}
        return {**mean, **episode, **{f"lifelong.{k}": v for k, v in self._lifelong.state_dict().items()}}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave."""
        self._episode.load_state_dict(_named(state, "episode."))
        self._lifelong.load_state_dict(_named(state, "lifelong."))
        self._errors.mean, self._errors.var = state["errors.mean"], state["errors.var"]
        self._errors.count = float(state["errors.count"])
