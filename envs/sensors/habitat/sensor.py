"""RGB-D by habitat-sim, for comparison with results of Habitat's users."""

from __future__ import annotations

from collections import OrderedDict
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from robonav.envs.scenes.datasets.habitat_frame import habitat_from_camera_pose
from robonav.envs.scenes.scene import MeshSource, Scene, SceneError
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.habitat.process import HabitatProcess
from robonav.envs.sensors.raycast import RaycastSensor

INSTALL = "conda install habitat-sim headless -c conda-forge -c aihabitat"
MAX_OPEN = 32  # each holds a scene in memory

# Least recently used first. What was closed to make room is opened again when it is looked through.
_open: OrderedDict[tuple[MeshSource, Camera], HabitatProcess] = OrderedDict()


class HabitatSensor(RaycastSensor):
    """Renders as habitat-sim 0.3 does, which loads the scene's file itself; other queries still use Embree.

    Raises:
        SceneError: habitat-sim is not installed or cannot show the file, or the scene is no mesh file.
    """

    def __init__(self, scene: Scene, camera: Camera, threads: int = 0) -> None:
        super().__init__(scene, camera, threads)
        if scene.source is None:
            raise SceneError(
                f"scene {scene.scene_id} is not read from a mesh file, which habitat-sim needs: use --sensor "
                "raycast, or scenes that are meshes"
            )
        if not is_installed():
            raise SceneError(
                f"--sensor habitat needs habitat-sim, which is not installed: run `{INSTALL}`, or use "
                "--sensor raycast"
            )
        self._key = (scene.source, camera)
        _running(self._key)

    def render(self, T_world_camera: NDArray[np.floating]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """RGB (N, H, W, 3) uint8 and z-depth (N, H, W) float32 in metres, 0 = no return, seen from N poses.

        Args:
            T_world_camera: (N, 4, 4) camera poses, x right, y down, z forward.

        Raises:
            SceneError: habitat-sim failed or ended; the next call starts it again.
        """
        if not len(T_world_camera):
            return super().render(T_world_camera)
        process = _running(self._key)
        try:
            return process.render(*habitat_from_camera_pose(T_world_camera))
        except SceneError:
            self.close()
            raise

    def close(self) -> None:
        """End the simulator; the next frame would start it again."""
        process = _open.pop(self._key, None)
        if process is not None:
            process.close()


def is_installed() -> bool:
    """Whether habitat-sim can be imported."""
    return find_spec("habitat_sim") is not None


def _running(key: tuple[MeshSource, Camera]) -> HabitatProcess:
    if key not in _open:
        while len(_open) >= MAX_OPEN:
            _open.popitem(last=False)[1].close()
        _open[key] = HabitatProcess(*key)
    _open.move_to_end(key)
    return _open[key]
