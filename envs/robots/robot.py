"""Interface of a robot, simulated or real: odometry, a camera, a bumper, and a way to move it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robonav.envs.sensors.camera import Camera


class RobotError(ValueError):
    """A robot that cannot be driven; the message says what was found and the remedy."""


@dataclass(frozen=True)
class Twist:
    """A velocity in the robot's own frame.

    Attributes:
        forward: Metres a second along x.
        turn: Radians a second about z, counter-clockwise.
    """

    forward: float = 0.0
    turn: float = 0.0


STANDSTILL = Twist()


@dataclass(frozen=True)
class Odometry:
    """Pose that the robot estimates, in the frame that its odometry began in.

    Attributes:
        stamp_s: When, seconds on the robot's clock.
        x: Metres.
        y: Metres.
        yaw: Radians, 0 = along x, counter-clockwise.
        twist: How fast it believes that it moves.
    """

    stamp_s: float
    x: float
    y: float
    yaw: float
    twist: Twist = STANDSTILL


@dataclass(frozen=True, eq=False)
class CameraFrame:
    """Image of the robot's camera.

    Attributes:
        stamp_s: When it was exposed, seconds on the robot's clock.
        rgb: (H, W, 3) uint8.
        depth: (H, W) float32 planar metres, 0 = no return; all 0 where the robot has no depth camera.
    """

    stamp_s: float
    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]


class Robot(Protocol):
    """A robot on wheels with a camera that looks ahead.

    Attributes:
        camera: Intrinsics of its frames, and how high it is mounted.
        limits: The fastest it may be told to go: forward in m/s and turning in rad/s.
        acceleration: How fast it changes that: m/s² and rad/s².
        period_s: Time that one `tick` takes, seconds on its clock.
    """

    camera: Camera
    limits: Twist
    acceleration: Twist
    period_s: float

    def cmd_vel(self, twist: Twist) -> None:
        """Ask for a velocity from now on."""

    def tick(self) -> None:
        """Let one control period pass."""

    def now(self) -> float:
        """Seconds on its clock."""
        ...

    def odometry(self) -> Odometry:
        """Its latest odometry."""
        ...

    def frame(self) -> CameraFrame | None:
        """Its latest camera frame; None before the first."""
        ...

    def contact_s(self) -> float:
        """For how long of the last tick its bumper touched something, seconds."""
        ...

    def close(self) -> None:
        """Stop it and let go of it."""
