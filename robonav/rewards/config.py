"""Description of a reward before it is built for an environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from torch import nn

from robonav.envs.sensors.camera import Camera
from robonav.envs.world import World
from robonav.errors import UsageError
from robonav.rewards.protocol import IntrinsicReward


@dataclass(frozen=True)
class RewardContext:
    """All that a reward may ask of the environment it is built for.

    Attributes:
        num_envs: N.
        observation_space: Of one agent; a space that is no `Dict` stands under the key "observation".
        action_space: Of one agent.
        seed: Decides initial weights and whatever is drawn.
        device: Where networks and maps live.
        threads: CPU threads of a map's kernels.
        world: The robonav world, whose frames are privileged; None in other environments.
        camera: Of that world's frames; None in other environments.
        predictor: robonav's frozen depth-and-occupancy predictor, whose features (N, F) of images a
            reward may read; None = there is none.
    """

    num_envs: int
    observation_space: spaces.Dict
    action_space: spaces.Space[Any]
    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    world: World | None = None
    camera: Camera | None = None
    predictor: nn.Module | None = None

    def select(self, keys: Sequence[str] | None, reward: str) -> spaces.Dict:
        """The part of the observation space that a reward reads; None = all of it.

        Raises:
            UsageError: A key is not there.
        """
        known = self.observation_space.spaces
        for key in keys or ():
            if key not in known:
                raise UsageError(f"reward {reward} is to read {key!r}: observations have {', '.join(known)}")
        return spaces.Dict({key: known[key] for key in keys or known})

    def privileged_world(self, reward: str) -> World:
        """The world with privileged frames.

        Raises:
            UsageError: The environment is not one of robonav's.
        """
        if self.world is None:
            raise UsageError(
                f"reward {reward} is paid for depth and poses, which only robonav's worlds give: take one "
                "that reads observations, such as rnd, rdd or e3b"
            )
        return self.world

    def privileged_camera(self, reward: str) -> Camera:
        """The camera of the world's privileged frames.

        Raises:
            UsageError: The environment is not one of robonav's, or agents see through no camera in it.
        """
        self.privileged_world(reward)
        if self.camera is None:
            raise UsageError(f"reward {reward} is paid for images of depth, and this world has no camera")
        return self.camera


@dataclass(frozen=True)
class RewardConfig:
    """A reward and its options: subclass it as a frozen dataclass, and name it in `REWARDS`.

    Attributes:
        name: By which users choose it.
        source: The paper and its equation, one line.
        episodic: Whether the reward of a state depends on the episode: then its return ends with
            episodes, and else it does not (Burda et al. 2019).
    """

    name: ClassVar[str]
    source: ClassVar[str]
    episodic: ClassVar[bool] = False

    def build(self, context: RewardContext) -> IntrinsicReward:
        """The reward for an environment.

        Raises:
            UsageError: It cannot read the environment's observations or actions.
        """
        raise NotImplementedError

    def to_check(self) -> RewardConfig:
        """The configuration that `robonav rewards check` tries; override it where defaults build nothing."""
        return self


def every_agent(num_envs: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The mask (N,) of all agents."""
    return np.ones(num_envs, bool)
