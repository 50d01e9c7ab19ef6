"""The faster renderer of each scene, and frames of many scenes in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from robonav.envs.scenes.scene import Scene
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.habitat.sensor import HabitatSensor
from robonav.envs.sensors.raster.sensor import RasterSensor, draw
from robonav.envs.sensors.raycast import RaycastSensor

_RASTER_TRIANGLES = 16_000  # the cost of both is the same at about 20,000


def sensor_of(scene: Scene, camera: Camera, threads: int = 0) -> RaycastSensor:
    """The faster sensor for a scene; both see the same.

    Args:
        scene: The scene.
        camera: The pinhole camera of every frame.
        threads: Threads a call may use; 0 = all cores.
    """
    kind = RasterSensor if len(scene.triangles) <= _RASTER_TRIANGLES else RaycastSensor
    return kind(scene, camera, threads)


# What shows a scene through a camera with so many threads.
SensorMaker = Callable[[Scene, Camera, int], RaycastSensor]

# By the name that a user gives; None = gave none.
SENSORS: dict[str | None, SensorMaker] = {
    None: sensor_of,
    "raycast": RaycastSensor,
    "habitat": HabitatSensor,
}


def render_views(
    sensors: Mapping[int, RaycastSensor],
    T_world_camera: NDArray[np.floating],
    rgb: NDArray[np.uint8],
    depth: NDArray[np.float32],
) -> None:
    """Render sensors[k] at T_world_camera[k] into rgb[k] and depth[k]; other rows stay unchanged.

    Args:
        sensors: Of one camera, by index < N.
        T_world_camera: (N, 4, 4) poses.
        rgb: (N, H, W, 3) uint8, contiguous.
        depth: (N, H, W) float32, contiguous.
    """
    rastered: dict[int, RasterSensor] = {}
    cast: dict[int, list[int]] = {}  # rows by sensor: one call renders all that share a scene
    for k, sensor in sensors.items():
        if isinstance(sensor, RasterSensor):
            rastered[k] = sensor
        else:
            cast.setdefault(id(sensor), []).append(k)
    rows = np.fromiter(rastered, dtype=np.intp)
    draw(list(rastered.values()), T_world_camera[rows], rows, rgb, depth)
    for group in cast.values():
        rgb[group], depth[group] = sensors[group[0]].render(T_world_camera[group])
