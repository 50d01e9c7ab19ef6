"""Physics of robots on wheels: one protocol, two engines."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from robonav.envs.physics.protocol import PHYSICS_HZ, Physics, Pose, Vehicle
from robonav.envs.robots.robot import RobotError
from robonav.envs.scenes.scene import Scene

__all__ = [
    "AUTO",
    "ENGINES",
    "PHYSICS_HZ",
    "Physics",
    "Pose",
    "Vehicle",
    "engine_of",
    "installed",
    "open_physics",
]

AUTO = "auto"
# Each has a module of its name here, and is a package of that name. The first that is installed is `auto`.
ENGINES = {"mujoco": "MujocoPhysics", "pybullet": "BulletPhysics"}


def installed() -> list[str]:
    """Names of the engines that are there, the one that `auto` takes first."""
    return [name for name in ENGINES if find_spec(name) is not None]


def engine_of(name: str) -> str:
    """The engine that a name stands for: `auto` is MuJoCo where it is installed, else PyBullet.

    Raises:
        RobotError: It is unknown, or not installed.
    """
    if name not in (AUTO, *ENGINES):
        raise RobotError(f"physics is {name!r}: give one of {', '.join((AUTO, *ENGINES))}")
    there = installed()
    if not there:
        raise RobotError(
            "driving a simulated robot needs MuJoCo or PyBullet, and neither is installed: "
            "pip install 'robonav[drive]'"
        )
    if name not in (AUTO, *there):
        raise RobotError(
            f"physics {name!r} is not installed, {', '.join(there)} is: pip install 'robonav[drive]', or "
            f"pip install {name} where that leaves it out"
        )
    return there[0] if name == AUTO else name


def open_physics(engine: str, scene: Scene, floor_z: float) -> Physics:
    """A world with a static scene and no vehicle yet.

    Args:
        engine: `mujoco`, `pybullet` or `auto`.
        scene: Its triangles near the floor can be touched.
        floor_z: Height of the floor there, metres.

    Raises:
        RobotError: The engine is unknown or not installed, or the scene has nothing near the floor.
    """
    name = engine_of(engine)
    world: Physics = getattr(import_module(f"{__name__}.{name}"), ENGINES[name])(scene, floor_z)
    return world
