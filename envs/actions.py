"""Action spaces of agents, by steps or by velocities, and the motions of each."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robonav.envs.navigation.steps import FORWARD, FORWARD_M, LEFT, NUM_ACTIONS, RIGHT, TURN_RAD

ActionsName = Literal["steps", "velocities"]
ARC_PIECE_M = 0.05


class Actions(Protocol):
    """Action space of the agents of a world, and its motions.

    Attributes:
        space: Of one agent's action.
        previous_space: Of what an observation tells of the last action.
    """

    space: spaces.Space[Any]
    previous_space: spaces.Space[Any]

    def motion(self, actions: NDArray[Any]) -> NDArray[np.float64]:
        """SE(2) motions (N, 3) that actions (N, ...) ask for: metres forward and left, radians turned."""

    def previous(self, actions: NDArray[Any], blocked: NDArray[np.bool_]) -> NDArray[Any]:
        """Encode actions (N, ...) for the next observation; blocked ones (N,) were not carried out."""

    def none_yet(self, num_agents: int) -> NDArray[Any]:
        """Encoded previous actions (N, ...) at the start of an episode."""


class Steps:
    """Forward 0.25 m, left 15 degrees, right 15 degrees: 0, 1, 2."""

    def __init__(self) -> None:
        self.space: spaces.Space[Any] = spaces.Discrete(NUM_ACTIONS)
        self.previous_space: spaces.Space[Any] = spaces.Discrete(NUM_ACTIONS + 1)

    def motion(self, actions: NDArray[Any]) -> NDArray[np.float64]:
        """Motions (N, 3) of steps (N,)."""
        actions = np.asarray(actions).reshape(-1)
        turned = TURN_RAD * ((actions == LEFT).astype(float) - (actions == RIGHT))
        return np.column_stack([FORWARD_M * (actions == FORWARD), np.zeros(len(actions)), turned])

    def previous(self, actions: NDArray[Any], blocked: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The action + 1 (N,), 0 where it was blocked."""
        return np.where(blocked, 0, np.asarray(actions, dtype=np.int64).reshape(-1) + 1)

    def none_yet(self, num_agents: int) -> NDArray[np.int64]:
        """0 (N,)."""
        return np.zeros(num_agents, dtype=np.int64)


class Velocities:
    """Shares of the top speed ahead and of the top turn rate, held for one decision period: -1 to 1 each.

    The agent goes along an arc, as a unicycle does (Siegwart et al. 2011, chapter 3). At the defaults full
    speed is one step, and the full turn rate one turn, of `Steps`. What is beyond 1 is cut to it.

    Args:
        speed_m: Metres a period at full speed.
        turn_rad: Radians a period at the full turn rate, counter-clockwise.
        reverse: Whether agents can go backwards; else negative speeds are 0.
    """

    def __init__(self, speed_m: float = FORWARD_M, turn_rad: float = TURN_RAD, reverse: bool = False) -> None:
        self._top = np.array([speed_m, turn_rad])
        self._low = np.array([-1.0 if reverse else 0.0, -1.0])
        self.space: spaces.Space[Any] = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.previous_space: spaces.Space[Any] = spaces.Box(-1.0, 1.0, (2,), np.float32)

    def motion(self, actions: NDArray[Any]) -> NDArray[np.float64]:
        """Motions (N, 3) of shares (N, 2).

        Raises:
            ValueError: A share is not finite.
        """
        return arc_motion(*self.arcs(actions).T)

    def arcs(self, actions: NDArray[Any]) -> NDArray[np.float64]:
        """Metres along the arc and radians turned (N, 2) in a period, of shares (N, 2).

        Raises:
            ValueError: A share is not finite.
        """
        return self._cut(actions) * self._top

    def shares(self, arcs: NDArray[np.float64]) -> NDArray[np.float32]:
        """The shares (N, 2) that ask for arcs (N, 2)."""
        return (arcs / self._top).astype(np.float32)

    def previous(self, actions: NDArray[Any], blocked: NDArray[np.bool_]) -> NDArray[np.float32]:
        """The shares (N, 2) as they were cut, 0 where the way was blocked."""
        return np.where(blocked[:, None], 0.0, self._cut(actions)).astype(np.float32)

    def none_yet(self, num_agents: int) -> NDArray[np.float32]:
        """0 (N, 2)."""
        return np.zeros((num_agents, 2), dtype=np.float32)

    def _cut(self, actions: NDArray[Any]) -> NDArray[np.float64]:
        shares = np.asarray(actions, dtype=np.float64).reshape(-1, 2)
        if not np.isfinite(shares).all():
            raise ValueError(f"the velocities are {shares.tolist()}: give finite shares, -1 to 1")
        return np.clip(shares, self._low, 1.0)


def actions_of(actions: ActionsName | Actions) -> Actions:
    """The actions of that name, or those that are given.

    Raises:
        ValueError: There are none of that name.
    """
    if not isinstance(actions, str):
        return actions
    makers: dict[str, type[Steps] | type[Velocities]] = {"steps": Steps, "velocities": Velocities}
    if actions not in makers:
        raise ValueError(f"actions is {actions!r}: give {' or '.join(makers)}, or an object that has motions")
    return makers[actions]()


def actions_name(space: spaces.Space[Any]) -> ActionsName:
    """The name of the actions that a space is of: `velocities` for a Box, else `steps`."""
    return "velocities" if isinstance(space, spaces.Box) else "steps"


def arc_motion(length: NDArray[np.float64], turn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Motions (N, 3) along arcs of so many metres (N,) that turn by so many radians (N,)."""
    # sin(turn) / turn and (1 - cos(turn)) / turn, which have limits where nothing turns
    along, half = np.sinc(turn / np.pi), np.sinc(turn / (2 * np.pi))
    return np.column_stack([length * along, length * half * np.sin(turn / 2), turn])


def along_arc(motion: NDArray[np.floating]) -> NDArray[np.float64]:
    """Points (K + 1, 2) of the arc of a motion (3,), at most 5 cm apart, from (0, 0) to its end.

    Every point is the exponential of a share of the motion's twist (Murray, Li, Sastry 1994, chapter 2).
    """
    x, y, turn = motion
    if turn == 0.0:
        return np.array([[0.0, 0.0], [x, y]])  # straight: one piece
    # the twist (v, w) whose exponential over one period the motion is
    a, b = np.sinc(turn / np.pi), np.sinc(turn / (2 * np.pi)) * np.sin(turn / 2)
    v, w = np.array([a * x + b * y, a * y - b * x]) / (a * a + b * b)
    pieces = max(1, int(np.ceil(np.hypot(v, w) / ARC_PIECE_M)))
    shares = np.linspace(0.0, 1.0, pieces + 1)
    angle = shares * turn
    a, b = shares * np.sinc(angle / np.pi), shares * np.sinc(angle / (2 * np.pi)) * np.sin(angle / 2)
    return np.column_stack([a * v - b * w, b * v + a * w])
