"""The arc that a robot follows in one decision; steps are arcs that only move or only turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robonav.envs.actions import Steps, arc_motion
from robonav.envs.robots.robot import Twist


@dataclass(frozen=True)
class Arc:
    """A circular arc from where the last decision ended, driven at the robot's own speed.

    Attributes:
        length_m: Metres along the arc, negative backwards.
        turn_rad: Radians turned on the way, counter-clockwise, at most a right angle.
    """

    length_m: float
    turn_rad: float

    @classmethod
    def of(cls, action: int | Arc) -> Arc:
        """The arc itself, or that of a step (0 forward, 1 left, 2 right)."""
        if isinstance(action, Arc):
            return action
        ahead, _, turn = Steps().motion(np.array([action]))[0].tolist()
        return cls(ahead, turn)

    @property
    def moves(self) -> bool:
        """Whether it leads anywhere, and does not only turn."""
        return self.length_m != 0.0

    @property
    def back(self) -> Arc:
        """The same arc from its end to its start."""
        return Arc(-self.length_m, -self.turn_rad)

    def end(self, share: float = 1.0) -> tuple[float, float]:
        """The point, metres ahead and to the left of the start, after a share of the arc."""
        motion = arc_motion(np.array([share * self.length_m]), np.array([share * self.turn_rad]))
        return float(motion[0, 0]), float(motion[0, 1])


Action = int | Twist | Arc  # a step, a velocity to hold for a moment, or an arc
