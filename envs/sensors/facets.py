"""Where a ray's hit looks up its colour: one record a triangle, and all textures with their mip pyramids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from robonav.envs.scenes.scene import Scene

LEVELS = 13  # of a mip pyramid: enough for 4096-texel textures
_GROUP_BYTES = 1 << 22


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
        return cls(wp.array(_facets(scene), dtype=Facet, device="cpu"), flatten_textures(scene.textures))


def _facets(scene: Scene) -> NDArray[Any]:
    corners = scene.vertices[scene.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.maximum(np.linalg.norm(normals, axis=1), 1e-12)
    uv = scene.corner_uvs
    along_1, along_2 = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    sizes = np.array([texture.shape[:2] for texture in scene.textures] or [(1, 1)], dtype=np.float32)
    texels = np.prod(sizes, axis=1)[np.maximum(scene.texture_ids, 0)]
    facets: Any = np.zeros(len(corners), dtype=Facet.numpy_dtype())  # type: ignore[attr-defined]
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


def flatten_textures(textures: tuple[NDArray[np.uint8], ...]) -> Textures:
    """The mip pyramids of RGB images (h, w, 3)."""
    sizes = np.array([texture.shape[1::-1] for texture in textures] or [(1, 1)], dtype=np.int32)
    level_sizes = np.maximum(sizes[:, None] >> np.arange(LEVELS)[:, None], 1)  # (K, levels, 2)
    counts = level_sizes.prod(axis=-1)
    offsets = (np.cumsum(counts) - counts.ravel()).reshape(counts.shape)
    texels = np.zeros((counts.sum() + 1, 3), dtype=np.uint8)  # the last so that four bytes can be read at any
    for group in _alike(textures):
        images = np.stack([textures[k] for k in group])
        for level in range(LEVELS):
            for k, image in zip(group, images, strict=True):
                start = offsets[k, level]
                texels[start : start + counts[k, level]] = image.reshape(-1, 3)
            images = _halved(images)
    flat = Textures()
    flat.texels = wp.array(texels, dtype=wp.vec3ub, device="cpu", copy=False)
    flat.level_offset = wp.array(offsets.astype(np.int32), dtype=wp.int32, device="cpu")
    flat.size = wp.array(sizes, dtype=wp.vec2i, device="cpu")
    return flat


def _alike(textures: tuple[NDArray[np.uint8], ...]) -> Iterator[list[int]]:
    """Indices of textures of one size, a few megabytes at a time: halving many at once is fast."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for k, texture in enumerate(textures):
        by_shape.setdefault(texture.shape, []).append(k)
    for shape, group in by_shape.items():
        count = max(1, _GROUP_BYTES // (shape[0] * shape[1] * 3))
        for start in range(0, len(group), count):
            yield group[start : start + count]


def _halved(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Next mip level of images (K, h, w, 3): means of 2 x 2 texels.

    Each pair is rounded up, as in the OpenGL that drew our reference: with the plain mean, errors double.
    """
    height, width = images.shape[1:3]
    if max(height, width) == 1:
        return images
    upper, lower = (images[:, k : max(height & ~1, 1) : 2] for k in (0, min(1, height - 1)))
    rows: NDArray[np.integer] = (np.add(upper, lower, dtype=np.uint16) + 1) >> 1
    left, right = (rows[:, :, k : max(width & ~1, 1) : 2] for k in (0, min(1, width - 1)))
    return ((left + right + 1) >> 1).astype(np.uint8)
