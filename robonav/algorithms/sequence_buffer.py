"""One rollout of N environments, kept as whole sequences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robonav.policies.encoder import Percept
from robonav.policies.sequence import Frames


@dataclass(frozen=True)
class Stream:
    """Discount and weight of one stream of reward."""

    gamma: float
    """Discount per step."""
    episodic: bool = True
    """Whether returns end with episodes; RND's do not (Burda et al. 2019, section 2.3)."""
    weight: float = 1.0
    """Of its advantages in those of the policy."""


@dataclass
class PolicyStep:
    """Percepts and actions of N environments in one step, with the policy's values and log-probabilities."""

    percept: Percept
    starts: NDArray[np.bool_]
    """(N,) whether an episode begins with this observation."""
    actions: NDArray[Any]
    """(N, ...) as the policy's head drew them."""
    values: NDArray[np.float32]
    """(N, V) of the observation, by stream of reward."""
    log_probs: NDArray[np.float32]
    """(N,) of the actions."""


@dataclass
class SequenceBatch:
    """Sequences (B, T, ...) of some environments, as tensors on the policy's device."""

    percepts: Percept
    before: Sequence[Frames | None]
    starts: Tensor
    actions: Tensor
    log_probs: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor


class SequenceBuffer:
    """Arrays (T, N, ...) that are filled step by step and read back environment by environment.

    Args:
        length: Steps T.
        num_envs: Environments N.
        kept: Shape and type of what a percept holds of one step, by name.
        action_shape: Of one action.
        action_dtype: Of actions.
        streams: Streams of reward V, each with values, returns and advantages of its own.
    """

    def __init__(
        self,
        length: int,
        num_envs: int,
        kept: Mapping[str, tuple[tuple[int, ...], type[np.generic]]],
        action_shape: tuple[int, ...] = (),
        action_dtype: type[np.generic] = np.int64,
        streams: int = 1,
    ) -> None:
        self.length, self.num_envs, self.streams = length, num_envs, streams
        self.percepts = {name: _room((length, num_envs), *what) for name, what in kept.items()}
        self.before: Sequence[Frames | None] = (None, None)  # what trunks remembered when the rollout began
        self.starts = np.zeros((length, num_envs), bool)
        self.actions = np.zeros((length, num_envs, *action_shape), action_dtype)
        self.log_probs = np.zeros((length, num_envs), np.float32)
        self.values = np.zeros((length, num_envs, streams), np.float32)
        self.rewards = np.zeros((length, num_envs, streams), np.float32)
        self.cut_off = np.zeros((length, num_envs, streams), np.float32)  # value that a time limit took away
        self.advantages = np.zeros((length, num_envs), np.float32)  # of all streams together
        self.returns = np.zeros((length, num_envs, streams), np.float32)

    def remember(self, t: int, decision: PolicyStep) -> None:
        """Keep what all environments perceived and did at step t."""
        for name, part in decision.percept.items():
            self.percepts[name][t] = part.cpu()
        self.starts[t], self.actions[t] = decision.starts, decision.actions
        self.values[t], self.log_probs[t] = decision.values, decision.log_probs

    def compute_advantages(
        self,
        next_values: NDArray[np.float32],
        dones: NDArray[np.bool_],
        streams: Sequence[Stream],
        gae_lambda: float,
    ) -> None:
        """Generalised advantages (Schulman et al. 2016, eq. 16) and the returns to learn values from.

        Args:
            next_values: (N, V) values of the observations after the last step.
            dones: (N,) bool, that step ended its episode.
            streams: How each of V streams of reward counts.
            gae_lambda: Trace decay.
        """
        self.advantages[:] = 0.0
        for k, stream in enumerate(streams):
            ends, starts = (flags & stream.episodic for flags in (dones, self.starts))
            alive, following = 1.0 - ends.astype(np.float32), next_values[:, k]
            advantage = np.zeros(self.num_envs, np.float32)
            for t in reversed(range(self.length)):
                delta = self.rewards[t, :, k] + stream.gamma * alive * following - self.values[t, :, k]
                advantage = delta + stream.gamma * gae_lambda * alive * advantage
                self.advantages[t] += stream.weight * advantage
                alive, following = 1.0 - starts[t].astype(np.float32), self.values[t, :, k]
                self.returns[t, :, k] = advantage + self.values[t, :, k]

    def shuffled(self, sequences: int, generator: torch.Generator) -> Iterator[NDArray[np.int64]]:
        """The numbers of all environments once, in random order, `sequences` at a time."""
        order = torch.randperm(self.num_envs, generator=generator).numpy()
        for first in range(0, self.num_envs, sequences):
            yield order[first : first + sequences]

    def batch(self, envs: NDArray[np.int64], device: torch.device) -> SequenceBatch:
        """The sequences of these environments (B,)."""

        def take(array: NDArray) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(array[:, envs].swapaxes(0, 1)), device=device)

        def take_percept(array: NDArray) -> Tensor:
            if not _is_image(array.shape[2:]):
                return take(array)
            return take(np.moveaxis(array, 2, -1)).movedim(-1, 2)

        rows = torch.as_tensor(envs, device=device)
        return SequenceBatch(
            before=[frames.part(rows) if frames else None for frames in self.before],
            percepts={name: take_percept(array) for name, array in self.percepts.items()},
            starts=take(self.starts),
            actions=take(self.actions),
            log_probs=take(self.log_probs),
            values=take(self.values),
            advantages=take(self.advantages),
            returns=take(self.returns),
        )


def _room(steps: tuple[int, int], shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    """Zeros (T, N, *shape); images (C, H, W) have channels last in memory, as convolutions read them."""
    if not _is_image(shape):
        return np.zeros((*steps, *shape), dtype)
    channels, height, width = shape
    return np.moveaxis(np.zeros((*steps, height, width, channels), dtype), -1, 2)


def _is_image(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3
