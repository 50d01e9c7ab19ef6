"""Turns steps (0.25 m ahead or 15° aside) and other arcs into velocities, closed over odometry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robonav.driving.arc import Arc
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

    def after(self, arc: Arc) -> Target:
        """The pose that an arc leads to."""
        ahead, left = arc.end()
        c, s = float(np.cos(self.yaw)), float(np.sin(self.yaw))
        return Target(
            self.x + ahead * c - left * s,
            self.y + ahead * s + left * c,
            self.yaw + arc.turn_rad,
        )


class StepController:
    """Follows the poses that the arcs add up to, so that the next one corrects the error of the last one.

    Args:
        start: First pose of the odometry.
        limits: Top speeds, m/s and rad/s.
        acceleration: m/s² and rad/s².
    """

    def __init__(self, start: Odometry, limits: Twist, acceleration: Twist) -> None:
        self._limits, self._acceleration = limits, acceleration
        self.reached = Target(start.x, start.y, start.yaw)
        self._target, self._arc, self._moves = self.reached, Arc(0.0, 0.0), False

    def begin(self, arc: Arc) -> None:
        """Start an arc, or a step as one."""
        self._target, self._arc, self._moves = self.reached.after(arc), arc, arc.moves

    def finish(self) -> None:
        """Complete the arc; the next one starts at its target."""
        self.reached = self._target

    def give_up(self) -> None:
        """Abort the arc; the target becomes the pose where it began."""
        self._target, self._arc, self._moves = self.reached, self._arc.back, self._arc.moves

    def restart(self, here: Odometry) -> None:
        """Start from the robot's pose, after something else moved it."""
        self.reached = self._target = Target(here.x, here.y, here.yaw)

    def twist(self, here: Odometry) -> Twist | None:
        """The velocity to command now; None where the robot has arrived."""
        if self._moves:
            twist = self._along_arc(here)
            if twist is not None or self._arc.turn_rad == 0.0:
                return twist
            self._moves = False  # the rest of the turn is made on the spot
        return self._towards_heading(here)

    def _along_arc(self, here: Odometry) -> Twist | None:
        ahead, beside = self._remaining(here)
        if abs(ahead) < ARRIVED_M:
            return None
        # the share of the arc that remains; before its start and beyond its end the way is straight
        rest = float(np.clip(ahead / self._arc.length_m, 0.0, 1.0))
        forward = _braking(ahead, self._limits.forward, self._acceleration.forward)
        curvature, most = 0.0, self._limits.turn
        if self._arc.turn_rad and 0.0 < rest < 1.0:  # so slow that the turn, too, ends at the target
            curvature = self._arc.turn_rad / self._arc.length_m
            slow = abs(self._turning(rest * self._arc.turn_rad) / curvature)
            forward = float(np.clip(forward, -slow, slow))
            most = abs(self._turning(self._target.yaw - here.yaw))
        beside += self._arc.end(rest)[1]  # an arc is as far beside its end as beside its start
        steer = float(np.clip(STEER_PER_M * beside, -MAX_STEER_RAD, MAX_STEER_RAD)) * np.sign(forward)
        heading = self._target.yaw - rest * self._arc.turn_rad
        turn = curvature * forward + TURN_PER_RAD * _wrapped(heading + float(steer) - here.yaw)
        return Twist(forward, float(np.clip(turn, -most, most)))

    def _towards_heading(self, here: Odometry) -> Twist | None:
        error = _wrapped(self._target.yaw - here.yaw)
        if abs(error) < ARRIVED_RAD:
            return None
        return Twist(0.0, self._turning(error))

    def _turning(self, angle: float) -> float:
        """The turn rate from which the robot can stop after this angle."""
        return _braking(_wrapped(angle), self._limits.turn, self._acceleration.turn)

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
