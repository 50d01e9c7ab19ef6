"""Between agents and a drive: steps pass as they are, velocities become the arcs of training."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robonav.agent import Explorer, actions_given_by
from robonav.driving.arc import Action, Arc
from robonav.driving.safety import SafetyStopError
from robonav.envs.actions import Velocities
from robonav.envs.robots.robot import Twist


class AgentActions(Protocol):
    """Translates the actions of one agent (N = 1)."""

    def told(self, carried_out: Action | None) -> NDArray[Any]:
        """Value that the agent reads as `previous_action`, of what the robot carried out last."""
        ...

    def taken(self, actions: NDArray[Any]) -> Action:
        """Action that the robot has to carry out."""
        ...


class StepActions:
    """Steps: 0 forward, 1 left, 2 right."""

    def told(self, carried_out: Action | None) -> NDArray[np.int64]:
        """The step + 1 (1,); 0 where there was none."""
        if carried_out is None or isinstance(carried_out, Twist | Arc):
            return np.zeros(1, dtype=np.int64)
        return np.array([carried_out + 1])

    def taken(self, actions: NDArray[Any]) -> int:
        """The step."""
        return int(actions[0])


class VelocityActions:
    """Shares of the speeds of training, each held for one decision; a person's steps are told as shares."""

    def __init__(self) -> None:
        self._velocities = Velocities()

    def told(self, carried_out: Action | None) -> NDArray[np.float32]:
        """The shares (1, 2); 0 where there were none."""
        if carried_out is None or isinstance(carried_out, Twist):
            return self._velocities.none_yet(1)
        arc = Arc.of(carried_out)
        return self._velocities.shares(np.array([[arc.length_m, arc.turn_rad]]))

    def taken(self, actions: NDArray[Any]) -> Arc:
        """The arc along which the agent would move in training.

        Raises:
            SafetyStopError: A share is not finite.
        """
        try:
            return Arc(*self._velocities.arcs(actions)[0].tolist())
        except ValueError as error:
            raise SafetyStopError(f"the policy gives no velocity: {error}") from error


def agent_actions(agent: Explorer) -> AgentActions:
    """The translation that an agent needs."""
    return VelocityActions() if actions_given_by(agent) == "velocities" else StepActions()
