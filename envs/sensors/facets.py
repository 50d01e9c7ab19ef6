"""Colour lookup of ray hits: one record a triangle, and all textures with their mip pyramids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from robonav.envs.scenes.pyramids import TexturePyramids
from robonav.envs.scenes.scene import Scene


@wp.struct
class Facet:
    """The shading data of one triangle, in one cache line."""

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
    """The shading data of a scene: facets (T,) and textures."""

    facets: wp.array
    textures: Textures

    @classmethod
    def of(cls, scene: Scene) -> Appearance:
        """Flatten the appearance of a scene."""
        return cls(wp.array(_facets(scene), dtype=Facet, device="cpu"), textures_of(scene))


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


def textures_of(scene: Scene) -> Textures:
    """The mip pyramids of a scene's textures, as kernels read them."""
    pyramids = scene.pyramids or TexturePyramids.of(scene.textures)
    flat = Textures()
    flat.texels = wp.array(pyramids.texels, dtype=wp.vec3ub, device="cpu", copy=False)
    flat.level_offset = wp.array(pyramids.level_offset, dtype=wp.int32, device="cpu")
    flat.size = wp.array(pyramids.sizes, dtype=wp.vec2i, device="cpu")
    return flat
