"""Robots by their numbers, and what goes wrong on the way from command to motion and from light to image."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from robonav.envs.plugins import plugged_in
from robonav.envs.robots.robot import RobotError, Twist


@dataclass(frozen=True)
class RobotSpec:
    """A differential drive.

    Attributes:
        urdf: Model file of boxes, cylinders and spheres. Its origin lies on the floor.
        left_wheels: Names of the driven joints on the left.
        right_wheels: The same on the right.
        wheel_radius_m: Metres.
        wheel_base_m: Distance between left and right that explains how it turns; more than the measured one
            where four wheels have to skid.
        radius_m: Of the circle that the robot fills when it turns on the spot, metres.
        limits: Top speeds, m/s and rad/s.
        acceleration: m/s² and rad/s².
        wheel_torque_nm: Most that the motor of one wheel gives.
        latency_s: From a command to the first change of wheel speed.
        sideways_grip: Share of their friction that wheels have sideways: what lets four of them skid.
        command_timeout_s: It stops by itself when it hears nothing for so long.
    """

    urdf: str
    left_wheels: tuple[str, ...]
    right_wheels: tuple[str, ...]
    wheel_radius_m: float
    wheel_base_m: float
    radius_m: float
    limits: Twist
    acceleration: Twist
    wheel_torque_nm: float
    latency_s: float
    sideways_grip: float = 1.0
    command_timeout_s: float = 0.5


TURTLEBOT = RobotSpec(
    urdf=str(Path(__file__).parent / "turtlebot.urdf"),
    left_wheels=("left_wheel_joint",),
    right_wheels=("right_wheel_joint",),
    wheel_radius_m=0.036,
    wheel_base_m=0.233,
    radius_m=0.17,
    limits=Twist(0.31, 1.9),
    acceleration=Twist(0.9, 7.5),
    wheel_torque_nm=1.0,
    latency_s=0.05,
)

HUSKY = RobotSpec(
    urdf=str(Path(__file__).parent / "husky.urdf"),
    left_wheels=("front_left_wheel", "rear_left_wheel"),
    right_wheels=("front_right_wheel", "rear_right_wheel"),
    wheel_radius_m=0.17775,
    wheel_base_m=0.61,
    radius_m=0.62,
    limits=Twist(1.0, 2.0),
    acceleration=Twist(3.0, 6.0),
    wheel_torque_nm=60.0,
    latency_s=0.05,
    sideways_grip=0.1,  # with isotropic friction it hops when it turns on the spot
)

ROBOTS = {"turtlebot": TURTLEBOT, "husky": HUSKY}


def robot_spec(name: str) -> RobotSpec:
    """A robot by its name: one of robonav's, or of an entry point `robonav.robots`.

    Raises:
        RobotError: There is none of that name.
    """
    known = ROBOTS if name in ROBOTS else {**plugged_in("robonav.robots", _is_spec), **ROBOTS}
    if name not in known:
        raise RobotError(f"there is no robot {name!r}: choose one of {', '.join(sorted(known))}")
    return known[name]


def _is_spec(found: object) -> None:
    if not isinstance(found, RobotSpec):
        raise TypeError(f"it is {found!r}, which is no RobotSpec")


@dataclass(frozen=True)
class Noise:
    """Noise of a simulated robot's motion and sensors.

    Standard deviations are of normal distributions; constants are drawn once a run.

    Attributes:
        wheel_gain: Constant gain error of the wheels of one side.
        actuation: Gain error of the wheels of one side, anew every control period.
        slips_per_s: How often a side loses its grip, for one control period.
        odometer_gain: Constant error of the distance that the encoders tell.
        gyro_bias_rad_s: Constant error of the turning rate.
        gyro_rad_sqrt_s: Random walk of the heading, radians in the first second.
        exposure: Of the logarithm of the image's brightness, which wanders.
        pixel: Of each colour value, in grey levels.
        depth: Factor on the noise of a depth camera, 1 = as measured for the first Kinect.
    """

    wheel_gain: float = 0.01
    actuation: float = 0.03
    slips_per_s: float = 0.1
    odometer_gain: float = 0.01
    gyro_bias_rad_s: float = 0.0003
    gyro_rad_sqrt_s: float = 0.001
    exposure: float = 0.1
    pixel: float = 2.0
    depth: float = 1.0


NO_NOISE = Noise(**{field.name: 0.0 for field in fields(Noise)})
