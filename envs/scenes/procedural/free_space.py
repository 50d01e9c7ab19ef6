"""Exact free space of a procedural house: distances to footprints, not to a raster of them."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from robonav.envs.scenes.procedural.layout import Door, Layout
from robonav.envs.scenes.scene import FreeSpace

CELL = 0.05
MARGIN = 4  # cells around the house
# x, y of the centre, half extents along and across, yaw, and the radius of the rounding (circles: extents 0).
Footprint = tuple[float, float, float, float, float, float]


class Clearance:
    """A raster of agent centres that starts blocked; floor is opened, then footprints are closed."""

    def __init__(self, size: tuple[float, float], radius: float) -> None:
        shape = tuple(int(np.ceil(side / CELL)) + 2 * MARGIN for side in size)
        self.free = np.zeros(shape, dtype=bool)
        self.radius = radius
        self._x, self._y = ((np.arange(n) - MARGIN + 0.5) * CELL for n in shape)

    def window(self, x0: float, y0: float, x1: float, y1: float) -> tuple[slice, slice]:
        """Slices of all cells whose centres may lie in a rectangle."""
        i0, i1 = int(x0 / CELL + MARGIN), int(x1 / CELL + MARGIN) + 1
        j0, j1 = int(y0 / CELL + MARGIN), int(y1 / CELL + MARGIN) + 1
        return slice(max(i0, 0), max(i1, 0)), slice(max(j0, 0), max(j1, 0))

    def open(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Mark the cells with centres inside a rectangle, border included, as floor."""
        rows, columns = self.window(x0, y0, x1, y1)
        x, y = self._x[rows, None], self._y[columns]
        self.free[rows, columns] |= ((x >= x0) & (x <= x1)) & ((y >= y0) & (y <= y1))

    def close(self, footprint: Footprint) -> None:
        """Block the cells from which the agent would touch a footprint."""
        cx, cy, half_u, half_v, yaw, rounding = footprint
        c, s = math.cos(yaw), math.sin(yaw)
        reach = self.radius + rounding
        extent_x = abs(c) * half_u + abs(s) * half_v + reach
        extent_y = abs(s) * half_u + abs(c) * half_v + reach
        rows, columns = self.window(cx - extent_x, cy - extent_y, cx + extent_x, cy + extent_y)
        dx, dy = self._x[rows, None] - cx, self._y[columns] - cy
        if min(abs(c), abs(s)) < 1e-9:  # most are aligned with the walls: x and y separate
            u = np.maximum(np.abs(dx) - (extent_x - reach), 0)
            v = np.maximum(np.abs(dy) - (extent_y - reach), 0)
        else:
            u = np.maximum(np.abs(c * dx + s * dy) - half_u, 0)
            v = np.maximum(np.abs(c * dy - s * dx) - half_v, 0)
        self.free[rows, columns] &= u * u + v * v > reach * reach

    def islands(self) -> FreeSpace:
        """Label the connected free cells, the largest first."""
        labels, count = ndimage.label(self.free)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        sizes[0] = 0
        rank = np.zeros(count + 1, dtype=np.int32)
        rank[np.argsort(-sizes, kind="stable")[:count]] = np.arange(1, count + 1)
        return FreeSpace(rank[labels], (-MARGIN * CELL, -MARGIN * CELL), 0.0, CELL)


def open_rooms(clearance: Clearance, layout: Layout) -> None:
    """Open the floors of all rooms and doorways, as far as the agent keeps clear of walls and jambs."""
    r = clearance.radius
    rooms = layout.rooms
    for room in rooms:
        clearance.open(room.x0 + r, room.y0 + r, room.x1 - r, room.y1 - r)
    for door in layout.doors:
        clearance.open(*_oriented(door, door.near, door.lo, door.far, door.hi))
        for index, a, b in (
            (door.rooms[0], door.near - r, door.near),
            (door.rooms[1], door.far, door.far + r),
        ):
            # In front of the opening the wall is missing, but the room's other walls are not.
            low, high = (
                (rooms[index].y0, rooms[index].y1) if door.axis == 0 else (rooms[index].x0, rooms[index].x1)
            )
            clearance.open(*_oriented(door, a, max(door.lo, low + r), b, min(door.hi, high - r)))
    for door in layout.doors:
        for edge in (door.lo, door.hi):
            x0, y0, x1, y1 = _oriented(door, door.near, edge, door.far, edge)
            clearance.close(((x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2, 0.0, 0.0))


def _oriented(door: Door, a: float, lo: float, b: float, hi: float) -> tuple[float, float, float, float]:
    return (a, lo, b, hi) if door.axis == 0 else (lo, a, hi, b)
