"""Colour of ray hits: interpolated corner colour times a bilinear, mipmapped texture lookup (Warp, CPU)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import warp as wp
from numpy.typing import NDArray
from PIL import Image

from robonav.envs.scenes.scene import Scene

wp.config.log_level = 40  # errors only: Warp greets on every start otherwise

_LEVELS = 12  # of a mip pyramid: enough for 4096-texel textures


@wp.struct
class _Textures:
    texels: wp.array(dtype=wp.vec3ub)  # type: ignore[valid-type]
    level_offset: wp.array2d(dtype=wp.int32)  # type: ignore[valid-type]
    size: wp.array(dtype=wp.vec2i)  # type: ignore[valid-type]


@dataclass(frozen=True, eq=False)
class Appearance:
    """What the shading kernel reads of a scene, flattened for it.

    Attributes:
        corner_colors: (T, 3) vec3ub.
        corner_uvs: (T, 3) vec2.
        texture_ids: (T,) int32, -1 = none.
        texels_per_metre: (T,) float32, texture resolution on the surface.
        textures: The mip pyramids of all textures in one buffer.
    """

    corner_colors: wp.array
    corner_uvs: wp.array
    texture_ids: wp.array
    texels_per_metre: wp.array
    textures: _Textures

    @classmethod
    def of(cls, scene: Scene) -> Appearance:
        """Flatten the appearance of a scene."""
        return cls(
            corner_colors=wp.array(scene.corner_colors, dtype=wp.vec3ub, device="cpu"),
            corner_uvs=wp.array(scene.corner_uvs, dtype=wp.vec2, device="cpu"),
            texture_ids=wp.array(scene.texture_ids, dtype=wp.int32, device="cpu"),
            texels_per_metre=wp.array(_texels_per_metre(scene), dtype=wp.float32, device="cpu"),
            textures=_flatten_textures(scene.textures),
        )


def camera_rays(T_world_camera: NDArray[np.floating], directions: wp.array) -> NDArray[np.float32]:
    """Rays (N * P, 6), origin and direction, of P pixel directions (z = 1) from N poses.

    The directions keep their length, so the ray parameter of a hit IS its planar depth.
    """
    poses = np.asarray(T_world_camera, dtype=np.float32)
    rays = np.empty((len(poses) * len(directions), 6), dtype=np.float32)
    wp.launch(
        _ray_kernel,
        dim=(len(poses), len(directions)),
        inputs=[_view(poses, wp.mat44), directions],
        outputs=[_view(rays.reshape(-1, 2, 3), wp.vec3)],
        device="cpu",
    )
    return rays


def shade(
    appearance: Appearance, rays: NDArray[np.float32], hits: dict[str, NDArray], pixel_at_1m: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """RGB (M, 3) uint8 and depth (M,) float32 of M rays from Open3D's hits; black and 0 without one."""
    rgb = np.empty((len(rays), 3), dtype=np.uint8)
    depth = np.empty(len(rays), dtype=np.float32)
    wp.launch(
        _shade_kernel,
        dim=len(rays),
        inputs=[
            _view(rays.reshape(-1, 2, 3), wp.vec3),
            _view(hits["t_hit"], wp.float32),
            _view(hits["primitive_ids"], wp.uint32),
            _view(hits["primitive_uvs"], wp.vec2),
            _view(hits["primitive_normals"], wp.vec3),
            pixel_at_1m,
            appearance.corner_colors,
            appearance.corner_uvs,
            appearance.texture_ids,
            appearance.texels_per_metre,
            appearance.textures,
        ],
        outputs=[_view(rgb, wp.vec3ub), _view(depth, wp.float32)],
        device="cpu",
    )
    return rgb, depth


def _view(array: NDArray, dtype: type) -> wp.array:
    """A Warp array over the same memory."""
    return wp.array(array, dtype=dtype, device="cpu", copy=False)


def _texels_per_metre(scene: Scene) -> NDArray[np.float32]:
    """Texture resolution on each triangle (T,): square root of texel area over surface area."""
    if not scene.textures:
        return np.zeros(len(scene.triangles), dtype=np.float32)
    corners = scene.vertices[scene.triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    sizes = np.array([texture.shape[1::-1] for texture in scene.textures], dtype=np.float32)
    uvs = scene.corner_uvs * sizes[np.maximum(scene.texture_ids, 0)][:, None]
    (ax, ay), (bx, by) = (uvs[:, 1] - uvs[:, 0]).T, (uvs[:, 2] - uvs[:, 0]).T
    return np.sqrt(np.abs(ax * by - ay * bx) / np.maximum(area, 1e-12)).astype(np.float32)


def _flatten_textures(textures: tuple[NDArray[np.uint8], ...]) -> _Textures:
    levels: list[NDArray[np.uint8]] = []
    offsets = np.zeros((max(len(textures), 1), _LEVELS), dtype=np.int32)
    end = 0
    for k, texture in enumerate(textures):
        for level, image in enumerate(_mip_pyramid(texture)):
            offsets[k, level:] = end
            levels.append(image.reshape(-1, 3))
            end += len(levels[-1])
    flat = _Textures()
    texels = np.concatenate(levels) if levels else np.zeros((1, 3), dtype=np.uint8)
    flat.texels = wp.array(texels, dtype=wp.vec3ub, device="cpu")
    flat.level_offset = wp.array(offsets, dtype=wp.int32, device="cpu")
    sizes = [texture.shape[1::-1] for texture in textures] or [(1, 1)]
    flat.size = wp.array(np.array(sizes, dtype=np.int32), dtype=wp.vec2i, device="cpu")
    return flat


def _mip_pyramid(texture: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The texture and its halvings down to one texel, as a GPU would make them."""
    levels = [np.ascontiguousarray(texture)]
    image = Image.fromarray(levels[0])
    while max(image.size) > 1 and len(levels) < _LEVELS:
        image = image.resize((max(image.width // 2, 1), max(image.height // 2, 1)), Image.Resampling.BOX)
        levels.append(np.asarray(image))
    return levels


@wp.kernel
def _ray_kernel(
    T_world_camera: wp.array(dtype=wp.mat44),  # type: ignore[valid-type]
    directions: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    rays: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
) -> None:
    frame, pixel = wp.tid()
    T = T_world_camera[frame]
    ray = frame * directions.shape[0] + pixel
    rays[ray, 0] = wp.vec3(T[0, 3], T[1, 3], T[2, 3])
    rays[ray, 1] = wp.transform_vector(T, directions[pixel])


@wp.func
def _wrap(i: int, size: int) -> int:
    r = i % size
    if r < 0:
        r += size
    return r


@wp.func
def _texel(textures: _Textures, offset: int, width: int, x: int, y: int) -> wp.vec3:
    c = textures.texels[offset + y * width + x]
    return wp.vec3(float(c[0]), float(c[1]), float(c[2]))


@wp.func
def _bilinear(textures: _Textures, texture: int, level: int, uv: wp.vec2) -> wp.vec3:
    size = textures.size[texture]
    width = wp.max(size[0] >> level, 1)
    height = wp.max(size[1] >> level, 1)
    offset = textures.level_offset[texture, level]
    x = (uv[0] - wp.floor(uv[0])) * float(width) - 0.5
    y = (uv[1] - wp.floor(uv[1])) * float(height) - 0.5
    x0 = int(wp.floor(x))
    y0 = int(wp.floor(y))
    fx = x - float(x0)
    fy = y - float(y0)
    xa = _wrap(x0, width)
    xb = _wrap(x0 + 1, width)
    ya = _wrap(y0, height)
    yb = _wrap(y0 + 1, height)
    top = (1.0 - fx) * _texel(textures, offset, width, xa, ya) + fx * _texel(textures, offset, width, xb, ya)
    low = (1.0 - fx) * _texel(textures, offset, width, xa, yb) + fx * _texel(textures, offset, width, xb, yb)
    return (1.0 - fy) * top + fy * low


@wp.kernel
def _shade_kernel(
    rays: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    t_hit: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
    primitive_ids: wp.array(dtype=wp.uint32),  # type: ignore[valid-type]
    primitive_uvs: wp.array(dtype=wp.vec2),  # type: ignore[valid-type]
    normals: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    pixel_at_1m: float,
    corner_colors: wp.array2d(dtype=wp.vec3ub),  # type: ignore[valid-type]
    corner_uvs: wp.array2d(dtype=wp.vec2),  # type: ignore[valid-type]
    texture_ids: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    texels_per_metre: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
    textures: _Textures,
    rgb: wp.array(dtype=wp.vec3ub),  # type: ignore[valid-type]
    depth: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
) -> None:
    i = wp.tid()
    t = t_hit[i]
    if not wp.isfinite(t):
        rgb[i] = wp.vec3ub(wp.uint8(0), wp.uint8(0), wp.uint8(0))
        depth[i] = 0.0
        return
    depth[i] = t
    triangle = int(primitive_ids[i])
    u = primitive_uvs[i][0]
    v = primitive_uvs[i][1]
    w = 1.0 - u - v
    a = corner_colors[triangle, 0]
    b = corner_colors[triangle, 1]
    c = corner_colors[triangle, 2]
    color = wp.vec3(
        w * float(a[0]) + u * float(b[0]) + v * float(c[0]),
        w * float(a[1]) + u * float(b[1]) + v * float(c[1]),
        w * float(a[2]) + u * float(b[2]) + v * float(c[2]),
    )
    texture = texture_ids[triangle]
    if texture >= 0:
        uv = w * corner_uvs[triangle, 0] + u * corner_uvs[triangle, 1] + v * corner_uvs[triangle, 2]
        direction = rays[i, 1]
        # a slanted surface stretches the pixel's footprint by 1 / cos along the slant
        cosine = wp.abs(wp.dot(wp.normalize(direction), normals[i]))
        footprint = t * pixel_at_1m * texels_per_metre[triangle] / wp.max(wp.sqrt(cosine), 0.05)
        level = wp.clamp(int(wp.floor(wp.log2(wp.max(footprint, 1.0)) + 0.5)), 0, 11)
        color = wp.cw_mul(color, _bilinear(textures, texture, level, uv)) / 255.0
    rgb[i] = wp.vec3ub(wp.uint8(color[0] + 0.5), wp.uint8(color[1] + 0.5), wp.uint8(color[2] + 0.5))
