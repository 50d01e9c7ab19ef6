"""MuJoCo: the triangles near the vehicles as one rigid flex, vehicles from their URDF.

MuJoCo takes the convex hull of a mesh, so a room cannot be one. A flex, its soft body, collides triangle by
triangle; a rigid one that hangs on the world is an exact static mesh. A step takes longer the more triangles
it has, so it holds only those that the vehicles can reach soon, in places that are filled anew as they move.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.physics.mujoco_vehicles import attach_vehicle
from robonav.envs.physics.nearby import Nearby
from robonav.envs.physics.protocol import (
    DROP_M,
    GRAVITY_M_S2,
    HOLES_M,
    PHYSICS_HZ,
    SIDEWAYS,
    Pose,
    near_floor,
)
from robonav.envs.robots.spec import RobotSpec
from robonav.envs.scenes.scene import Scene

_FEW = 64  # places for triangles that a world begins with
_SKIN_M = 0.0001  # half the thickness of the scene's triangles
_FLAT_SIDE = 0.1  # sine of the angle between axle and normal below which a wheel touches with its flat side
_DEPTH_M = 1000.0  # so far below the floor lie triangles that are not needed
_NONE = -1  # where a shape is no wheel
_ARENA_BYTES = 1 << 26  # for contacts


class MujocoPhysics:
    """A scene, a plane that closes its holes, and vehicles.

    Args:
        scene: Its triangles near the floor can be touched.
        floor_z: Height of the floor, metres.
    """

    def __init__(self, scene: Scene, floor_z: float) -> None:
        import mujoco

        self._mujoco, self._floor_z = mujoco, floor_z
        self._nearby = Nearby(near_floor(scene, floor_z))
        self._parked = np.eye(3) + np.array([0.0, 0.0, floor_z - _DEPTH_M])
        self._vehicles: list[MujocoVehicle] = []
        self._spec = self._empty_world()
        self._places = _FEW
        self._set_places()
        self.model = self._spec.compile()
        self.data = mujoco.MjData(self.model)

    def add_vehicle(self, spec: RobotSpec, start: tuple[float, float, float]) -> MujocoVehicle:
        """Put a vehicle on the floor at x, y, yaw."""
        prefix = f"{len(self._vehicles)}/"
        attach_vehicle(self._spec, spec, prefix)
        self._compile()
        vehicle = MujocoVehicle(self, spec, prefix)
        self._vehicles.append(vehicle)
        vehicle.put((start[0], start[1], self._floor_z + DROP_M), start[2])
        self._mujoco.mj_kinematics(self.model, self.data)
        return vehicle

    def step(self) -> None:
        """Let 1/240 s pass."""
        self._follow()
        self._mujoco.mj_step1(self.model, self.data)
        if any([vehicle.weaken_sideways_grip() for vehicle in self._vehicles]):
            self._mujoco.mj_makeConstraint(self.model, self.data)
            self._mujoco.mj_projectConstraint(self.model, self.data)
            self._mujoco.mj_referenceConstraint(self.model, self.data)
        self._mujoco.mj_step2(self.model, self.data)

    def close(self) -> None:
        """Free the world."""
        del self.data, self.model, self._spec, self._vehicles

    def _empty_world(self) -> Any:
        mujoco = self._mujoco
        spec = mujoco.MjSpec()
        spec.memory = _ARENA_BYTES
        spec.option.timestep = 1 / PHYSICS_HZ
        spec.option.gravity = [0, 0, -GRAVITY_M_S2]
        spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
        spec.option.impratio = 10  # wheels creep less
        spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_ISLAND
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 1], pos=[0, 0, self._floor_z - HOLES_M]
        )
        self._flex = spec.add_flex(name="scene", dim=2, radius=_SKIN_M, vertbody=["world"])
        return spec

    def _set_places(self) -> None:
        """Give the flex places, side by side, so that the tree of their boxes is balanced."""
        places = self._parked + np.arange(self._places)[:, None, None] * [1.0, 0, 0]
        self._flex.vert, self._flex.elem = places.ravel().tolist(), list(range(3 * self._places))

    def _compile(self) -> None:
        friction = self.model.geom_friction.copy()
        self.model, self.data = self._spec.recompile(self.model, self.data)
        self.model.geom_friction[: len(friction)] = friction  # what `grip` has changed
        self._nearby.forget()

    def _follow(self) -> None:
        """Hand the flex the triangles that the vehicles can reach soon, where they have changed."""
        boxes = self._boxes()
        if not self._nearby.must_look(*boxes):
            return
        triangles = self._nearby.look(*boxes)
        if len(triangles) > self._places:
            self._places = 1 << (len(triangles) - 1).bit_length()
            self._set_places()
            self._compile()
            self._mujoco.mj_kinematics(self.model, self.data)
            triangles = self._nearby.look(*boxes)
        self.model.flex_vert[: 3 * len(triangles)] = triangles.reshape(-1, 3)
        self.model.flex_vert[3 * len(triangles) :] = np.tile(self._parked, (self._places - len(triangles), 1))

    def _boxes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Centres and half sizes (G, 3) of the boxes around the vehicles' shapes, without the plane."""
        rotations = self.data.geom_xmat[1:].reshape(-1, 3, 3)
        boxes = self.model.geom_aabb[1:]
        centres = self.data.geom_xpos[1:] + np.einsum("gij,gj->gi", rotations, boxes[:, :3])
        return centres, np.einsum("gij,gj->gi", np.abs(rotations), boxes[:, 3:])


class MujocoVehicle:
    """One vehicle of a world; its parts' names there begin with a prefix."""

    def __init__(self, world: MujocoPhysics, spec: RobotSpec, prefix: str) -> None:
        self._world, self._radius, self._sideways = world, spec.wheel_radius_m, spec.sideways_grip
        model, sides = world.model, (spec.left_wheels, spec.right_wheels)
        wheels = [[model.joint(prefix + name) for name in side] for side in sides]
        self._motors = [[model.actuator(prefix + name).id for name in side] for side in sides]
        self._angles = [[int(joint.qposadr[0]) for joint in side] for side in wheels]
        tyres = [np.flatnonzero(np.isin(model.geom_bodyid, [j.bodyid[0] for j in side])) for side in wheels]
        self._tyres, self._grip = tyres, [model.geom_friction[side, 0].copy() for side in tyres]
        root = int(model.body_rootid[wheels[0][0].bodyid[0]])
        shapes = np.flatnonzero(model.body_rootid[model.geom_bodyid] == root)  # one after another
        self._first, self._end = int(shapes[0]), int(shapes[-1]) + 1
        joints = model.body_jntadr[model.geom_bodyid[shapes]]
        self._axles = np.where(np.isin(shapes, np.concatenate(tyres)), joints, _NONE)
        self._place = int(model.jnt_qposadr[model.body_jntadr[root]])

    def put(self, position: tuple[float, float, float], yaw: float) -> None:
        """Put its origin there, upright."""
        at = self._place
        self._world.data.qpos[at : at + 7] = (*position, np.cos(0.5 * yaw), 0.0, 0.0, np.sin(0.5 * yaw))

    def roll(self, left: float, right: float) -> None:
        """Ask the motors for wheel speeds, metres a second along the ground."""
        for motors, speed in zip(self._motors, (left, right), strict=True):
            self._world.data.ctrl[motors] = speed / self._radius

    def grip(self, side: int, share: float) -> None:
        """Give the wheels of a side (0 left, 1 right) this share of their friction."""
        self._world.model.geom_friction[self._tyres[side], 0] = share * self._grip[side]

    def bumps(self) -> bool:
        """Whether something touched the vehicle from the side in the last step."""
        contact = self._world.data.contact
        sideways = (np.abs(contact.frame[:, 2]) < SIDEWAYS) & (contact.dist <= 0)
        return bool(self._ours(contact.geom[sideways]).any())

    def pose(self) -> Pose:
        """Pose of the vehicle's origin, which is on the ground between its wheels."""
        x, y, z, qw, qx, qy, qz = self._world.data.qpos[self._place : self._place + 7].tolist()
        return Pose((x, y, z), (qx, qy, qz, qw))

    def rolled(self) -> tuple[float, float]:
        """Metres that the left and the right wheels have rolled."""
        left, right = (self._radius * float(self._world.data.qpos[angles].mean()) for angles in self._angles)
        return left, right

    def weaken_sideways_grip(self) -> bool:
        """Give the contacts of its wheels less friction along the axle; whether there were any."""
        if self._sideways == 1.0:
            return False
        contact = self._world.data.contact
        ours = self._ours(contact.geom)
        axles = np.where(ours, self._axles[np.where(ours, contact.geom - self._first, 0)], _NONE).max(axis=1)
        normals = contact.frame[:, :3]
        ahead = _cross(self._world.data.xaxis[axles], normals)
        lengths = np.sqrt((ahead * ahead).sum(axis=1))
        rolling = np.flatnonzero((axles != _NONE) & (lengths > _FLAT_SIDE))
        ahead = ahead[rolling] / lengths[rolling, None]
        contact.frame[rolling, 3:6] = ahead
        contact.frame[rolling, 6:9] = _cross(normals[rolling], ahead)
        contact.friction[rolling, 1] *= self._sideways
        return len(rolling) > 0

    def _ours(self, geoms: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Mask of the geoms that are the vehicle's shapes."""
        ours: NDArray[np.bool_] = (geoms >= self._first) & (geoms < self._end)
        return ours


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of vectors (N, 3); np.cross takes ten times as long for a few."""
    ahead, back = [1, 2, 0], [2, 0, 1]
    return a[:, ahead] * b[:, back] - a[:, back] * b[:, ahead]
