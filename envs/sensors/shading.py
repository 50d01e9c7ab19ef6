"""Colour of ray hits: interpolated corner colour times a bilinear, mipmapped texture lookup (Warp, CPU)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import warp as wp
from numpy.typing import NDArray
from PIL import Image

from robonav.envs.scenes.scene import Scene

wp.config.log_level = 40  # errors only: Warp greets on every start otherwise
wp.set_module_options({"enable_backward": False})

_LEVELS = 13  # of a mip pyramid: enough for 4096-texel textures


@wp.struct
class Facet:
    """All that shading reads of one triangle, side by side so that it costs one cache line."""

    normal: wp.vec3
    uv: wp.vec2
    uv_along_1: wp.vec2
    uv_along_2: wp.vec2
    texels_per_metre: wp.float32
    texture: wp.int32
    color_0: wp.vec3ub
    color_1: wp.vec3ub
    color_2: wp.vec3ub


@wp.struct
class Textures:
    """The mip pyramids of all textures in one buffer: texture k, level l starts at level_offset[k, l]."""

    texels: wp.array(dtype=wp.vec3ub)  # type: ignore[valid-type]
    level_offset: wp.array2d(dtype=wp.int32)  # type: ignore[valid-type]
    size: wp.array(dtype=wp.vec2i)  # type: ignore[valid-type]


@dataclass(frozen=True, eq=False)
class Appearance:
    """What the shading kernel reads of a scene: facets (T,) and textures."""

    facets: wp.array
    textures: Textures

    @classmethod
    def of(cls, scene: Scene) -> Appearance:
        """Flatten the appearance of a scene."""
        return cls(wp.array(_facets(scene), dtype=Facet, device="cpu"), _flatten_textures(scene.textures))


def write_rays(poses: wp.array, directions: wp.array, rays: wp.array) -> None:
    """Fill rays (N * P, 2) with origin and direction of P pixel directions (z = 1) from N poses.

    The directions keep their length, so the ray parameter of a hit IS its planar depth.
    """
    wp.launch(_ray_kernel, dim=len(poses), inputs=[poses, directions], outputs=[rays], device="cpu")


def shade(
    appearance: Appearance,
    poses: wp.array,
    directions: wp.array,
    hits: dict[str, NDArray],
    rgb: NDArray[np.uint8],
    depth: NDArray[np.float32],
) -> None:
    """Fill rgb (N, P, 3) and depth (N, P) from Open3D's hits of N * P rays; black and 0 without a hit."""
    wp.launch(
        _shade_kernel,
        dim=len(poses),
        inputs=[
            poses,
            directions,
            as_warp(hits["t_hit"], wp.float32),
            as_warp(hits["primitive_ids"], wp.uint32),
            as_warp(hits["primitive_uvs"], wp.vec2),
            appearance.facets,
            appearance.textures,
        ],
        outputs=[as_warp(rgb.reshape(-1, 3), wp.vec3ub), as_warp(depth.reshape(-1), wp.float32)],
        device="cpu",
    )


def as_warp(array: NDArray, dtype: type) -> wp.array:
    """A Warp array over the same memory."""
    return wp.array(array, dtype=dtype, device="cpu", copy=False)


def _facets(scene: Scene) -> NDArray[np.void]:
    corners = scene.vertices[scene.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.maximum(np.linalg.norm(normals, axis=1), 1e-12)
    uv = scene.corner_uvs
    along_1, along_2 = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    sizes = np.array([texture.shape[:2] for texture in scene.textures] or [(1, 1)], dtype=np.float32)
    texels = np.prod(sizes, axis=1)[np.maximum(scene.texture_ids, 0)]
    facets = np.zeros(len(corners), dtype=Facet.numpy_dtype())
    facets["normal"] = normals / area[:, None]
    facets["uv"] = uv[:, 0]
    facets["uv_along_1"] = along_1
    facets["uv_along_2"] = along_2
    cross = along_1[:, 0] * along_2[:, 1] - along_1[:, 1] * along_2[:, 0]
    facets["texels_per_metre"] = np.sqrt(np.abs(cross) * texels / area)
    facets["texture"] = scene.texture_ids
    for k in range(3):
        facets[f"color_{k}"] = scene.corner_colors[:, k]
    return facets


def _flatten_textures(textures: tuple[NDArray[np.uint8], ...]) -> Textures:
    levels: list[NDArray[np.uint8]] = [np.zeros((1, 3), dtype=np.uint8)]  # never an empty buffer
    offsets = np.zeros((len(textures) + 1, _LEVELS), dtype=np.int32)
    end = 1
    for k, texture in enumerate(textures):
        for level, image in enumerate(_mip_pyramid(texture)):
            offsets[k, level:] = end
            levels.append(image.reshape(-1, 3))
            end += len(levels[-1])
    flat = Textures()
    flat.texels = wp.array(np.concatenate(levels), dtype=wp.vec3ub, device="cpu")
    flat.level_offset = wp.array(offsets, dtype=wp.int32, device="cpu")
    sizes = np.array([texture.shape[1::-1] for texture in textures] or [(1, 1)], dtype=np.int32)
    flat.size = wp.array(sizes, dtype=wp.vec2i, device="cpu")
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
    poses: wp.array(dtype=wp.mat44),  # type: ignore[valid-type]
    directions: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    rays: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
) -> None:
    frame = wp.tid()
    T = poses[frame]
    origin = wp.vec3(T[0, 3], T[1, 3], T[2, 3])
    first = frame * directions.shape[0]
    for pixel in range(directions.shape[0]):
        rays[first + pixel, 0] = origin
        rays[first + pixel, 1] = wp.transform_vector(T, directions[pixel])


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
    level = int(0)
    while footprint > 2.0 and level < 12:
        footprint *= 0.25
        level += 1
    return level


@wp.kernel
def _shade_kernel(
    poses: wp.array(dtype=wp.mat44),  # type: ignore[valid-type]
    directions: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    t_hit: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
    primitive_ids: wp.array(dtype=wp.uint32),  # type: ignore[valid-type]
    primitive_uvs: wp.array(dtype=wp.vec2),  # type: ignore[valid-type]
    facets: wp.array(dtype=Facet),  # type: ignore[valid-type]
    textures: Textures,
    rgb: wp.array(dtype=wp.vec3ub),  # type: ignore[valid-type]
    depth: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
) -> None:
    frame = wp.tid()
    count = directions.shape[0]
    camera_from_world = wp.transpose(poses[frame])
    pixel_at_1m = directions[1][0] - directions[0][0]
    for pixel in range(count):
        i = frame * count + pixel
        t = t_hit[i]
        color = wp.vec3(0.0, 0.0, 0.0)
        if wp.isfinite(t):
            facet = facets[int(primitive_ids[i])]
            u = primitive_uvs[i][0]
            v = primitive_uvs[i][1]
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
