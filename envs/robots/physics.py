"""PyBullet: a robot on wheels in the mesh of a scene, 240 physics steps a second."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from robonav.envs.robots.robot import RobotError
from robonav.envs.robots.spec import RobotSpec
from robonav.envs.scenes.scene import Scene

PHYSICS_HZ = 240
GRAVITY_M_S2 = 9.81
REACH_M = 1.6  # height above the floor up to which the scene can touch a robot
_BELOW_M = 0.3
_HOLES_M = 0.02  # so far below the floor a plane closes the holes of scans
_TRIANGLES = 40_000  # in one body; PyBullet takes 131,072 vertices at most
_SIDEWAYS = 0.7  # a contact whose normal is less upright than this is a bump, else something to stand on
_DROP_M = 0.005  # height above the floor from which the robot is put down


@dataclass(frozen=True)
class Pose:
    """Position (3,) and orientation, a quaternion (x, y, z, w), of the robot's origin in the world."""

    position: tuple[float, float, float]
    orientation: tuple[float, float, float, float]


class Physics:
    """One robot in one scene.

    Args:
        scene: Its triangles near the floor become a static concave body.
        spec: The robot.
        start: x, y, yaw of its origin in the world, metres and radians.
        floor_z: Height of the floor there, metres.

    Raises:
        RobotError: PyBullet is not installed.
    """

    def __init__(
        self, scene: Scene, spec: RobotSpec, start: tuple[float, float, float], floor_z: float
    ) -> None:
        self._bullet = _import_bullet()
        with _silence():
            self._client: int = self._bullet.connect(self._bullet.DIRECT)
            self._call(
                "setPhysicsEngineParameter", fixedTimeStep=1 / PHYSICS_HZ, deterministicOverlappingPairs=1
            )
            self._call("setGravity", 0, 0, -GRAVITY_M_S2)
            self._add_scene(scene, floor_z)
            self._robot = self._add_robot(spec, start, floor_z)
        joints = {self._call("getJointInfo", self._robot, j)[1].decode(): j for j in range(self._joints)}
        self._sides = tuple(
            [joints[name] for name in names] for names in (spec.left_wheels, spec.right_wheels)
        )
        self._radius, self._torque = spec.wheel_radius_m, spec.wheel_torque_nm
        for joint in (*self._sides[0], *self._sides[1]):
            self._call("changeDynamics", self._robot, joint, anisotropicFriction=[1, spec.sideways_grip, 1])
        self._grip = [self._call("getDynamicsInfo", self._robot, side[0])[1] for side in self._sides]
        inertial = self._call("getDynamicsInfo", self._robot, -1)[3:5]
        self._centre_of_mass = self._bullet.invertTransform(*inertial)

    def roll(self, left: float, right: float) -> None:
        """Ask the motors for wheel speeds, metres a second along the ground."""
        for joints, speed in zip(self._sides, (left, right), strict=True):
            self._call(
                "setJointMotorControlArray",
                self._robot,
                joints,
                self._bullet.VELOCITY_CONTROL,
                targetVelocities=[speed / self._radius] * len(joints),
                forces=[self._torque] * len(joints),
            )

    def grip(self, side: int, share: float) -> None:
        """Give the wheels of a side (0 left, 1 right) this share of their friction."""
        for joint in self._sides[side]:
            self._call("changeDynamics", self._robot, joint, lateralFriction=share * self._grip[side])

    def step(self) -> None:
        """Let 1/240 s pass."""
        self._call("stepSimulation")

    def bumps(self) -> bool:
        """Whether something touches the robot from the side."""
        contacts = self._call("getContactPoints", bodyA=self._robot)
        return any(contact[8] <= 0 and abs(contact[7][2]) < _SIDEWAYS for contact in contacts)

    def pose(self) -> Pose:
        """Where the robot's origin, on the ground between its wheels, is."""
        centre = self._call("getBasePositionAndOrientation", self._robot)
        return Pose(*self._bullet.multiplyTransforms(*centre, *self._centre_of_mass))

    def rolled(self) -> tuple[float, float]:
        """How far the left and the right wheels have rolled, metres: what encoders tell."""
        left, right = (
            self._radius
            * float(np.mean([state[0] for state in self._call("getJointStates", self._robot, joints)]))
            for joints in self._sides
        )
        return left, right

    def close(self) -> None:
        """Throw the world away."""
        self._bullet.disconnect(physicsClientId=self._client)

    def _call(self, name: str, *args: Any, **options: Any) -> Any:
        return getattr(self._bullet, name)(*args, **options, physicsClientId=self._client)

    def _add_scene(self, scene: Scene, floor_z: float) -> None:
        corners = scene.vertices[scene.triangles]
        heights = corners[..., 2] - floor_z
        near = corners[(heights.max(axis=1) > -_BELOW_M) & (heights.min(axis=1) < REACH_M)]
        for first in range(0, len(near), _TRIANGLES):
            part = near[first : first + _TRIANGLES]
            vertices, indices = np.unique(part.reshape(-1, 3), axis=0, return_inverse=True)
            shape = self._call(
                "createCollisionShape",
                self._bullet.GEOM_MESH,
                vertices=vertices.tolist(),
                indices=indices.ravel().tolist(),
                flags=self._bullet.GEOM_FORCE_CONCAVE_TRIMESH,
            )
            self._add_static(shape, 0.0)
        self._add_static(self._call("createCollisionShape", self._bullet.GEOM_PLANE), floor_z - _HOLES_M)

    def _add_static(self, shape: int, z: float) -> None:
        body = self._call("createMultiBody", 0, shape, basePosition=[0, 0, z])
        self._call("changeDynamics", body, -1, lateralFriction=1.0)  # the wheels say how slippery it is

    def _add_robot(self, spec: RobotSpec, start: tuple[float, float, float], floor_z: float) -> int:
        import pybullet_data

        x, y, yaw = start
        path = os.path.join(pybullet_data.getDataPath(), spec.urdf)
        robot = self._call(
            "loadURDF",
            path,
            basePosition=[x, y, floor_z + _DROP_M],
            baseOrientation=self._bullet.getQuaternionFromEuler([0, 0, yaw]),
        )
        self._joints = self._call("getNumJoints", robot)
        for link in range(-1, self._joints):  # a robot that stands still must not fall asleep
            self._call("changeDynamics", robot, link, linearDamping=0, angularDamping=0)
        return int(robot)


def _import_bullet() -> Any:
    try:
        with _silence():
            import pybullet
    except ImportError as error:
        raise RobotError(
            "driving a simulated robot needs PyBullet, which is not installed: pip install 'robonav[drive]'"
        ) from error
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
