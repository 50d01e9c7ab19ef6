"""The steps of a navigating agent: forward 0.25 m, left 15 degrees, right 15 degrees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robonav.envs.world import Frames

FORWARD, LEFT, RIGHT = 0, 1, 2
NUM_ACTIONS = 3
FORWARD_M = 0.25
TURN_RAD = float(np.radians(15.0))


def previous_action(actions: NDArray[np.integer], frames: Frames) -> NDArray[np.int64]:
    """Encode the actions (N,) that led to the frames for the policy: action + 1, 0 where blocked."""
    return np.where(frames.collided, 0, np.asarray(actions, dtype=np.int64) + 1)


def carried_out(previous_action: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Metres forward (N,) and radians turned (N,) of what a policy is told: 0 nothing, else action + 1."""
    turns = (previous_action == LEFT + 1).astype(float) - (previous_action == RIGHT + 1)
    return FORWARD_M * (previous_action == FORWARD + 1), TURN_RAD * turns
