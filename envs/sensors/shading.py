# mypy: disable-error-code="valid-type, arg-type, operator, assignment, return-value, var-annotated"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""Rays of a camera and the colour of their hits: two Warp kernels on the CPU, and the buffers they share."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import warp as wp
from numpy.typing import NDArray

from robonav.envs.scenes.hits import Hits
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.facets import Appearance, Facet, Textures
from robonav.envs.sensors.workers import run_together

wp.config.log_level = 40  # errors only: Warp greets on every start otherwise
wp.set_module_options({"enable_backward": False})


class FrameBatch:
    """Buffers and recorded kernel launches for N frames; making them costs more than shading a frame.

    Args:
        num_frames: N.
        camera: The camera of every frame.
        appearance: Colours of the scene.
        threads: Threads that share the shading.

    Attributes:
        origins: (N * H * W, 3) float32 origins of the rays.
        directions: (N * H * W, 3) float32. They have z = 1 in the camera's frame, so the ray parameter of a
            hit IS its planar depth.
    """

    def __init__(self, num_frames: int, camera: Camera, appearance: Appearance, threads: int) -> None:
        image = (num_frames, camera.height, camera.width)
        count = num_frames * camera.height * camera.width
        self._poses = np.zeros((num_frames, 4, 4), dtype=np.float32)
        self.origins, self.directions = np.zeros((2, count, 3), dtype=np.float32)
        self._hits = Hits(
            np.zeros(count, dtype=np.float32),
            np.zeros(count, dtype=np.int32),
            *np.zeros((2, count), dtype=np.float32),
        )
        self._rgb = np.zeros((*image, 3), dtype=np.uint8)
        self._depth = np.zeros(image, dtype=np.float32)
        self._record(camera, appearance, parts=threads)

    def _record(self, camera: Camera, appearance: Appearance, parts: int) -> None:
        poses = _view(self._poses, wp.mat44)
        directions = wp.array(camera.directions().reshape(-1, 3), dtype=wp.vec3, device="cpu")
        types = (wp.float32, wp.int32, wp.float32, wp.float32)
        hits = [_view(buffer, dtype) for buffer, dtype in zip(self._hits, types, strict=True)]
        images = [_view(self._rgb.reshape(-1, 3), wp.vec3ub), _view(self._depth.reshape(-1), wp.float32)]
        rays = [_view(self.origins, wp.vec3), _view(self.directions, wp.vec3)]
        self._ray_launch = _recorded(_ray_kernel, len(poses), [poses, directions, *rays])
        rows = np.linspace(0, len(poses) * camera.height, parts + 1).astype(int)
        surface = [poses, directions, *hits, appearance.facets, appearance.textures, *images]
        self._shade_launches = [
            _recorded(
                _shade_kernel, int(end - start), [int(start), camera.width, 1.0 / camera.focal, *surface]
            )
            for start, end in pairwise(rows)
        ]

    def aim(self, T_world_camera: NDArray[np.floating]) -> None:
        """Fill the rays of N poses (N, 4, 4)."""
        self._poses[:] = T_world_camera
        self._ray_launch.launch()

    def shade(self, hits: Hits) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """RGB (N, H, W, 3) and depth (N, H, W) of the first hits of the rays; black and 0 without a hit."""
        for buffer, values in zip(self._hits, hits, strict=True):
            np.copyto(buffer, values)
        run_together(launch.launch for launch in self._shade_launches)
        return self._rgb.copy(), self._depth.copy()


def _view(array: NDArray, dtype: type) -> wp.array:
    """A Warp array over the same memory."""
    return wp.array(array, dtype=dtype, device="cpu", copy=False)


def _recorded(kernel: wp.Kernel, dim: int, inputs: list) -> wp.Launch:
    return wp.launch(kernel, dim=dim, inputs=inputs, device="cpu", record_cmd=True)


@wp.kernel
def _ray_kernel(
    poses: wp.array(dtype=wp.mat44),
    directions: wp.array(dtype=wp.vec3),
    origins: wp.array(dtype=wp.vec3),
    ray_directions: wp.array(dtype=wp.vec3),
) -> None:
    frame = wp.tid()
    T = poses[frame]
    origin = wp.vec3(T[0, 3], T[1, 3], T[2, 3])
    first = frame * directions.shape[0]
    for pixel in range(directions.shape[0]):
        origins[first + pixel] = origin
        ray_directions[first + pixel] = wp.transform_vector(T, directions[pixel])


@wp.func
def _texel(textures: Textures, index: int) -> wp.vec3:
    c = textures.texels[index]
    return wp.vec3(float(c[0]), float(c[1]), float(c[2]))


@wp.func
def _bilinear(textures: Textures, texture: int, level: int, uv: wp.vec2) -> wp.vec3:
    size = textures.size[texture]
    width = wp.max(size[0] >> level, 1)
    height = wp.max(size[1] >> level, 1)
    # within [-0.5, size - 0.5): only the first and the last texel need to wrap
    x = (uv[0] - wp.floor(uv[0])) * float(width) - 0.5
    y = (uv[1] - wp.floor(uv[1])) * float(height) - 0.5
    left = int(wp.floor(x))
    top = int(wp.floor(y))
    fx = x - float(left)
    fy = y - float(top)
    right = wp.where(left + 1 >= width, 0, left + 1)
    below = wp.where(top + 1 >= height, 0, top + 1)
    left = wp.where(left < 0, width - 1, wp.min(left, width - 1))
    top = wp.where(top < 0, height - 1, wp.min(top, height - 1))
    start = textures.level_offset[texture, level]
    upper = start + top * width
    lower = start + below * width
    a = (1.0 - fx) * _texel(textures, upper + left) + fx * _texel(textures, upper + right)
    b = (1.0 - fx) * _texel(textures, lower + left) + fx * _texel(textures, lower + right)
    return (1.0 - fy) * a + fy * b


@wp.func
def _mip_level(direction: wp.vec3, normal: wp.vec3, texels_per_pixel: float) -> int:
    """Level whose texels match the longer side of the pixel's footprint, as OpenGL chooses it.

    The ray t d meets the plane again, one pixel along image axis e, displaced by t (e - d (n.e) / (n.d)).
    """
    slant = wp.dot(normal, direction)
    slant = wp.where(wp.abs(slant) < 1.0e-4, 1.0e-4, slant)
    a = normal[0] / slant
    b = normal[1] / slant
    squared = wp.dot(direction, direction)
    longer = wp.max(
        1.0 + a * (a * squared - 2.0 * direction[0]), 1.0 + b * (b * squared - 2.0 * direction[1])
    )
    footprint = texels_per_pixel * texels_per_pixel * longer
    level = wp.int32(0)  # a plain 0 would be a constant to Warp
    while footprint > 2.0 and level < 12:
        footprint *= 0.25
        level += 1
    return level


@wp.kernel
def _shade_kernel(
    first_row: int,
    width: int,
    pixel_at_1m: float,
    poses: wp.array(dtype=wp.mat44),
    directions: wp.array(dtype=wp.vec3),
    distance: wp.array(dtype=wp.float32),
    triangle: wp.array(dtype=wp.int32),
    weight_1: wp.array(dtype=wp.float32),
    weight_2: wp.array(dtype=wp.float32),
    facets: wp.array(dtype=Facet),
    textures: Textures,
    rgb: wp.array(dtype=wp.vec3ub),
    depth: wp.array(dtype=wp.float32),
) -> None:
    row = first_row + wp.tid()
    count = directions.shape[0]
    frame = row * width // count
    camera_from_world = wp.transpose(poses[frame])
    for i in range(row * width, (row + 1) * width):
        pixel = i - frame * count
        t = distance[i]
        color = wp.vec3(0.0, 0.0, 0.0)
        if wp.isfinite(t):
            facet = facets[triangle[i]]
            u = weight_1[i]
            v = weight_2[i]
            w = 1.0 - u - v
            c0 = facet.color_0
            c1 = facet.color_1
            c2 = facet.color_2
            color = wp.vec3(
                w * float(c0[0]) + u * float(c1[0]) + v * float(c2[0]),
                w * float(c0[1]) + u * float(c1[1]) + v * float(c2[1]),
                w * float(c0[2]) + u * float(c1[2]) + v * float(c2[2]),
            )
            if facet.texture >= 0:
                normal = wp.transform_vector(camera_from_world, facet.normal)
                level = _mip_level(directions[pixel], normal, t * pixel_at_1m * facet.texels_per_metre)
                uv = facet.uv + u * facet.uv_along_1 + v * facet.uv_along_2
                color = wp.cw_mul(color, _bilinear(textures, facet.texture, level, uv)) / 255.0
        else:
            t = 0.0
        depth[i] = t
        rgb[i] = wp.vec3ub(wp.uint8(color[0] + 0.5), wp.uint8(color[1] + 0.5), wp.uint8(color[2] + 0.5))
