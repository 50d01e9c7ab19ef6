"""Placement of furniture: never in front of a doorway, never cutting off a part of a room."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from robonav.envs.scenes.procedural.free_space import CELL, Clearance, Footprint
from robonav.envs.scenes.procedural.furniture import NARROW, PROGRAMMES, Designer, Piece
from robonav.envs.scenes.procedural.layout import Layout, Room, wall_openings

DOOR_ZONE = 0.45  # depth of the floor before a door that furniture leaves free, metres
WALL_GAP = 0.02
_SUNK = 0.002  # what stands against a wall reaches into it by this much: no slit, no coplanar faces
_YAW_OF_SIDE = (-math.pi / 2, math.pi / 2, 0.0, math.pi)  # a piece's front points away from its wall
_FOUR_NEIGHBOURS = ndimage.generate_binary_structure(2, 1)
Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True)
class PlacedPiece:
    """A piece that stands at x, y (metres), turned by yaw (radians), in a room."""

    piece: Piece
    room: int
    x: float
    y: float
    yaw: float

    def at(self, u: float, v: float) -> tuple[float, float]:
        """World x, y of a point of the piece's own frame."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        return self.x + c * u - s * v, self.y + s * u + c * v

    def footprints(self) -> list[Footprint]:
        """Footprints that an agent can touch, in the world frame."""
        found: list[Footprint] = []
        for x0, y0, x1, y1 in self.piece.blocks:
            centre = self.at((x0 + x1) / 2, (y0 + y1) / 2)
            found.append((*centre, (x1 - x0) / 2, (y1 - y0) / 2, self.yaw, 0.0))
        for u, v, radius in self.piece.round_blocks:
            found.append((*self.at(u, v), 0.0, 0.0, 0.0, radius))
        return found

    def bounds(self) -> Rectangle:
        """Axis-aligned rectangle around it, metres."""
        half_x, half_y = _half_extents(self.piece, self.yaw)
        return self.x - half_x, self.y - half_y, self.x + half_x, self.y + half_y


def _half_extents(piece: Piece, yaw: float) -> tuple[float, float]:
    c, s = abs(math.cos(yaw)), abs(math.sin(yaw))
    return (c * piece.width + s * piece.depth) / 2, (s * piece.width + c * piece.depth) / 2


def furnish(
    rng: np.random.Generator, layout: Layout, clearance: Clearance, density: float
) -> list[PlacedPiece]:
    """Furnish all rooms.

    Args:
        rng: Source of all randomness.
        layout: The floor plan.
        clearance: Free cells of the unfurnished house for an agent wider than the real one, so that what
            stays passable is comfortable; footprints of placed pieces are closed in it.
        density: Pieces per square metre.
    """
    placed: list[PlacedPiece] = []
    for index, room in enumerate(layout.rooms):
        taken = _door_zones(layout, index, clearance.radius)
        count = int(rng.poisson(density * room.size[0] * room.size[1]))
        for design in _programme(rng, room, count):
            piece = design(rng)
            spot = _find_spot(rng, piece, index, room, taken, clearance)
            if spot is not None:
                placed.append(spot)
                taken.append(spot.bounds())
    return placed


def _programme(rng: np.random.Generator, room: Room, count: int) -> list[Designer]:
    """Pieces to try to place in a room, in this order."""
    if min(room.size) < 1.9:
        return [NARROW[i] for i in rng.integers(len(NARROW), size=min(count, 3))]
    kind = "hall" if room.kind == "corridor" else str(rng.choice(list(PROGRAMMES)[:-1]))
    first, filling = PROGRAMMES[kind]
    extra = [filling[i] for i in rng.integers(len(filling), size=max(0, min(count, 14) - len(first)))]
    return [*first[:count], *extra]


def _door_zones(layout: Layout, index: int, radius: float) -> list[Rectangle]:
    """Floor in front of the doors of a room, widened by what an agent needs."""
    room = layout.rooms[index]
    zones: list[Rectangle] = []
    for side, at in enumerate((room.x0, room.x1, room.y0, room.y1)):
        for lo, hi, _ in wall_openings(index, layout.doors, side):
            a, b = sorted((at, at + (DOOR_ZONE + radius) * (1 if side % 2 == 0 else -1)))
            zones.append((a, lo, b, hi) if side < 2 else (lo, a, hi, b))
    return zones


def _find_spot(
    rng: np.random.Generator,
    piece: Piece,
    index: int,
    room: Room,
    taken: list[Rectangle],
    clearance: Clearance,
) -> PlacedPiece | None:
    for _ in range(5):
        spot = _draw_spot(rng, piece, index, room)
        if spot is None:
            continue
        bounds = spot.bounds()
        if any(_overlap(bounds, other) for other in taken):
            continue
        if _keeps_room_connected(spot, room, clearance):
            return spot
    return None


def _draw_spot(rng: np.random.Generator, piece: Piece, index: int, room: Room) -> PlacedPiece | None:
    """A random pose in the room, None if the piece is too large for it."""
    side = int(rng.integers(4))
    yaw = _YAW_OF_SIDE[side]
    if not piece.against_wall and rng.random() < 0.3:
        yaw = float(rng.uniform(0, 2 * math.pi))
    half_x, half_y = _half_extents(piece, yaw)
    low = room.x0 + half_x + WALL_GAP, room.y0 + half_y + WALL_GAP
    high = room.x1 - half_x - WALL_GAP, room.y1 - half_y - WALL_GAP
    if low[0] > high[0] or low[1] > high[1]:
        return None
    x = low[0] + rng.random() * (high[0] - low[0])
    y = low[1] + rng.random() * (high[1] - low[1])
    if piece.against_wall:
        x, y = _against(side, x, y, low, high)
    return PlacedPiece(piece, index, x, y, yaw)


def _against(
    side: int, x: float, y: float, low: tuple[float, float], high: tuple[float, float]
) -> tuple[float, float]:
    """Move a pose to the wall on one side; low and high are the limits that keep the usual gap."""
    shift = WALL_GAP + _SUNK
    return ((low[0] - shift, y), (high[0] + shift, y), (x, low[1] - shift), (x, high[1] + shift))[side]


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] + 0.02 and b[0] < a[2] + 0.02 and a[1] < b[3] + 0.02 and b[1] < a[3] + 0.02


def _keeps_room_connected(spot: PlacedPiece, room: Room, clearance: Clearance) -> bool:
    """Close the piece's footprints if the room's free floor stays in one part, else undo."""
    x0, y0, x1, y1 = spot.bounds()
    reach = clearance.radius + 2 * CELL
    near = clearance.window(
        max(x0 - reach, room.x0), max(y0 - reach, room.y0), min(x1 + reach, room.x1), min(y1 + reach, room.y1)
    )
    before = clearance.free[near].copy()
    for footprint in spot.footprints():
        clearance.close(footprint)
    # Where the floor around the piece hangs together, every way through it can be led around it. Only else
    # can the piece cut the room, and the whole room must be looked at.
    if _parts(clearance.free[near]) == 1:
        return True
    if _parts(clearance.free[clearance.window(room.x0, room.y0, room.x1, room.y1)]) == 1:
        return True
    clearance.free[near] = before
    return False


def _parts(free: NDArray[np.bool_]) -> int:
    return int(ndimage.label(free, _FOUR_NEIGHBOURS)[1])
