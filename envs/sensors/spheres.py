# mypy: disable-error-code="valid-type, arg-type, operator, assignment, var-annotated"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""Spheres drawn into rendered frames; they appear and disappear while the scene's mesh stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import warp as wp
from numpy.typing import NDArray

from robonav.envs.sensors.camera import Camera

Images = tuple[NDArray[np.uint8], NDArray[np.float32]]
_AMBIENT, _FACING, _OVERHEAD = 0.6, 0.25, 0.15  # light on a sphere: everywhere, from the camera, from above


class Instances(Protocol):
    """Bodies in the worlds of N agents, beside their scenes."""

    def over(
        self, agents: Sequence[int], T_world_camera: NDArray[np.float32], scenery: Images, shown: Images
    ) -> Images:
        """Images with instances: new ones for these agents, the previous ones for the others.

        Args:
            agents: Agents with a new frame.
            T_world_camera: (N, 4, 4) poses of all agents.
            scenery: RGB (N, H, W, 3) and depth (N, H, W) of the scenes alone; not changed.
            shown: The previous images; not changed.
        """
        ...

    def blocks(self, agent: int, start_xy: NDArray[np.floating], end_xy: NDArray[np.floating]) -> bool:
        """Whether an instance blocks an agent that moves from start (2,) to end (2,)."""
        ...


class NoInstances:
    """No instances."""

    def over(
        self, agents: Sequence[int], T_world_camera: NDArray[np.float32], scenery: Images, shown: Images
    ) -> Images:
        """The scenery itself."""
        return scenery

    def blocks(self, agent: int, start_xy: NDArray[np.floating], end_xy: NDArray[np.floating]) -> bool:
        """Return False."""
        return False


class Spheres:
    """K spheres of one size and colour in the world of each of N agents; each can be gone.

    Args:
        camera: Camera of the images.
        num_agents: N.
        count: K, at most 254.
        radius_m: Radius in metres.
        color: RGB in 0 ... 255.

    Attributes:
        centres: (N, K, 3) float32, world frame, metres.
        present: (N, K) bool.
        owner: (N, H, W) uint8, what each pixel that was drawn last shows: 0 the scene, k + 1 the k-th sphere.
    """

    def __init__(
        self, camera: Camera, num_agents: int, count: int, radius_m: float, color: tuple[float, float, float]
    ) -> None:
        self.centres = np.zeros((num_agents, count, 3), np.float32)
        self.present = np.zeros((num_agents, count), bool)
        self.owner = np.zeros((num_agents, camera.height, camera.width), np.uint8)
        self._focal, self._radius, self._color = camera.focal, radius_m, wp.vec3(*color)

    def over(
        self, agents: Sequence[int], T_world_camera: NDArray[np.float32], scenery: Images, shown: Images
    ) -> Images:
        """Draw the spheres of these agents; at every pixel the nearest hit wins."""
        rgb, depth = shown[0].copy(), shown[1].copy()
        rows = np.asarray(agents, dtype=np.int32)
        rgb[rows], depth[rows], self.owner[rows] = scenery[0][rows], scenery[1][rows], 0
        arrays = [
            _view(rows, wp.int32),
            _view(np.ascontiguousarray(T_world_camera, dtype=np.float32), wp.mat44),
            _view(self.centres, wp.vec3),
            _view(self.present, wp.bool),
        ]
        images = [_view(rgb, wp.vec3ub), _view(depth, wp.float32), _view(self.owner, wp.uint8)]
        inputs = [*arrays, self._focal, self._radius, self._color, *images]
        wp.launch(_draw, len(rows), inputs, device="cpu")
        return rgb, depth

    def blocks(self, agent: int, start_xy: NDArray[np.floating], end_xy: NDArray[np.floating]) -> bool:
        """Return False: agents pass through the spheres."""
        return False

    def in_view(self) -> NDArray[np.bool_]:
        """Mask (N, K) of spheres that show in at least one pixel."""
        numbers = np.arange(1, self.present.shape[1] + 1, dtype=np.uint8)
        return np.stack([(self.owner == number).any(axis=(1, 2)) for number in numbers], axis=1)


def _view(array: NDArray[np.generic], dtype: type) -> wp.array:
    """A Warp array over the same memory."""
    return wp.array(array, dtype=dtype, device="cpu", copy=False)


@wp.func
def _first_pixel(slope_low: float, focal: float, size: int) -> int:
    return wp.clamp(int(wp.floor(slope_low * focal + 0.5 * float(size) - 0.5)), 0, size)


@wp.func
def _end_pixel(slope_high: float, focal: float, size: int) -> int:
    return wp.clamp(int(wp.ceil(slope_high * focal + 0.5 * float(size) + 0.5)), 0, size)


@wp.func
def _lit(normal: wp.vec3, color: wp.vec3) -> wp.vec3ub:
    light = _AMBIENT + _FACING * wp.abs(normal[2]) + _OVERHEAD * wp.max(-normal[1], 0.0)
    return wp.vec3ub(wp.uint8(light * color[0]), wp.uint8(light * color[1]), wp.uint8(light * color[2]))


@wp.kernel
def _draw(
    agents: wp.array(dtype=wp.int32),
    poses: wp.array(dtype=wp.mat44),
    centres: wp.array2d(dtype=wp.vec3),
    present: wp.array2d(dtype=wp.bool),
    focal: float,
    radius: float,
    color: wp.vec3,
    rgb: wp.array3d(dtype=wp.vec3ub),
    depth: wp.array3d(dtype=wp.float32),
    owner: wp.array3d(dtype=wp.uint8),
) -> None:
    agent = agents[wp.tid()]
    T = poses[agent]
    height = depth.shape[1]
    width = depth.shape[2]
    for k in range(centres.shape[1]):
        offset = centres[agent, k] - wp.vec3(T[0, 3], T[1, 3], T[2, 3])
        c = wp.transform_vector(wp.transpose(T), offset)  # in the camera's frame
        near = c[2] - radius
        far = c[2] + radius
        if present[agent, k] and far > 0.0:
            left = wp.int32(0)
            top = wp.int32(0)
            right = wp.int32(width)
            bottom = wp.int32(height)
            if near > 1.0e-3:  # else it reaches around the camera
                left = _first_pixel(wp.min((c[0] - radius) / near, (c[0] - radius) / far), focal, width)
                top = _first_pixel(wp.min((c[1] - radius) / near, (c[1] - radius) / far), focal, height)
                right = _end_pixel(wp.max((c[0] + radius) / near, (c[0] + radius) / far), focal, width)
                bottom = _end_pixel(wp.max((c[1] + radius) / near, (c[1] + radius) / far), focal, height)
            power = wp.dot(c, c) - radius * radius
            for v in range(top, bottom):
                for u in range(left, right):
                    # z = 1, so the ray parameter of a hit is its planar depth
                    d = wp.vec3(
                        (float(u) + 0.5 - 0.5 * float(width)) / focal,
                        (float(v) + 0.5 - 0.5 * float(height)) / focal,
                        1.0,
                    )
                    a = wp.dot(d, d)
                    b = wp.dot(d, c)
                    root = b * b - a * power
                    if root >= 0.0:
                        t = (b - wp.sqrt(root)) / a
                        if t <= 0.0:  # from inside
                            t = (b + wp.sqrt(root)) / a
                        if t > 0.0 and (depth[agent, v, u] == 0.0 or t < depth[agent, v, u]):
                            depth[agent, v, u] = t
                            owner[agent, v, u] = wp.uint8(k + 1)
                            rgb[agent, v, u] = _lit((t * d - c) / radius, color)
