"""Quads with textures and baked shading, gathered in batches and turned into the arrays of a scene."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SceneArrays = tuple[
    NDArray[np.float32], NDArray[np.int32], NDArray[np.uint8], NDArray[np.float32], NDArray[np.int32]
]
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

    def add_boxes(
        self, boxes: Array, poses: Array, seen: NDArray[np.bool_], materials: list[Material], tints: Array
    ) -> None:
        """Add boxes.

        Args:
            boxes: (B, 6) x0 y0 z0 x1 y1 z1 in the frame of their piece, metres.
            poses: (B, 3) x, y, yaw of that frame in the world.
            seen: (B, 6) which of the faces -x, +x, -y, +y, bottom, top to add.
            materials: B materials.
            tints: (B, 3) colours, light of the room included.
        """
        size = boxes[:, 3:] - boxes[:, :3]
        local = boxes[:, None, :3] + _CORNERS * size[:, None]
        corners = _to_world(local, poses)[:, _FACES][seen]  # (Q, 4, 3)
        owner, face = np.nonzero(seen)
        textures = np.array([material.texture for material in materials])[owner]
        stretched = np.array([material.stretched for material in materials])[owner, None]
        extent = np.take_along_axis(size[owner], _FACE_AXES[face], axis=1)
        repeats = np.where(stretched, 1.0, extent / self.texture_sizes[textures])
        start = np.where(stretched, 0.0, poses[owner, :2])  # or equal pieces would show equal patterns
        uvs = _UNIT_UV * repeats[:, None] + start[:, None]
        self.add_quads(corners, uvs, textures, tints[owner, None] * self._shade(corners)[..., None])

    def add_cylinders(self, cylinders: Array, materials: list[Material], tints: Array) -> None:
        """Add upright cylinders (C, 5) x, y, radius, z0, z1 in the world; tints (C, 3)."""
        corners, metres = cylinder_quads(cylinders)
        textures = np.repeat([material.texture for material in materials], len(corners) // len(cylinders))
        tint = np.repeat(tints, len(corners) // len(cylinders), axis=0)[:, None]
        uvs = metres / self.texture_sizes[textures][:, None]
        self.add_quads(corners, uvs, textures, tint * self._shade(corners)[..., None])

    def _shade(self, corners: Array) -> Array:
        """Brightness (Q, 4) by the face's normal, darker towards the floor."""
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 0] - corners[:, 3])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        facing = 0.8 + 0.17 * normals @ self.light + 0.08 * np.abs(normals[:, 2])
        return facing[:, None] * (0.75 + 0.25 * np.clip(corners[..., 2] / 0.9, 0, 1))

    def arrays(self) -> SceneArrays:
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


def cylinder_quads(cylinders: Array, sides: int = 8) -> tuple[Array, Array]:
    """Sides and tops of upright prisms (C, 5): x, y, radius of the corners, z0, z1; `sides` is even.

    Returns:
        Corners (Q, 4, 3) and uvs (Q, 4, 2), both in metres, cylinder by cylinder.
    """
    x, y, radius, z0, z1 = cylinders.T[:, :, None]
    angle = 2 * np.pi * np.arange(sides) / sides
    ring = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle), z0 + 0 * angle], axis=-1)
    high = ring.copy()
    high[..., 2] = z1
    following = np.roll(np.arange(sides), -1)
    walls = np.stack([high, high[:, following], ring[:, following], ring], axis=2)
    step = 2 * np.pi * radius / sides
    left, right = (step * (np.arange(sides) + k) for k in (0, 1))
    top, bottom = 0 * left, (z1 - z0) + 0 * left
    wall_uvs = np.stack([left, top, right, top, right, bottom, left, bottom], axis=-1).reshape(
        *walls.shape[:3], 2
    )
    lids = np.stack([high[:, [0, k + 2, k + 1, k]] for k in range(1, sides - 2, 2)], axis=1)
    corners = np.concatenate([walls, lids], axis=1).reshape(-1, 4, 3)
    return corners, np.concatenate([wall_uvs, lids[..., :2]], axis=1).reshape(-1, 4, 2)
