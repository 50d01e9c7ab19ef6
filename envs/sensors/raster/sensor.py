"""RGB-D by rasterisation: for small meshes several times cheaper than casting a ray for each pixel."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raster.faces import FaceMesh
from robonav.envs.sensors.raster.kernel import RenderView, draw_kernel
from robonav.envs.sensors.raster.pixels import LANES, PixelRays, ProjectedFace
from robonav.envs.sensors.raycast import RaycastSensor
from robonav.envs.sensors.workers import run_together

_VIEWS_A_LAUNCH = 64
_WORTH_SHARING = 4  # frames; with fewer, waking a thread costs more than it saves


class RasterSensor(RaycastSensor):
    """Renders the frames of a RaycastSensor, up to rounding, without Embree; other queries still use it.

    The cost of a frame grows with the triangles of the whole scene.
    """

    def render(self, T_world_camera: NDArray[np.floating]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """RGB (N, H, W, 3) uint8 and z-depth (N, H, W) float32 in metres, 0 = no return, seen from N poses.

        Args:
            T_world_camera: (N, 4, 4) camera poses, x right, y down, z forward.
        """
        image = (len(T_world_camera), self.camera.height, self.camera.width)
        rgb, depth = np.empty((*image, 3), dtype=np.uint8), np.empty(image, dtype=np.float32)
        draw([self] * len(T_world_camera), T_world_camera, np.arange(len(T_world_camera)), rgb, depth)
        return rgb, depth

    @cached_property
    def mesh(self) -> FaceMesh:
        """The rasteriser's copy of the scene."""
        return FaceMesh.of(self.scene)


def draw(
    sensors: Sequence[RasterSensor],
    T_world_camera: NDArray[np.floating],
    at: NDArray[np.integer],
    rgb: NDArray[np.uint8],
    depth: NDArray[np.float32],
) -> None:
    """Render view k with sensors[k] from T_world_camera[k] into rgb[at[k]] and depth[at[k]].

    Args:
        sensors: M sensors of one camera and number of threads, of any scenes.
        T_world_camera: (M, 4, 4) poses.
        at: (M,) different indices < N.
        rgb: (N, H, W, 3) uint8, contiguous.
        depth: (N, H, W) float32, contiguous.
    """
    count = len(sensors)
    if not count:
        return
    camera, threads = sensors[0].camera, sensors[0].threads
    meshes = [sensor.mesh for sensor in sensors]
    rgb_at = rgb.ctypes.data + at * rgb.strides[0]
    depth_at = depth.ctypes.data + at * depth.strides[0]
    share = 1 if count < _WORTH_SHARING else min(threads, count)
    bounds = [k * count // share for k in range(share + 1)]
    capacity = max(len(mesh.faces) for mesh in meshes)
    calls = []
    for k in range(share):
        part = slice(bounds[k], bounds[k + 1])
        canvas = _canvases.get(camera, k, capacity)
        calls.append(partial(canvas.draw, meshes[part], T_world_camera[part], rgb_at[part], depth_at[part]))
    run_together(calls)


class _Canvas:
    """Scratch memory of one thread and its recorded launch; making them costs more than drawing a frame."""

    def __init__(self, camera: Camera, max_faces: int) -> None:
        self.max_faces = max_faces
        self._views = np.zeros(_VIEWS_A_LAUNCH, dtype=RenderView.numpy_dtype())  # type: ignore[attr-defined]
        self._count = np.zeros(1, dtype=np.int32)
        lens = _lens(camera)
        scratch = camera.height * lens.stride + LANES
        inputs = [
            lens,
            wp.array(self._count, dtype=wp.int32, device="cpu", copy=False),
            wp.array(self._views, dtype=RenderView, device="cpu", copy=False),
            wp.empty(max_faces, dtype=ProjectedFace, device="cpu"),
            wp.empty(scratch, dtype=wp.float32, device="cpu"),
            wp.empty(scratch, dtype=wp.int32, device="cpu"),
        ]
        self._launch = wp.launch(draw_kernel, dim=1, inputs=inputs, device="cpu", record_cmd=True)

    def draw(
        self,
        meshes: list[FaceMesh],
        T_world_camera: NDArray[np.floating],
        rgb_at: NDArray[np.integer],
        depth_at: NDArray[np.integer],
    ) -> None:
        for start in range(0, len(meshes), _VIEWS_A_LAUNCH):
            part = slice(start, start + _VIEWS_A_LAUNCH)
            views: Any = self._views[: len(meshes[part])]
            views["pose"], views["rgb"], views["depth"] = T_world_camera[part], rgb_at[part], depth_at[part]
            views["mesh"] = [mesh.record for mesh in meshes[part]]
            self._count[0] = len(views)
            self._launch.launch()


class _Canvases(threading.local):
    """Canvases by camera and share of a call, for each thread."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Camera, int], _Canvas] = {}

    def get(self, camera: Camera, share: int, max_faces: int) -> _Canvas:
        canvas = self._kept.get((camera, share))
        if canvas is None or canvas.max_faces < max_faces:
            canvas = self._kept[camera, share] = _Canvas(camera, 2 * max_faces)
        return canvas


_canvases = _Canvases()


def _lens(camera: Camera) -> PixelRays:
    lens = PixelRays()
    lens.width, lens.height, lens.focal = camera.width, camera.height, camera.focal
    lens.stride = -(-camera.width // LANES) * LANES
    lens.max_x, lens.max_y = 0.5 * camera.width / camera.focal, 0.5 * camera.height / camera.focal
    lens.left, lens.top = camera.directions()[0, 0, :2].tolist()
    return lens
