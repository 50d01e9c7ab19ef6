"""Quads with textures and baked shading, gathered in batches and turned into the arrays of a scene."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# Corners of a unit box, and its six faces (-x, +x, -y, +y, bottom, top) seen from outside.
_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=float)
_FACES = np.array([[3, 1, 0, 2], [5, 7, 6, 4], [1, 5, 4, 0], [7, 3, 2, 6], [0, 4, 6, 2], [3, 7, 5, 1]])
# uv of those corners: upper left, upper right, lower right, lower left of each face.
_UNIT_UV = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
_FACE_AXES = np.array([[1, 2], [1, 2], [0, 2], [0, 2], [0, 1], [0, 1]])  # extents that u and v run along


@dataclass(frozen=True)
class Material:
    """A texture of the library, its tint, and whether it is stretched over a face instead of repeated."""

    texture: int
    tint: tuple[float, float, float]
    stretched: bool = False


@dataclass
class MeshBuilder:
    """Collects quads whose corners run upper left, upper right, lower right, lower left.

    Attributes:
        texture_sizes: (n, 2) metres that each texture of the library covers.
        light: Direction (3,) towards the light, for the shade of each face.
    """

    texture_sizes: Array
    light: Array
    _quads: list[tuple[Array, Array, NDArray[np.int64], Array]] = field(default_factory=list)

    def add_quads(self, corners: Array, uvs: Array, textures: NDArray[np.int64], tints: Array) -> None:
        """Add quads: corners (Q, 4, 3) metres, uvs (Q, 4, 2), textures (Q,), tints (Q, 4, 3) or (Q, 1, 3)."""
        self._quads.append((corners, uvs, textures, np.broadcast_to(tints, corners.shape)))

    def add_boxes(self, boxes: Array, poses: Array, materials: list[Material], tints: Array) -> None:
        """Add boxes.

        Args:
            boxes: (B, 6) x0 y0 z0 x1 y1 z1 in the frame of their piece.
            poses: (B, 3) x, y, yaw of that frame in the world.
            materials: B materials.
            tints: (B, 3) colours, light of the room included.
        """
        size = boxes[:, 3:] - boxes[:, :3]
        local = boxes[:, None, :3] + _CORNERS * size[:, None]
        corners = _to_world(local, poses)[:, _FACES]  # (B, 6, 4, 3)
        extent = size[:, _FACE_AXES]  # (B, 6, 2)
        textures = np.array([m.texture for m in materials])
        stretched = np.array([m.stretched for m in materials])[:, None, None]
        repeats = np.where(stretched, 1.0, extent / self.texture_sizes[textures][:, None])
        uvs = _UNIT_UV * repeats[:, :, None] + (boxes[:, None, None, :2] * ~stretched[..., None])
        seen = np.ones((len(boxes), 6), dtype=bool)
        seen[:, 4] = boxes[:, 2] > 0.01  # nobody sees what stands on the floor from below
        corners = corners[seen]
        shade = self._shade(corners)
        face_tints = np.repeat(tints[:, None], 6, axis=1)[seen][:, None] * shade[..., None]
        self.add_quads(corners, uvs[seen], np.repeat(textures, 6).reshape(-1, 6)[seen], face_tints)

    def add_cylinders(
        self,
        cylinders: list[tuple[float, float, float, float, float]],
        materials: list[Material],
        tints: Array,
    ) -> None:
        """Add upright cylinders x, y, radius, z0, z1 in the world; tints (C, 3)."""
        for cylinder, material, tint in zip(cylinders, materials, tints, strict=True):
            corners, metres = cylinder_quads(*cylinder)
            textures = np.full(len(corners), material.texture)
            shade = self._shade(corners)[..., None]
            self.add_quads(corners, metres / self.texture_sizes[material.texture], textures, tint * shade)

    def _shade(self, corners: Array) -> Array:
        """Brightness (Q, 4) by the face's normal, darker towards the floor."""
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 0] - corners[:, 3])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
        facing = 0.74 + 0.18 * normals @ self.light + 0.08 * np.abs(normals[:, 2])
        return facing[:, None] * (0.72 + 0.28 * np.clip(corners[..., 2] / 0.9, 0, 1))

    def arrays(self) -> tuple[Array, NDArray[np.int32], NDArray[np.uint8], Array, NDArray[np.int32]]:
        """Vertices, triangles, corner colours, corner uvs and texture ids as `Scene` wants them."""
        corners, uvs, textures, tints = (np.concatenate(parts) for parts in zip(*self._quads, strict=True))
        halves = np.array([[0, 2, 1], [0, 3, 2]])  # counter-clockwise seen from the front
        triangles = (4 * np.arange(len(corners))[:, None, None] + halves).reshape(-1, 3)
        colours = np.clip(255 * tints, 0, 255).astype(np.uint8)[:, halves].reshape(-1, 3, 3)
        return (
            corners.reshape(-1, 3).astype(np.float32),
            triangles.astype(np.int32),
            colours,
            uvs[:, halves].reshape(-1, 3, 2).astype(np.float32),
            np.repeat(textures, 2).astype(np.int32),
        )


def _to_world(local: Array, poses: Array) -> Array:
    """Rotate and shift points (B, n, 3) by their poses (B, 3)."""
    c, s = np.cos(poses[:, 2])[:, None], np.sin(poses[:, 2])[:, None]
    x = c * local[..., 0] - s * local[..., 1] + poses[:, None, 0]
    y = s * local[..., 0] + c * local[..., 1] + poses[:, None, 1]
    return np.stack([x, y, local[..., 2]], axis=-1)


def cylinder_quads(
    x: float, y: float, radius: float, z0: float, z1: float, sides: int = 8
) -> tuple[Array, Array]:
    """Side faces and top of an upright prism: corners (Q, 4, 3) and uvs (Q, 4, 2), all in metres.

    `sides` is even; `radius` is that of the corners.
    """
    angle = 2 * np.pi * np.arange(sides) / sides
    ring = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)
    low, high = (np.column_stack([ring, np.full(sides, z)]) for z in (z0, z1))
    walls = np.stack([high, np.roll(high, -1, 0), np.roll(low, -1, 0), low], axis=1)
    start = np.arange(sides) * 2 * np.pi * radius / sides
    step = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * (start[1], z1 - z0)
    wall_uvs = step + np.stack([start, np.zeros(sides)], axis=1)[:, None]
    tops = np.stack([high[[0, k + 2, k + 1, k]] for k in range(1, sides - 2, 2)])
    return np.concatenate([walls, tops]), np.concatenate([wall_uvs, tops[..., :2]])
