"""The protocol that policies, planners and baselines share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from robonav.envs.actions import ActionsName
    from robonav.envs.sensors.camera import Camera
    from robonav.envs.world import Frames


class Explorer(Protocol):
    """Chooses actions for a batch of agents that start together and step together.

    Attributes:
        camera: The camera that it needs.
    """

    camera: Camera

    def reset(self, num_agents: int, seed: int) -> None:
        """Forget everything; `num_agents` new episodes begin."""

    def act(
        self, observation: dict[str, NDArray[np.generic]], frames: Frames, camera: Camera
    ) -> NDArray[Any]:
        """Actions (N,) of 0 forward, 1 left, 2 right, or velocities (N, 2).

        Args:
            observation: `rgb` (N, H, W, 3) uint8 and `previous_action` (N,) int (0 none, else action + 1),
                and `goal` (N, H, W, 3) uint8 or `point_goal` (N, 2) and `odometry` (N, 4) where the
                task tells them: all that a policy may look at.
            frames: Depth, pose and collisions: for planners that are allowed the truth.
            camera: The camera that took the frames.
        """
        ...


def actions_given_by(agent: Explorer) -> ActionsName:
    """Return an agent's kind of actions: `velocities` if its attribute `actions` says so, else `steps`."""
    given: ActionsName = getattr(agent, "actions", "steps")
    return given
