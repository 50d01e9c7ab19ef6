"""The loop of an episode: what decides looks, acts, and the world goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from numpy.typing import NDArray

from robonav.envs.world import Frames, Observation, World

Act = Callable[[Observation, Frames], NDArray[Any]]


def rollout(world: World, observation: Observation, act: Act, steps: int) -> Iterator[Frames]:
    """Let agents act; yields what they saw: the present first, then what each of so many steps led to.

    Args:
        world: After `reset` or `start`.
        observation: The first observation, as `reset` or `start` returned it.
        act: Chooses actions (N, ...) by what agents see; frames are for planners that may know the truth.
        steps: How many.
    """
    yield world.frames
    for _ in range(steps):
        observation = world.step(act(observation, world.frames)).observation
        yield world.outcome
