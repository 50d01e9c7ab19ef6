"""Where a ray's hit looks up its colour: one record a triangle, and all textures with their mip pyramids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray
from PIL import Image

from robonav.envs.scenes.scene import Scene

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
