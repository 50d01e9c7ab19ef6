"""Interface of a physics engine: a static scene, vehicles on wheels in it, and time that passes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robonav.envs.robots.robot import RobotError
from robonav.envs.robots.spec import RobotSpec
from robonav.envs.scenes.scene import Scene

PHYSICS_HZ = 240
GRAVITY_M_S2 = 9.81
REACH_M = 1.6  # height above the floor up to which the scene can touch a robot
BELOW_M = 0.3
HOLES_M = 0.02  # so far below the floor a plane closes the holes of scans
SIDEWAYS = 0.7  # a contact whose normal is less upright than this is a bump, else something to stand on
DROP_M = 0.005  # height above the floor from which a vehicle is put down
_LEAST_M2 = 1e-12  # a triangle with less area has no normal


@dataclass(frozen=True)
class Pose:
    """Position (3,) and orientation, a quaternion (x, y, z, w), of a vehicle's origin in the world."""

    position: tuple[float, float, float]
    orientation: tuple[float, float, float, float]


class Vehicle(Protocol):
    """One vehicle with driven wheels on its left and right."""

    def roll(self, left: float, right: float) -> None:
        """Ask the motors for wheel speeds, metres a second along the ground."""

    def grip(self, side: int, share: float) -> None:
        """Give the wheels of a side (0 left, 1 right) this share of their friction."""

    def bumps(self) -> bool:
        """Whether something touched the vehicle from the side in the last step."""
        ...

    def pose(self) -> Pose:
        """Pose of the vehicle's origin, which is on the ground between its wheels."""
        ...

    def rolled(self) -> tuple[float, float]:
        """Metres that the left and the right wheels have rolled, as encoders tell them."""
        ...


class Physics(Protocol):
    """A static scene and the vehicles in it; the same calls give the same motion, bit for bit."""

    def add_vehicle(self, spec: RobotSpec, start: tuple[float, float, float]) -> Vehicle:
        """Put a vehicle on the floor; start is x, y, yaw of its origin, metres and radians.

        Raises:
            RobotError: Its URDF is missing, or lacks a wheel that the spec names.
        """
        ...

    def step(self) -> None:
        """Let 1/240 s pass for all vehicles."""

    def close(self) -> None:
        """Free the world; it and its vehicles are of no use afterwards."""


def near_floor(scene: Scene, floor_z: float) -> NDArray[np.float64]:
    """Corners (N, 3, 3) of the triangles that a robot on the floor at this height can touch.

    Raises:
        RobotError: There are none.
    """
    corners = scene.vertices[scene.triangles].astype(np.float64)
    heights = corners[..., 2] - floor_z
    near = corners[(heights.max(axis=1) > -BELOW_M) & (heights.min(axis=1) < REACH_M)]
    edges = near[:, 1:] - near[:, :1]
    near = near[np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1) > 2 * _LEAST_M2]
    if not len(near):
        raise RobotError(
            f"the scene has no surface between {BELOW_M} m below and {REACH_M} m above its floor at "
            f"z {floor_z:.2f} m: give a mesh whose z axis points up (--up), in metres (--scale)"
        )
    return near


def urdf_of(spec: RobotSpec) -> Path:
    """The model file of a vehicle.

    Raises:
        RobotError: It does not exist.
    """
    path = Path(spec.urdf)
    if not path.is_file():
        raise RobotError(f"the robot's model {path} does not exist: give RobotSpec.urdf the path of a URDF")
    return path


def require_wheels(spec: RobotSpec, joints: Iterable[str]) -> None:
    """Check that a model has the wheels of its spec.

    Raises:
        RobotError: A wheel's joint is not among these.
    """
    known = set(joints)
    for name in (*spec.left_wheels, *spec.right_wheels):
        if name not in known:
            raise RobotError(
                f"{Path(spec.urdf).name} has no joint {name!r}, which RobotSpec names as a wheel: "
                f"it has {', '.join(sorted(known)) or 'none'}"
            )
