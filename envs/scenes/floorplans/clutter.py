"""Furniture for the rooms of a floor plan: along walls of any heading, never cutting the free space."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from robonav.envs.scenes.floorplans.geometry import Geometry
from robonav.envs.scenes.floorplans.plan import Mask
from robonav.envs.scenes.procedural.free_space import CELL, MARGIN, Clearance
from robonav.envs.scenes.procedural.furnish import DOOR_ZONE, WALL_GAP, PlacedPiece
from robonav.envs.scenes.procedural.furniture import NARROW, PROGRAMMES, Designer, Piece

_TRIES = 6
_PER_ROOM = 14
_SMALL_ROOM_M2 = 5.0
_APART_M = 0.05  # between pieces
_FOUR = ndimage.generate_binary_structure(2, 1)


@dataclass
class Clutter:
    """Places furniture until a share of the free space is taken or the triangles are used up.

    Attributes:
        rng: Source of all randomness.
        geometry: Geometry of the plan.
        clearance: Free space of a wider agent, so that passages stay comfortable.
        share: Largest share of the free space that furniture may take.
        triangles: Largest number of triangles.
    """

    rng: np.random.Generator
    geometry: Geometry
    clearance: Clearance
    share: float
    triangles: int

    def __post_init__(self) -> None:
        self._room_for = self.geometry.floor & ~_before_doors(self.geometry)
        self._may_take = self.share * np.count_nonzero(self.clearance.free)
        cells = np.argwhere(self._room_for)
        room = self.geometry.rooms[tuple(cells.T)]
        ends = np.cumsum(np.bincount(room, minlength=self.geometry.rooms.max() + 1))
        self._cells = np.split(cells[np.argsort(room, kind="stable")], ends[:-1])[1:]  # of rooms 1, 2, ...

    def place(self, density: float) -> list[PlacedPiece]:
        """Furnish all rooms in a random order.

        Args:
            density: Pieces to try per square metre.
        """
        placed: list[PlacedPiece] = []
        for index in self.rng.permutation(len(self._cells)).tolist():
            for design in self._programme(len(self._cells[index]) * CELL**2, density):
                spot = self._find_spot(design(self.rng), index)
                if spot is not None:
                    placed.append(spot)
        return placed

    def _programme(self, area_m2: float, density: float) -> list[Designer]:
        r, count = self.rng, min(int(self.rng.poisson(density * area_m2)), _PER_ROOM)
        if area_m2 < _SMALL_ROOM_M2:
            return [NARROW[i] for i in r.integers(len(NARROW), size=min(count, 2))]
        first, filling = PROGRAMMES[str(r.choice(list(PROGRAMMES)))]
        return [
            *first[:count],
            *(filling[i] for i in r.integers(len(filling), size=max(0, count - len(first)))),
        ]

    def _find_spot(self, piece: Piece, room: int) -> PlacedPiece | None:
        triangles = _triangles_of(piece)
        if triangles > self.triangles:
            return None
        for _ in range(_TRIES):
            spot = self._at_wall(piece, room) if piece.against_wall else self._free_standing(piece, room)
            if spot is not None and self._fits(spot) and self._claim(spot):
                self.triangles -= triangles
                return spot
        return None

    def _at_wall(self, piece: Piece, room: int) -> PlacedPiece | None:
        """A pose with the back against a wall that is long enough."""
        runs = self.geometry.runs
        long_enough = np.flatnonzero((runs.room == room + 1) & (runs.length > piece.width + 2 * WALL_GAP))
        if not len(long_enough):
            return None
        k = int(self.rng.choice(long_enough))
        margin = piece.width / 2 + WALL_GAP
        along = self.rng.uniform(margin, runs.length[k] - margin)
        x, y = runs.start[k] + along * runs.direction[k] + (piece.depth / 2 - 0.002) * runs.normal[k]
        nx, ny = runs.normal[k]
        return PlacedPiece(piece, room, float(x), float(y), math.atan2(ny, nx) - math.pi / 2)

    def _free_standing(self, piece: Piece, room: int) -> PlacedPiece | None:
        cells = self._cells[room]
        if not len(cells):
            return None
        x, y = (cells[int(self.rng.integers(len(cells)))] + 0.5) * CELL
        quarter = float(self.rng.integers(4)) * math.pi / 2
        return PlacedPiece(piece, room, float(x), float(y), quarter + float(self.rng.normal(0, 0.1)))

    def _fits(self, spot: PlacedPiece) -> bool:
        """Whether all floor below it is free, but for the last cell before a wall."""
        half_u, half_v = spot.piece.width / 2 - CELL, spot.piece.depth / 2 - CELL
        u, v = (np.linspace(-half, half, 2 + int(2 * half / CELL)) for half in (half_u, half_v))
        c, s = math.cos(spot.yaw), math.sin(spot.yaw)
        x = spot.x + c * u[:, None] - s * v
        y = spot.y + s * u[:, None] + c * v
        return bool(self.geometry.at(self._room_for, np.stack([x, y], axis=-1)).all())

    def _claim(self, spot: PlacedPiece) -> bool:
        """Close the piece's footprints, unless they cut the free space or take too much of it."""
        x0, y0, x1, y1 = spot.bounds()
        reach = self.clearance.radius + 2 * CELL
        near = self.clearance.window(x0 - reach, y0 - reach, x1 + reach, y1 + reach)
        before = self.clearance.free[near].copy()
        for footprint in spot.footprints():
            self.clearance.close(footprint)
        after = self.clearance.free[near]
        taken = np.count_nonzero(before) - np.count_nonzero(after)
        if taken > self._may_take or cuts(before, after):
            self.clearance.free[near] = before
            return False
        self._may_take -= taken
        rows, columns = self.clearance.window(x0 - _APART_M, y0 - _APART_M, x1 + _APART_M, y1 + _APART_M)
        self._room_for[_shifted(rows), _shifted(columns)] = False
        return True


def cuts(before: Mask, after: Mask) -> bool:
    """Whether closing some cells disconnects cells that were connected in a window.

    Args:
        before: (X, Y) free cells.
        after: (X, Y) cells that stay free; none at the window's border was closed.
    """
    old, _ = ndimage.label(before, _FOUR)
    _, parts = ndimage.label(after, _FOUR)
    return parts > len(np.unique(old[after]))


def _shifted(cells: slice) -> slice:
    """Cells of a clearance as cells of the plan."""
    return slice(max(cells.start - MARGIN, 0), max(cells.stop - MARGIN, 0))


def _triangles_of(piece: Piece) -> int:
    faces = sum(sum(piece.seen_faces(box)) for box in piece.boxes)
    return 2 * faces + 22 * len(piece.cylinders)


def _before_doors(geometry: Geometry) -> NDArray[np.bool_]:
    """Floor in front of and in doorways, which stays clear."""
    nx, ny = geometry.floor.shape
    zone = np.zeros((nx, ny), dtype=bool)
    for door in geometry.passages:
        reach = door.width / 2 + DOOR_ZONE
        window = tuple(
            slice(max(int((at - reach) / CELL), 0), int((at + reach) / CELL) + 1) for at in (door.x, door.y)
        )
        x, y = np.arange(nx)[window[0]], np.arange(ny)[window[1]]
        across = np.hypot((x[:, None] + 0.5) * CELL - door.x, (y + 0.5) * CELL - door.y)
        zone[window] |= across <= reach
    return zone
