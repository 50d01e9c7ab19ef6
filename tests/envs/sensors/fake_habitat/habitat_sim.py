"""A stand-in for habitat-sim 0.3: names, argument checks and axes of the real one, and nothing that it lacks.

It loads the stage's file with trimesh, turns `orient_up` to y and `orient_front` to -z, and casts a ray for
each pixel: a camera looks along its -z with y up. As in the real one, a second simulator or failed assertion
ends the process. Sources: src_python/habitat_sim/{simulator,agent/agent,utils/validators}.py and
src/esp/bindings/*.cpp of facebookresearch/habitat-sim.
"""

from __future__ import annotations

import enum
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from robonav.envs.scenes.rays import rays_of

__version__ = "0.3.3"

EVIL = "evil"  # a file whose name has this ends the process, as a failed assertion does


class SensorType(enum.Enum):
    NONE, COLOR, DEPTH, SEMANTIC = range(4)


class SensorSubType(enum.Enum):
    NONE, PINHOLE, ORTHOGRAPHIC = range(3)


def _vector3(value: Any) -> np.ndarray:
    """Convert a value as a binding to magnum's Vector3 does."""
    vector = np.asarray(value, dtype=np.float64)
    if vector.shape != (3,):
        raise TypeError(f"incompatible function arguments: {value}")
    return vector


class _Bound:
    """Only the attributes that the binding has, each converted as it is set."""

    _CONVERT: dict[str, Any]

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._CONVERT:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        object.__setattr__(self, name, self._CONVERT[name](value))


class SimulatorConfiguration(_Bound):
    _CONVERT = {  # noqa: RUF012
        "scene_id": str,
        "scene_dataset_config_file": str,
        "enable_physics": bool,
        "gpu_device_id": int,
        "create_renderer": bool,
    }

    def __init__(self) -> None:
        self.scene_id, self.scene_dataset_config_file = "", "default"
        self.enable_physics, self.create_renderer, self.gpu_device_id = False, True, 0


def _one_of(kind: type[enum.Enum]) -> Any:
    def check(value: Any) -> Any:
        if not isinstance(value, kind):
            raise TypeError(f"incompatible function arguments: {value}")
        return value

    return check


def _resolution(value: Any) -> tuple[int, int]:
    rows, columns = value
    if not (isinstance(rows, int) and isinstance(columns, int)):
        raise TypeError(f"incompatible function arguments: {value}")
    return rows, columns


class CameraSensorSpec(_Bound):
    _CONVERT = {  # noqa: RUF012
        "uuid": str,
        "sensor_type": _one_of(SensorType),
        "sensor_subtype": _one_of(SensorSubType),
        "resolution": _resolution,
        "position": _vector3,
        "orientation": _vector3,
        "hfov": float,
        "near": float,
        "far": float,
        "channels": int,
    }

    def __init__(self) -> None:
        self.uuid, self.sensor_type, self.sensor_subtype = "", SensorType.NONE, SensorSubType.NONE
        self.resolution, self.position, self.orientation = (84, 84), (0, 1.5, 0), (0, 0, 0)
        self.hfov, self.near, self.far, self.channels = 90.0, 0.01, 1000.0, 4


class _StageAttributes(_Bound):
    _CONVERT = {  # noqa: RUF012
        "handle": str,
        "render_asset_handle": str,
        "orient_up": _vector3,
        "orient_front": _vector3,
        "scale": _vector3,
    }

    def __init__(self, handle: str) -> None:
        self.handle = self.render_asset_handle = handle
        # the real one's guess for a .glb differs from ours, so that it must be told
        self.orient_up, self.orient_front, self.scale = (0, 0, 1), (0, 1, 0), (1, 1, 1)


class _StageAttributesManager:
    def __init__(self) -> None:
        self.registered: dict[str, _StageAttributes] = {}

    def create_new_template(self, handle: str, register_template: bool = False) -> _StageAttributes:
        template = _StageAttributes(handle)
        if register_template:
            self.register_template(template, handle)
        return template

    def register_template(
        self, template: _StageAttributes, specified_handle: str = "", force_registration: bool = False
    ) -> int:
        if not Path(template.render_asset_handle).is_file():
            return -1
        self.registered[specified_handle or template.handle] = template
        return len(self.registered) - 1


class _MetadataMediator:
    def __init__(self, configuration: SimulatorConfiguration | None = None) -> None:
        self.stage_template_manager = _StageAttributesManager()


class AgentConfiguration:
    __slots__ = ("action_space", "body_type", "height", "radius", "sensor_specifications")

    def __init__(self) -> None:
        self.height, self.radius, self.body_type = 1.5, 0.1, "cylinder"
        self.sensor_specifications: list[CameraSensorSpec] = []
        self.action_space: dict[str, Any] = {}


class AgentState:
    __slots__ = ("position", "rotation", "sensor_states")

    def __init__(self, position: Any = (0, 0, 0), rotation: Any = (0, 0, 0, 1)) -> None:
        self.position, self.rotation, self.sensor_states = position, rotation, {}


class _Agent:
    def __init__(self, configuration: AgentConfiguration) -> None:
        self.agent_config, self.pose = configuration, (np.zeros(3), np.eye(3))

    def set_state(self, state: AgentState) -> None:
        if not np.all(np.isfinite(state.position)):
            raise ValueError(f"{state.position} contains non-finite values which are forbidden")
        if not isinstance(state.rotation, (list, np.ndarray)):
            raise TypeError("quat_to_magnum: expected a quaternion")
        if not np.isclose(np.linalg.norm(state.rotation), 1.0, rtol=1e-4, atol=0):
            raise ValueError(f"{state.rotation} is not a unit length vector")
        self.pose = (_vector3(state.position), Rotation.from_quat(state.rotation).as_matrix())


class Configuration:
    __slots__ = ("agents", "enable_batch_renderer", "metadata_mediator", "sim_cfg")

    def __init__(
        self,
        sim_cfg: SimulatorConfiguration,
        agents: list[AgentConfiguration],
        metadata_mediator: _MetadataMediator | None = None,
        enable_batch_renderer: bool = False,
    ) -> None:
        self.sim_cfg, self.agents = sim_cfg, agents
        self.metadata_mediator = metadata_mediator or _MetadataMediator(sim_cfg)
        self.enable_batch_renderer = enable_batch_renderer


class Simulator:
    _contexts = 0

    def __init__(self, config: Configuration) -> None:
        stage = config.metadata_mediator.stage_template_manager.registered[config.sim_cfg.scene_id]
        if Simulator._contexts or EVIL in stage.render_asset_handle:
            print("GL::Context::current(): no current context", file=sys.stderr)
            os.abort()
        Simulator._contexts += 1
        self._agents = [_Agent(agent) for agent in config.agents]
        geometry = trimesh.load_scene(stage.render_asset_handle, process=False).to_geometry()
        self._colors = np.asarray(geometry.visual.face_colors, dtype=np.uint8)
        # rows: Habitat's x, y and z in file coordinates
        axes = np.stack([np.cross(stage.orient_front, stage.orient_up), stage.orient_up, -stage.orient_front])
        self._rays = rays_of(geometry.vertices @ axes.T, geometry.faces)
        self._buffers = {
            spec.uuid: _buffer(spec) for agent in config.agents for spec in agent.sensor_specifications
        }

    def get_agent(self, agent_id: int) -> _Agent:
        return self._agents[agent_id]

    def get_sensor_observations(self, agent_ids: int = 0) -> dict[str, np.ndarray]:
        agent = self._agents[agent_ids]
        for spec in agent.agent_config.sensor_specifications:
            self._draw(spec, *agent.pose)
        return self._buffers

    def _draw(self, spec: CameraSensorSpec, position: np.ndarray, R: np.ndarray) -> None:
        rows, columns = spec.resolution
        focal = 0.5 * columns / np.tan(np.radians(spec.hfov) / 2)
        right = (np.arange(columns) + 0.5 - columns / 2) / focal
        up = -(np.arange(rows) + 0.5 - rows / 2) / focal
        grid = np.stack([*np.meshgrid(right, up), -np.ones((rows, columns))], axis=-1) @ R.T
        eye = np.broadcast_to(position + R @ spec.position, grid.shape)
        hits = self._rays.closest(*(rays.reshape(-1, 3).astype(np.float32) for rays in (eye, grid)))
        depth, faces = hits.distance.reshape(rows, columns), hits.triangle.reshape(rows, columns)
        seen = (depth >= spec.near) & (depth <= spec.far)
        buffer = self._buffers[spec.uuid]
        if spec.sensor_type is SensorType.DEPTH:
            buffer[:] = np.where(seen, depth, 0)
        else:
            buffer[:] = (0, 0, 0, 255)
            buffer[seen] = self._colors[faces[seen]]

    def close(self, destroy: bool = True) -> None:
        Simulator._contexts -= 1


def _buffer(spec: CameraSensorSpec) -> np.ndarray:
    if spec.sensor_type is SensorType.DEPTH:
        return np.empty(spec.resolution, np.float32)
    return np.empty((*spec.resolution, spec.channels), np.uint8)


agent = SimpleNamespace(AgentConfiguration=AgentConfiguration, AgentState=AgentState)
metadata = SimpleNamespace(MetadataMediator=_MetadataMediator)
