"""PyBullet: the scene as concave triangle meshes, vehicles as it loads them from their URDF."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.physics.protocol import (
    DROP_M,
    GRAVITY_M_S2,
    HOLES_M,
    PHYSICS_HZ,
    SIDEWAYS,
    Pose,
    near_floor,
    require_wheels,
    urdf_of,
)
from robonav.envs.robots.spec import RobotSpec
from robonav.envs.scenes.scene import Scene

_TRIANGLES = 40_000  # in one body; PyBullet takes 131,072 vertices at most


class BulletPhysics:
    """A scene, a plane that closes its holes, and vehicles.

    Args:
        scene: Its triangles near the floor become static concave bodies.
        floor_z: Height of the floor, metres.
    """

    def __init__(self, scene: Scene, floor_z: float) -> None:
        corners = near_floor(scene, floor_z)
        self._floor_z, self._bullet = floor_z, _import_bullet()
        with _silence():
            self._client: int = self._bullet.connect(self._bullet.DIRECT)
            self._call(
                "setPhysicsEngineParameter", fixedTimeStep=1 / PHYSICS_HZ, deterministicOverlappingPairs=1
            )
            self._call("setGravity", 0, 0, -GRAVITY_M_S2)
            self._add_scene(corners)

    def add_vehicle(self, spec: RobotSpec, start: tuple[float, float, float]) -> BulletVehicle:
        """Put a vehicle on the floor at x, y, yaw."""
        x, y, yaw = start
        path = urdf_of(spec)
        with _silence():
            body = self._call(
                "loadURDF",
                str(path),
                basePosition=[x, y, self._floor_z + DROP_M],
                baseOrientation=self._bullet.getQuaternionFromEuler([0, 0, yaw]),
            )
        return BulletVehicle(self._bullet, self._client, body, spec)

    def step(self) -> None:
        """Let 1/240 s pass."""
        self._call("stepSimulation")

    def close(self) -> None:
        """Throw the world away."""
        self._bullet.disconnect(physicsClientId=self._client)

    def _call(self, name: str, *args: Any, **options: Any) -> Any:
        return getattr(self._bullet, name)(*args, **options, physicsClientId=self._client)

    def _add_scene(self, corners: NDArray[np.float64]) -> None:
        for first in range(0, len(corners), _TRIANGLES):
            part = corners[first : first + _TRIANGLES]
            vertices, indices = np.unique(part.reshape(-1, 3), axis=0, return_inverse=True)
            shape = self._call(
                "createCollisionShape",
                self._bullet.GEOM_MESH,
                vertices=vertices.tolist(),
                indices=indices.ravel().tolist(),
                flags=self._bullet.GEOM_FORCE_CONCAVE_TRIMESH,
            )
            self._add_static(shape, 0.0)
        plane = self._call("createCollisionShape", self._bullet.GEOM_PLANE)
        self._add_static(plane, self._floor_z - HOLES_M)

    def _add_static(self, shape: int, z: float) -> None:
        body = self._call("createMultiBody", 0, shape, basePosition=[0, 0, z])
        self._call("changeDynamics", body, -1, lateralFriction=1.0)  # the wheels say how slippery it is


class BulletVehicle:
    """One vehicle of a world."""

    def __init__(self, bullet: Any, client: int, body: int, spec: RobotSpec) -> None:
        self._bullet, self._client, self._body = bullet, client, body
        count = self._call("getNumJoints", body)
        for link in range(-1, count):  # a robot that stands still must not fall asleep
            self._call("changeDynamics", body, link, linearDamping=0, angularDamping=0)
        joints = {self._call("getJointInfo", body, j)[1].decode(): j for j in range(count)}
        require_wheels(spec, joints)
        self._sides = tuple(
            [joints[name] for name in names] for names in (spec.left_wheels, spec.right_wheels)
        )
        self._radius, self._torque = spec.wheel_radius_m, spec.wheel_torque_nm
        for joint in (*self._sides[0], *self._sides[1]):
            self._call("changeDynamics", body, joint, anisotropicFriction=[1, spec.sideways_grip, 1])
        self._grip = [self._call("getDynamicsInfo", body, side[0])[1] for side in self._sides]
        inertial = self._call("getDynamicsInfo", body, -1)[3:5]
        self._centre_of_mass = self._bullet.invertTransform(*inertial)

    def roll(self, left: float, right: float) -> None:
        """Ask the motors for wheel speeds, metres a second along the ground."""
        for joints, speed in zip(self._sides, (left, right), strict=True):
            self._call(
                "setJointMotorControlArray",
                self._body,
                joints,
                self._bullet.VELOCITY_CONTROL,
                targetVelocities=[speed / self._radius] * len(joints),
                forces=[self._torque] * len(joints),
            )

    def grip(self, side: int, share: float) -> None:
        """Give the wheels of a side (0 left, 1 right) this share of their friction."""
        for joint in self._sides[side]:
            self._call("changeDynamics", self._body, joint, lateralFriction=share * self._grip[side])

    def bumps(self) -> bool:
        """Whether something touches the vehicle from the side."""
        contacts = self._call("getContactPoints", bodyA=self._body)
        return any(contact[8] <= 0 and abs(contact[7][2]) < SIDEWAYS for contact in contacts)

    def pose(self) -> Pose:
        """Pose of the vehicle's origin, which is on the ground between its wheels."""
        centre = self._call("getBasePositionAndOrientation", self._body)
        return Pose(*self._bullet.multiplyTransforms(*centre, *self._centre_of_mass))

    def rolled(self) -> tuple[float, float]:
        """Metres that the left and the right wheels have rolled."""
        left, right = (
            self._radius
            * float(np.mean([state[0] for state in self._call("getJointStates", self._body, joints)]))
            for joints in self._sides
        )
        return left, right

    def _call(self, name: str, *args: Any, **options: Any) -> Any:
        return getattr(self._bullet, name)(*args, **options, physicsClientId=self._client)


def _import_bullet() -> Any:
    with _silence():
        import pybullet
    return pybullet


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what PyBullet prints from C (its build time, links without inertia) from the terminal."""
    saved = [(descriptor, os.dup(descriptor)) for descriptor in (1, 2)]
    with open(os.devnull, "wb") as nowhere:
        for descriptor, _ in saved:
            os.dup2(nowhere.fileno(), descriptor)
        try:
            yield
        finally:
            for descriptor, copy in saved:
                os.dup2(copy, descriptor)
                os.close(copy)
