"""Geometry of a floor plan: walls, free-standing obstacles, rooms, doorways, and exact free space."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from robonav.envs.scenes.floorplans.outline import Polygon, outlines, simplified
from robonav.envs.scenes.floorplans.plan import FloorPlan, Mask
from robonav.envs.scenes.floorplans.rooms import Passage, find_rooms
from robonav.envs.scenes.procedural.free_space import CELL, MARGIN, Clearance
from robonav.envs.scenes.procedural.layout import Room

_FURNITURE_M = 2.6  # what stands free and is no larger is furniture, where the plan shows any
_FLUSH_CELLS = 44  # pockets of a room's outline up to this width are filled by what stands along the wall,
_BULKY_CELLS = 6  # if that is thicker than a wall
_REST_CELLS = 100
_NEAR_WALL_M = 0.12  # in front of a wall, where it is asked which room the wall belongs to
_SAMPLE_M = 0.3
_EIGHT = np.ones((3, 3))


@dataclass(frozen=True, eq=False)
class WallRuns:
    """Straight stretches of wall, each in one room.

    Attributes:
        start: (R, 2) metres.
        end: (R, 2) metres; the room is to the left of the way from start to end.
        room: (R,) numbers from 1 on.
    """

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    room: NDArray[np.int64]

    @cached_property
    def length(self) -> NDArray[np.float64]:
        """Metres (R,)."""
        return np.linalg.norm(self.end - self.start, axis=1)

    @cached_property
    def direction(self) -> NDArray[np.float64]:
        """Unit vectors (R, 2) from start to end."""
        return (self.end - self.start) / self.length[:, None]

    @cached_property
    def normal(self) -> NDArray[np.float64]:
        """Unit vectors (R, 2) into the room."""
        return self.direction[:, ::-1] * (-1, 1)


@dataclass(frozen=True, eq=False)
class Geometry:
    """A plan as polygons, in its own metres: cell [0, 0] has its outer corner at the origin.

    Attributes:
        floor: (X, Y) bool, as the plan's.
        indoor: (X, Y) bool, floor and obstacles on it: all but walls.
        walls: Outlines of `indoor`, which lies to their left, metres.
        obstacles: Outlines of free-standing obstacles, which lie to their right, metres.
        rooms: (X, Y) int32, the room of each cell, from 1 on; a wall's is the nearest.
        passages: Doorways.
    """

    floor: Mask
    indoor: Mask
    walls: list[Polygon]
    obstacles: list[Polygon]
    rooms: NDArray[np.int32]
    passages: list[Passage]

    @classmethod
    def of(cls, plan: FloorPlan) -> Geometry:
        """Trace a plan."""
        furniture = _standing_free(plan.floor) if plan.furnished else np.zeros_like(plan.floor)
        rooms, passages = find_rooms(plan.floor | furniture)
        if plan.furnished:
            furniture |= _along_walls(plan.floor | furniture, rooms)
        indoor = plan.floor | furniture
        nearest = ndimage.distance_transform_edt(rooms == 0, return_distances=False, return_indices=True)
        bound = plan.roughness_m / CELL
        walls = [CELL * simplified(loop, bound) for loop in outlines(indoor)]
        pieces = [CELL * simplified(loop, bound)[::-1] for loop in outlines(furniture)]
        return cls(plan.floor, indoor, walls, pieces, rooms[tuple(nearest)], passages)

    @property
    def size(self) -> tuple[float, float]:
        """Extent along x and y, metres."""
        return self.floor.shape[0] * CELL, self.floor.shape[1] * CELL

    def at(self, image: NDArray, points: NDArray[np.floating]) -> NDArray:
        """Values (...) of one of the images at points (..., 2)."""
        cells = np.clip(np.floor(points / CELL).astype(int), 0, np.array(image.shape) - 1)
        return image[cells[..., 0], cells[..., 1]]

    def free(self, radius_m: float) -> Clearance:
        """Free space of an agent's centre: on floor, and farther than its radius from every outline.

        The outlines were simplified by less than a radius, so cells on their wrong side are blocked too.
        """
        nx, ny = self.floor.shape
        clearance = Clearance(((nx - 0.5) * CELL, (ny - 0.5) * CELL), radius_m)
        clearance.free[MARGIN:-MARGIN, MARGIN:-MARGIN] = self.floor
        for polygon in (*self.walls, *self.obstacles):
            for (x0, y0), (x1, y1) in zip(polygon.tolist(), np.roll(polygon, -1, 0).tolist(), strict=True):
                half = 0.5 * float(np.hypot(x1 - x0, y1 - y0))
                yaw = float(np.arctan2(y1 - y0, x1 - x0))
                clearance.close(((x0 + x1) / 2, (y0 + y1) / 2, half, 0.0, yaw, 0.0))
        return clearance

    def room_boxes(self) -> tuple[Room, ...]:
        """The axis-aligned bounds of rooms 1, 2, ... in order."""
        inside = np.where(self.indoor, self.rooms, 0)
        found = ndimage.find_objects(inside)
        ends = [((0, 0), (0, 0)) if s is None else tuple((a.start, a.stop) for a in s) for s in found]
        return tuple(Room(x0 * CELL, y0 * CELL, x1 * CELL, y1 * CELL, "room") for (x0, x1), (y0, y1) in ends)

    @cached_property
    def runs(self) -> WallRuns:
        """All walls, split where their room changes."""
        start = np.concatenate(self.walls)
        end = np.concatenate([np.roll(polygon, -1, axis=0) for polygon in self.walls])
        lengths = np.linalg.norm(end - start, axis=1)
        counts = np.maximum(np.ceil(lengths / _SAMPLE_M).astype(int), 1)
        edge = np.repeat(np.arange(len(start)), counts)
        number = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)
        share = np.stack([number, number + 1], axis=1) / counts[edge, None]
        ends = start[edge, None] + share[..., None] * (end - start)[edge, None]  # (pieces, 2, 2)
        along = (end - start)[edge] / lengths[edge, None]
        room = self.at(self.rooms, ends.mean(axis=1) + _NEAR_WALL_M * along[:, ::-1] * (-1, 1))
        first = np.flatnonzero(np.diff(edge, prepend=-1) | np.diff(room, prepend=-1))
        last = np.append(first[1:], len(edge)) - 1
        return WallRuns(ends[first, 0], ends[last, 1], room[first].astype(np.int64))


def _standing_free(floor: Mask) -> Mask:
    """Obstacles away from all walls that are no larger than furniture."""
    labels, _ = ndimage.label(~floor, _EIGHT)
    small = [
        label
        for label, (x, y) in enumerate(ndimage.find_objects(labels), 1)
        if label != labels[0, 0] and max(x.stop - x.start, y.stop - y.start) * CELL <= _FURNITURE_M
    ]
    return np.isin(labels, small)


def _along_walls(indoor: Mask, rooms: NDArray[np.int32]) -> Mask:
    """Dents in the outline of one room: bulky things along its walls.

    A dent is what a closing by a square fills. One that borders two rooms may be the wall between them and
    stays one.
    """
    padded = np.pad(indoor, _FLUSH_CELLS)
    flush = ndimage.minimum_filter(ndimage.maximum_filter(padded, _FLUSH_CELLS), _FLUSH_CELLS, origin=-1)
    core = slice(_FLUSH_CELLS, -_FLUSH_CELLS)
    dents = flush[core, core] & ~indoor
    bulky = ndimage.maximum_filter(ndimage.minimum_filter(dents, _BULKY_CELLS), _BULKY_CELLS, origin=-1)
    things = _bordering_one_room(dents & bulky, rooms)
    beside = ndimage.maximum_filter(things, 3)
    rests = _bordering_one_room(dents & ~things, rooms)  # corners that no square fits into
    labels, count = ndimage.label(rests, _EIGHT)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    touching = np.isin(np.arange(count + 1), np.unique(labels[beside & rests])) & (sizes <= _REST_CELLS)
    return things | (rests & touching[labels])


def _bordering_one_room(mask: Mask, rooms: NDArray[np.int32]) -> Mask:
    """Those connected parts of a mask that have a single room around them."""
    labels, count = ndimage.label(mask, _EIGHT)
    if not count:
        return mask
    numbers = np.arange(1, count + 1)
    highest = ndimage.maximum(ndimage.maximum_filter(rooms, 3), labels, numbers)
    some = np.where(rooms > 0, rooms, rooms.max() + 1)
    lowest = ndimage.minimum(ndimage.minimum_filter(some, 3), labels, numbers)
    return np.concatenate([[False], highest == lowest])[labels]
