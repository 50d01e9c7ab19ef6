"""The nouns that all worlds share: an episode, and the frames that agents saw in one step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass
class Frames:
    """What N agents saw and did in one step; all but `rgb` is privileged: for rewards and evaluation only.

    Attributes:
        rgb: (N, H, W, 3) uint8.
        depth: (N, H, W) float32 planar metres, 0 = no return.
        T_world_camera: (N, 4, 4) float32.
        position: (N, 3) float32 point on the floor below the agent, metres.
        yaw: (N,) float32 heading in radians, 0 = world x, counter-clockwise.
        collided: (N,) bool, the last forward move was blocked and rejected.
    """

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    T_world_camera: NDArray[np.float32]
    position: NDArray[np.float32]
    yaw: NDArray[np.float32]
    collided: NDArray[np.bool_]

    def of(self, agent: int) -> Frames:
        """The frames of one agent alone, N = 1."""
        return Frames(**{name: array[agent : agent + 1] for name, array in vars(self).items()})


@dataclass(frozen=True)
class Episode:
    """One start in one scene; `start` is (x, y, yaw) in metres and radians, world frame.

    Attributes:
        goal: Where it leads (x, y), metres; None where a task draws that, or there is none.
    """

    episode_id: str
    scene_id: str
    seed: int
    start: tuple[float, float, float]
    goal: tuple[float, float] | None = None
