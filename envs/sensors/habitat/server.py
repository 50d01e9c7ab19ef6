"""The loop in habitat-sim's process: opens the simulator, and answers poses with frames.

It imports nothing of robonav that loads scenes, so that a process starts fast and stays small.
"""

from __future__ import annotations

import importlib
import os
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.sensors.camera import Camera

_NEAR_M, _FAR_M = 0.01, 1000.0

Frames = tuple[NDArray[np.uint8], NDArray[np.float32]]


@dataclass(frozen=True)
class StageFile:
    """A mesh file for habitat-sim: the directions that become Habitat's y and -z, and its unit in metres."""

    path: str
    up: tuple[float, float, float]
    front: tuple[float, float, float]
    scale: float


def serve(connection: Connection, stage: StageFile, camera: Camera) -> None:
    """Answer each batch of poses with its frames until the other end closes; errors are sent as text."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process handles Ctrl-C
    for variable in ("MAGNUM_LOG", "HABITAT_SIM_LOG"):
        os.environ.setdefault(variable, "quiet")
    try:
        habitat_sim = importlib.import_module("habitat_sim")
        simulator = _opened(habitat_sim, stage, camera)
    except Exception as error:
        connection.send(_in_one_line(error))
        return
    connection.send(None)
    while True:
        try:
            poses = connection.recv()
        except (EOFError, OSError):
            simulator.close()
            return
        try:
            states = [
                habitat_sim.AgentState(position=position / stage.scale, rotation=rotation.tolist())
                for position, rotation in zip(*poses, strict=True)
            ]
            connection.send(_seen(simulator, states, stage.scale))
        except Exception as error:
            connection.send(_in_one_line(error))


def _opened(habitat_sim: Any, stage: StageFile, camera: Camera) -> Any:
    """A simulator with one agent at the camera, in the file's own units.

    A stage's scale is left at 1: habitat-sim 0.3 itself notes that it is not used everywhere.
    """
    config = habitat_sim.SimulatorConfiguration()
    config.scene_id = stage.path
    config.enable_physics = False
    mediator = habitat_sim.metadata.MetadataMediator(config)
    stages = mediator.stage_template_manager
    template = stages.create_new_template(stage.path)
    template.orient_up, template.orient_front = stage.up, stage.front
    if stages.register_template(template, stage.path) < 0:
        raise RuntimeError("its stage cannot be registered")
    agent = habitat_sim.agent.AgentConfiguration()
    agent.sensor_specifications = [
        _eye(habitat_sim, "rgb", habitat_sim.SensorType.COLOR, 4, camera, stage.scale),
        _eye(habitat_sim, "depth", habitat_sim.SensorType.DEPTH, 1, camera, stage.scale),
    ]
    return habitat_sim.Simulator(habitat_sim.Configuration(config, [agent], mediator))


def _eye(habitat_sim: Any, name: str, kind: Any, channels: int, camera: Camera, scale: float) -> Any:
    spec = habitat_sim.CameraSensorSpec()
    spec.uuid, spec.sensor_type, spec.channels = name, kind, channels
    spec.sensor_subtype = habitat_sim.SensorSubType.PINHOLE
    spec.resolution = [camera.height, camera.width]
    spec.hfov = camera.hfov_deg
    spec.position = [0.0, 0.0, 0.0]  # the agent is where the camera is
    spec.near, spec.far = _NEAR_M / scale, _FAR_M / scale
    return spec


def _seen(simulator: Any, states: list[Any], scale: float) -> Frames:
    agent = simulator.get_agent(0)
    rgb, depth = [], []
    for state in states:
        agent.set_state(state)
        seen = simulator.get_sensor_observations()
        rgb.append(seen["rgb"][..., :3].copy())  # the simulator fills its buffers again
        depth.append(seen["depth"] * np.float32(scale))
    return np.stack(rgb), np.stack(depth)


def _in_one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
