"""Steps of environments on a tape, so that one reward after the other is shown exactly the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from robonav.rewards.config import RewardContext, every_agent
from robonav.rewards.protocol import IntrinsicReward, Snapshot, Transition
from robonav.rewards.snapshots import Snapshots, context_of


class Moment(NamedTuple):
    """A step, and where agents were then: at a first observation where an episode was over."""

    step: Transition
    then: Snapshot


@dataclass(frozen=True)
class Tape:
    """Recorded steps of N agents.

    Attributes:
        context: Their environments.
        first: Where they began.
        steps: Their actions, with the ends of episodes.
        then: Where they were after each step.
    """

    context: RewardContext
    first: Snapshot
    steps: list[Transition]
    then: list[Snapshot]

    def play(
        self, reward: IntrinsicReward, start: int = 0, end: int | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """Show it to a reward that begins with step `start`; yields what is paid (N,) in each step."""
        begin = self.then[start - 1] if start else self.first
        reward.reset(every_agent(len(begin)), begin)
        yield from self.go_on(reward, start, end)

    def go_on(
        self, reward: IntrinsicReward, start: int, end: int | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """Show it to a reward that has seen what was before step `start`."""
        for step, then in zip(self.steps[start:end], self.then[start:end], strict=True):
            yield reward.compute(*step)
            reward.update(step)
            if step.over.any():
                reward.reset(step.over, then)


def record(venv: VecEnv, steps: int, seed: int = 0) -> Tape:
    """Let agents act at random for so many steps."""
    context = context_of(venv, seed, "cpu", 1, None)
    first, moments = live(venv, seed)
    lived = list(islice(moments, steps))
    return Tape(context, first, [moment.step for moment in lived], [moment.then for moment in lived])


def live(venv: VecEnv, seed: int = 0) -> tuple[Snapshot, Iterator[Moment]]:
    """Let agents act at random, by a seed: where they begin, and each step as it is done."""
    see = Snapshots(venv)
    venv.action_space.seed(seed)
    first = see.now(venv.reset())
    return first, _moments(venv, see, first)


def _moments(venv: VecEnv, see: Snapshots, now: Snapshot) -> Iterator[Moment]:
    while True:
        action = np.asarray([venv.action_space.sample() for _ in range(venv.num_envs)])
        observation, _, dones, infos = venv.step(action)
        truncated = np.array([bool(info.get("TimeLimit.truncated")) for info in infos]) & dones
        before, now = now, see.now(observation)
        after = see.outcome(now, dones, infos)
        yield Moment(Transition(before, action, after, dones & ~truncated, truncated), now)
