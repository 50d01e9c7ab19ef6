"""Faces of a scene for the rasteriser: parallelograms where two triangles make one, else triangles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from robonav.envs.scenes.scene import Scene
from robonav.envs.sensors.facets import Textures, textures_of

_SAME_POINT_M, _SAME_UV, _SAME_COLOR = 1e-5, 1e-4, 0.5


@wp.struct
class Face:
    """The points corner + u side_a + v side_b, u and v in [0, 1], of a triangle also u + v <= 1.

    Texture coordinates and colours are linear in u and v alike.
    """

    corner: wp.vec3
    side_a: wp.vec3
    side_b: wp.vec3
    normal: wp.vec3  # side_a x side_b, not of unit length
    is_triangle: wp.float32  # 1 or 0
    uv: wp.vec2
    uv_a: wp.vec2
    uv_b: wp.vec2
    texels_per_metre: wp.float32
    texture: wp.int32
    color: wp.vec3
    color_a: wp.vec3
    color_b: wp.vec3


@wp.struct
class Mesh:
    """Memory addresses of a `FaceMesh`, so that one launch can draw many scenes."""

    faces: wp.uint64
    spheres: wp.uint64
    texels: wp.uint64
    level_offset: wp.uint64
    texture_size: wp.uint64
    num_faces: wp.int32
    num_texels: wp.int32
    num_textures: wp.int32


@dataclass(frozen=True, eq=False)
class FaceMesh:
    """Faces (F,) of a scene, spheres (F,) of centre and radius around them, its textures, and where they are.

    The small spheres reject most faces without fetching them.
    """

    faces: wp.array
    spheres: wp.array
    textures: Textures
    record: NDArray[Any]

    @classmethod
    def of(cls, scene: Scene) -> FaceMesh:
        """Convert a scene."""
        records = _faces(scene)
        faces = wp.array(records, dtype=Face, device="cpu")
        spheres = wp.array(_spheres(records), dtype=wp.vec4, device="cpu")
        textures = textures_of(scene)
        record: Any = np.zeros((), dtype=Mesh.numpy_dtype())  # type: ignore[attr-defined]
        record["faces"], record["num_faces"] = faces.ptr, len(faces)
        record["spheres"] = spheres.ptr
        record["texels"], record["num_texels"] = textures.texels.ptr, len(textures.texels)
        record["level_offset"], record["texture_size"] = textures.level_offset.ptr, textures.size.ptr
        record["num_textures"] = len(textures.size)
        return cls(faces, spheres, textures, record)


def _faces(scene: Scene) -> NDArray[Any]:
    points = scene.vertices[scene.triangles]
    # (T, 3, 8): position, texture coordinates and colour of each corner
    corners = np.concatenate([points, scene.corner_uvs, scene.corner_colors], axis=-1, dtype=np.float64)
    first_corner, is_first, is_second = _pairs(corners, scene.texture_ids)
    kept = np.flatnonzero(~is_second)
    start, end_a, end_b = (corners[kept, (first_corner[kept] + k) % 3] for k in range(3))
    along_a, along_b = end_a - start, end_b - start
    faces: Any = np.zeros(len(kept), dtype=Face.numpy_dtype())  # type: ignore[attr-defined]
    for suffix, values in (("", start), ("_a", along_a), ("_b", along_b)):
        faces["side" + suffix if suffix else "corner"] = values[:, :3]
        faces["uv" + suffix] = values[:, 3:5]
        faces["color" + suffix] = values[:, 5:]
    faces["normal"] = normal = np.cross(along_a[:, :3], along_b[:, :3])
    faces["is_triangle"] = ~is_first[kept]
    faces["texture"] = textures = scene.texture_ids[kept]
    sizes = np.array([texture.shape[:2] for texture in scene.textures] or [(1, 1)], dtype=np.float64)
    texels = np.prod(sizes, axis=1)[np.maximum(textures, 0)]
    texels *= np.abs(along_a[:, 3] * along_b[:, 4] - along_a[:, 4] * along_b[:, 3])
    faces["texels_per_metre"] = np.sqrt(texels / np.maximum(np.linalg.norm(normal, axis=1), 1e-12))
    return faces


def _spheres(faces: Any) -> NDArray[np.float32]:
    """Around the parallelogram of each face, of which a triangle is a half: centre and radius (F, 4)."""
    half_diagonals = 0.5 * np.stack([faces["side_a"] + faces["side_b"], faces["side_a"] - faces["side_b"]])
    radius = np.linalg.norm(half_diagonals, axis=-1).max(axis=0) * (1 + 1e-5) + _SAME_POINT_M
    return np.column_stack([faces["corner"] + half_diagonals[0], radius])


def _pairs(
    corners: NDArray[np.float64], texture_ids: NDArray[np.int32]
) -> tuple[NDArray[np.intp], NDArray[np.bool_], NDArray[np.bool_]]:
    """Find the triangles 2k and 2k + 1 of corners (T, 3, 8) that make a parallelogram that looks the same.

    Returns:
        For each triangle (T,): the corner to start from; whether it is the first, the second of a pair.
    """
    first_corner = np.zeros(len(corners), dtype=np.intp)
    is_first, is_second = np.zeros((2, len(corners)), dtype=bool)
    even = len(corners) // 2 * 2
    first, second = corners[0:even:2], corners[1:even:2]
    same_texture = texture_ids[0:even:2] == texture_ids[1:even:2]
    tolerance = np.repeat([_SAME_POINT_M, _SAME_UV, _SAME_COLOR], [3, 2, 3])
    for r in range(3):
        start, end_a, end_b = (first[:, (r + k) % 3] for k in range(3))
        # the second runs along the common side the other way
        expected = np.stack([end_a + end_b - start, end_b, end_a], axis=1)
        for s in range(3):
            same = np.abs(np.roll(second, -s, axis=1) - expected) <= tolerance
            pair = 2 * np.flatnonzero(same.all(axis=(1, 2)) & same_texture)
            first_corner[pair], is_first[pair], is_second[pair + 1] = r, True, True
    return first_corner, is_first, is_second
