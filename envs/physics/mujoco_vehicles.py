"""Vehicles of a URDF as parts of a MuJoCo world: friction as PyBullet reads it, motors that hold a speed."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from robonav.envs.physics.protocol import PHYSICS_HZ, require_wheels, urdf_of
from robonav.envs.robots.spec import RobotSpec

_FRICTION = 0.5  # of a link whose URDF does not say; PyBullet's default
_ALL_TORQUE_M_S = 0.025  # motors give all they have where a wheel is so much too slow or too fast


def attach_vehicle(world: Any, spec: RobotSpec, prefix: str) -> None:
    """Add a vehicle's bodies and motors to an `MjSpec`; their names begin with the prefix.

    Raises:
        RobotError: Its URDF is missing, or lacks a wheel that the spec names.
    """
    import mujoco

    path = urdf_of(spec)
    model = mujoco.MjSpec.from_file(str(path))
    require_wheels(spec, [joint.name for joint in model.joints])
    friction = link_frictions(path)
    for shape in model.geoms:
        shape.friction[0] = friction[shape.parent.name]
        shape.priority = 1  # the friction of the vehicle holds, whatever it touches
    base = model.worldbody.first_body()
    base.add_freejoint()
    world.worldbody.add_frame().attach_body(base, prefix, "")
    for name in (*spec.left_wheels, *spec.right_wheels):
        motor = world.add_actuator(
            name=prefix + name, target=prefix + name, trntype=mujoco.mjtTrn.mjTRN_JOINT
        )
        stiffness = spec.wheel_torque_nm * spec.wheel_radius_m / _ALL_TORQUE_M_S
        motor.set_to_velocity(kv=stiffness)
        motor.forcerange = [-spec.wheel_torque_nm, spec.wheel_torque_nm]
        # The rotor's inertia, as felt behind its gear; with less, a light wheel swings about its speed.
        world.joint(prefix + name).armature = stiffness / PHYSICS_HZ


def link_frictions(urdf: Path) -> dict[str, float]:
    """Bullet's `<contact><lateral_friction>` of each link, which MuJoCo does not read."""
    frictions = {}
    for link in ElementTree.parse(urdf).getroot().iter("link"):
        told = link.find("contact/lateral_friction")
        frictions[link.get("name", "")] = _FRICTION if told is None else float(told.get("value", _FRICTION))
    return frictions
