"""Turns steps (0.25 m ahead or 15° aside) into velocities, closed over odometry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robonav.envs.navigation.steps import FORWARD, FORWARD_M, LEFT, TURN_RAD
from robonav.envs.robots.robot import Odometry, Twist

ARRIVED_M, ARRIVED_RAD = 0.01, 0.012
STEER_PER_M, MAX_STEER_RAD = 3.0, 0.35  # towards the line, for each metre beside it
TURN_PER_RAD = 4.0
_BRAKING = 0.4  # share of the acceleration that braking plans with: the rest is for latency


@dataclass(frozen=True)
class Target:
    """A pose in the frame of the odometry: metres and radians."""

    x: float
    y: float
    yaw: float

    def after(self, action: int) -> Target:
        """The pose that a step leads to."""
        if action == FORWARD:
            return Target(
                self.x + FORWARD_M * float(np.cos(self.yaw)),
                self.y + FORWARD_M * float(np.sin(self.yaw)),
                self.yaw,
            )
        return Target(self.x, self.y, self.yaw + (TURN_RAD if action == LEFT else -TURN_RAD))


class StepController:
    """Follows the poses that the steps add up to, so that the next step corrects the error of the last one.

    Args:
        start: First pose of the odometry.
        limits: Top speeds, m/s and rad/s.
        acceleration: m/s² and rad/s².
    """

    def __init__(self, start: Odometry, limits: Twist, acceleration: Twist) -> None:
        self._limits, self._acceleration = limits, acceleration
        self.reached = Target(start.x, start.y, start.yaw)
        self._target, self._moves = self.reached, False

    def begin(self, action: int) -> None:
        """Start a step."""
        self._target, self._moves = self.reached.after(action), action == FORWARD

    def finish(self) -> None:
        """Complete the step; the next one starts at its target."""
        self.reached = self._target

    def give_up(self) -> None:
        """Abort the step; the target becomes the pose where it began."""
        self._target = self.reached

    def restart(self, here: Odometry) -> None:
        """Start from the robot's pose, after something else moved it."""
        self.reached = self._target = Target(here.x, here.y, here.yaw)

    def twist(self, here: Odometry) -> Twist | None:
        """The velocity to command now; None where the robot has arrived."""
        return self._towards_line(here) if self._moves else self._towards_heading(here)

    def _towards_line(self, here: Odometry) -> Twist | None:
        ahead, beside = self._remaining(here)
        if abs(ahead) < ARRIVED_M:
            return None
        forward = _braking(ahead, self._limits.forward, self._acceleration.forward)
        steer = float(np.clip(STEER_PER_M * beside, -MAX_STEER_RAD, MAX_STEER_RAD)) * np.sign(forward)
        turn = TURN_PER_RAD * _wrapped(self._target.yaw + float(steer) - here.yaw)
        return Twist(forward, float(np.clip(turn, -self._limits.turn, self._limits.turn)))

    def _towards_heading(self, here: Odometry) -> Twist | None:
        error = _wrapped(self._target.yaw - here.yaw)
        if abs(error) < ARRIVED_RAD:
            return None
        return Twist(0.0, _braking(error, self._limits.turn, self._acceleration.turn))

    def _remaining(self, here: Odometry) -> tuple[float, float]:
        """Metres to the target along its heading, and to the left of the robot."""
        dx, dy = self._target.x - here.x, self._target.y - here.y
        c, s = float(np.cos(self._target.yaw)), float(np.sin(self._target.yaw))
        return c * dx + s * dy, c * dy - s * dx


def _braking(remaining: float, limit: float, acceleration: float) -> float:
    """The speed from which the robot can still stop in time: v² = 2 a s."""
    return float(np.sign(remaining) * min(limit, np.sqrt(2 * _BRAKING * acceleration * abs(remaining))))


def _wrapped(angle: float) -> float:
    return (angle + np.pi) % (2 * np.pi) - np.pi
