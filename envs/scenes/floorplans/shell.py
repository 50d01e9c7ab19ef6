"""Walls, floors, ceilings, lintels and obstacles of a floor plan as textured, lit quads."""

from __future__ import annotations

from dataclasses import dataclass

import mapbox_earcut
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from robonav.envs.scenes.floorplans.geometry import Geometry
from robonav.envs.scenes.floorplans.outline import Polygon, rectangles
from robonav.envs.scenes.procedural.free_space import CELL
from robonav.envs.scenes.procedural.layout import DOOR_TOP
from robonav.envs.scenes.procedural.mesh import Array, Material, MeshBuilder
from robonav.envs.scenes.procedural.palette import WHITE, Lights, Palette, RoomLook

_TILE = 4  # cells along an edge of the tiles that floors are laid with
_BLEED = 3  # cells that floors reach below the walls
_LINTEL_M = 0.12
_WALL_SHADE = np.array([0.9, 1.0, 0.95, 0.84])  # of walls that face +x, -x, +y, -y
_LOW_SHADE = 0.84
_DECAL_GAP_M = 0.005
_UNIT_UV = np.array([[0.0, 0.0], [1, 0], [1, 1], [0, 1]])
_USES = ("object", "wood", "fabric", "front")


@dataclass
class PlanShell:
    """Adds the shell of a plan to a mesh.

    Attributes:
        geometry: The plan.
        looks: Of rooms 1, 2, ... in order.
        lights: Of the same rooms.
        palette: Draws the other materials.
        mesh: Receives the quads.
        height: From floor to ceiling, metres.
    """

    geometry: Geometry
    looks: list[RoomLook]
    lights: Lights
    palette: Palette
    mesh: MeshBuilder
    height: float

    def add(self) -> None:
        """Add everything."""
        self._add_walls()
        self._add_floors()
        self._add_lintels()
        self._add_decals()
        for polygon in self.geometry.obstacles:
            self._add_obstacle(polygon)

    def _add_walls(self) -> None:
        runs = self.geometry.runs
        side = np.argmax(runs.normal @ np.array([[1, -1, 0, 0], [0, 0, 1, -1]]), axis=1)
        materials = [
            self.looks[room - 1].walls[k] for room, k in zip(runs.room.tolist(), side.tolist(), strict=True)
        ]
        corners = _upright(runs.start, runs.end, 0.0, self.height)
        shade = _WALL_SHADE[side][:, None] * np.array([1, 1, _LOW_SHADE, _LOW_SHADE])
        self._add_quads(corners, _wall_metres(corners), materials, shade, runs.room)

    def _add_floors(self) -> None:
        tiles = rectangles(_tiles(self.geometry)).astype(float)
        x0, y0, x1, y1 = tiles[:, :4].T * (_TILE * CELL)
        room = tiles[:, 4].astype(int)
        for z, looks, order in (
            (0.0, [self.looks[k - 1].floor for k in room], (x0, x1, x1, x0, y1, y1, y0, y0)),
            (self.height, [self.looks[k - 1].ceiling for k in room], (x0, x1, x1, x0, y0, y0, y1, y1)),
        ):
            x, y = np.stack(order[:4], axis=1), np.stack(order[4:], axis=1)
            corners = np.stack([x, y, np.full_like(x, z)], axis=-1)
            self._add_quads(corners, corners[..., :2], looks, np.full((len(x), 4), 0.92), room)

    def _add_lintels(self) -> None:
        doors = self.geometry.passages
        if not doors:
            return
        poses = np.array([(door.x, door.y, door.yaw) for door in doors])
        rooms = self.geometry.at(self.geometry.rooms, poses[:, :2])
        reach, half = np.array([door.width / 2 + 0.1 for door in doors]), np.full(len(doors), _LINTEL_M / 2)
        low, high = np.full(len(doors), min(DOOR_TOP, self.height - 0.1)), np.full(len(doors), self.height)
        boxes = np.stack([-reach, -half, low, reach, half, high], axis=1)
        materials = [self.looks[room - 1].walls[0] for room in rooms]
        light = self.lights.at(rooms - 1, poses[:, None])[:, 0]
        tints = light * [material.tint for material in materials]
        seen = np.tile([False, False, True, True, True, False], (len(doors), 1))
        self.mesh.add_boxes(boxes, poses, seen, materials, tints)

    def _add_decals(self) -> None:
        """Windows in outer walls, pictures on all others."""
        runs, r = self.geometry.runs, self.palette.rng
        for k in np.flatnonzero(runs.length > 0.9):
            if r.random() > 0.4:
                continue
            middle = (runs.start[k] + runs.end[k]) / 2
            behind = middle - np.array([[0.3], [0.6], [1.0], [1.5]]) * runs.normal[k]
            outer = not self.geometry.at(self.geometry.indoor, behind).any()
            use = "window" if outer and r.random() < 0.6 else "picture"
            room_for = float(runs.length[k]) - 0.3
            width = min(r.uniform(0.9, 2.0) if use == "window" else r.uniform(0.35, 1.2), room_for)
            height = r.uniform(0.9, 1.3) if use == "window" else width * r.uniform(0.7, 1.4)
            centre = r.uniform(1.4, 1.6)
            z0, z1 = max(centre - height / 2, 0.5), min(centre + height / 2, self.height - 0.15)
            at = middle + r.uniform(-0.5, 0.5) * (room_for - width) * runs.direction[k]
            at = at + _DECAL_GAP_M * runs.normal[k]
            half = width / 2 * runs.direction[k]
            corners = _upright((at - half)[None], (at + half)[None], z0, z1)
            material = [self.palette.material(use, WHITE)]
            self._add_quads(corners, _UNIT_UV[None], material, np.ones((1, 4)), runs.room[k : k + 1])

    def _add_obstacle(self, polygon: Polygon) -> None:
        """Extrude a free-standing obstacle to a height that suits its size."""
        r = self.palette.rng
        width = float(np.ptp(polygon, axis=0).max())
        tall = r.uniform(1.6, 2.1) if r.random() < 0.15 else r.uniform(0.45, 0.8 if width > 1.2 else 1.2)
        z = min(tall, self.height - 0.1)
        room = self.geometry.at(self.geometry.rooms, polygon.mean(axis=0)[None])
        material = self.palette.part(_USES[int(r.integers(len(_USES) - (width > 1.2)))])
        sides = _upright(polygon, np.roll(polygon, -1, axis=0), 0.0, z)
        count = len(sides)
        shade = np.tile([0.85, 0.85, 0.6, 0.6], (count, 1))
        self._add_quads(sides, _wall_metres(sides), [material] * count, shade, np.repeat(room, count))
        corners = _lid(polygon, z)
        count = len(corners)
        self._add_quads(
            corners, corners[..., :2], [material] * count, np.ones((count, 4)), np.repeat(room, count)
        )

    def _add_quads(
        self, corners: Array, metres: Array, materials: list[Material], shade: Array, room: NDArray
    ) -> None:
        textures = np.array([material.texture for material in materials])
        tints = np.array([material.tint for material in materials])[:, None] * shade[..., None]
        stretched = np.array([material.stretched for material in materials])[:, None, None]
        uvs = np.where(stretched, _UNIT_UV, metres / self.mesh.texture_sizes[textures][:, None])
        self.mesh.add_quads(corners, uvs, textures, tints * self.lights.at(room - 1, corners))


def _upright(start: Array, end: Array, z0: float, z1: float) -> Array:
    """Quads (R, 4, 3) over lines, seen from the left of the way from start to end (R, 2)."""
    low, high = np.full((len(start), 1), z0), np.full((len(start), 1), z1)
    return np.stack(
        [np.hstack([end, high]), np.hstack([start, high]), np.hstack([start, low]), np.hstack([end, low])],
        axis=1,
    )


def _wall_metres(corners: Array) -> Array:
    """Texture coordinates (R, 4, 2) of upright quads, metres; v runs down from their upper edge."""
    across = corners[:, 1, :2] - corners[:, 0, :2]
    across = across / np.linalg.norm(across, axis=1, keepdims=True)
    u = np.einsum("rkc,rc->rk", corners[..., :2], across)
    return np.stack([u, corners[:, :1, 2] - corners[..., 2]], axis=-1)


def _tiles(geometry: Geometry) -> NDArray[np.int32]:
    """Rooms of the tiles of `_TILE` cells that floors are made of, 0 = none: a little more than indoors."""
    covered = ndimage.binary_dilation(geometry.indoor, iterations=_BLEED)
    nx, ny = (-(-n // _TILE) for n in covered.shape)
    padded = np.zeros((nx * _TILE, ny * _TILE), dtype=bool)
    padded[: covered.shape[0], : covered.shape[1]] = covered
    used = padded.reshape(nx, _TILE, ny, _TILE).any(axis=(1, 3))
    middles = (np.indices((nx, ny)).transpose(1, 2, 0) + 0.5) * (_TILE * CELL)
    return np.where(used, geometry.at(geometry.rooms, middles), 0).astype(np.int32)


def _lid(polygon: Polygon, z: float) -> Array:
    """Triangles over a polygon, seen from above, as quads (n, 4, 3) whose last two corners coincide."""
    ends = np.array([len(polygon)], dtype=np.uint32)
    triangles = mapbox_earcut.triangulate_float64(np.ascontiguousarray(polygon), ends).reshape(-1, 3)
    corners = polygon[triangles]
    (ax, ay), (bx, by) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
    left = ax * by > ay * bx
    corners[left] = corners[left, ::-1]  # quads run clockwise as they are seen
    quads = corners[:, [0, 1, 2, 2]]
    return np.concatenate([quads, np.full((*quads.shape[:2], 1), z)], axis=-1)
