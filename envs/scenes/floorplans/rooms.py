"""Rooms of a floor plan and the doorways between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from robonav.envs.scenes.procedural.free_space import CELL

_SKIP = 2  # rooms are found on every second cell: 0.1 m is fine enough for them
_STEP_M = _SKIP * CELL
_NARROW_M = 0.6  # floor farther than this from all walls is the core of a room
_MIN_CORE_M2 = 0.5
_DOOR_M = (0.5, 1.3)  # clear widths that get a lintel
_LOOK_M = 1.5
_OPPOSITE = -0.7  # cosine between the ways to the two jambs of a door


@dataclass(frozen=True)
class Passage:
    """A door-wide opening: its middle (metres), heading of the line across it (radians), clear width."""

    x: float
    y: float
    yaw: float
    width: float


def find_rooms(indoor: NDArray[np.bool_]) -> tuple[NDArray[np.int32], list[Passage]]:
    """Partition a floor at its narrow places.

    Args:
        indoor: (X, Y) bool, cells of `CELL`: everything but walls, furniture included.

    Returns:
        Room numbers (X, Y) from 1 on, where `indoor`, by a watershed of the distance to the walls; and the
        doorways between rooms, in the plan's own metres.
    """
    coarse = indoor[::_SKIP, ::_SKIP]
    distance = ndimage.distance_transform_edt(coarse) * _STEP_M
    cores, count = ndimage.label(distance > _NARROW_M)
    sizes = np.bincount(cores.ravel(), minlength=count + 1) * _STEP_M**2
    cores[sizes[cores] < _MIN_CORE_M2] = 0
    parts, _ = ndimage.label(coarse)
    without_core = coarse & ~np.isin(parts, np.unique(parts[cores > 0]))
    cores = np.where(without_core, parts + count, cores)
    rooms = watershed(-distance, cores, mask=coarse)
    passages = _passages(rooms, coarse, distance)
    _, rooms = np.unique(rooms, return_inverse=True)
    fine = np.repeat(np.repeat(_spread(rooms.reshape(coarse.shape)), _SKIP, 0), _SKIP, 1)
    return np.where(indoor, fine[: indoor.shape[0], : indoor.shape[1]], 0).astype(np.int32), passages


def _spread(rooms: NDArray[np.integer]) -> NDArray[np.integer]:
    """Give every cell the number of the nearest room."""
    nearest = ndimage.distance_transform_edt(rooms == 0, return_distances=False, return_indices=True)
    return rooms[tuple(nearest)]


def _passages(
    rooms: NDArray[np.integer], floor: NDArray[np.bool_], distance: NDArray[np.float64]
) -> list[Passage]:
    """Door-wide openings on the borders between rooms."""
    border = np.zeros(rooms.shape, dtype=bool)
    for axis in (0, 1):
        a, b = (np.take(rooms, range(k, rooms.shape[axis] - 1 + k), axis) for k in (0, 1))
        differ = (a != b) & (a > 0) & (b > 0)
        border |= np.pad(differ, [(0, 1) if k == axis else (0, 0) for k in (0, 1)])
    labels, count = ndimage.label(border, np.ones((3, 3)))
    middles = ndimage.maximum_position(distance, labels, np.arange(1, count + 1))
    found = (_doorway(floor, np.array(middle)) for middle in middles)
    return [passage for passage in found if passage is not None]


def _doorway(floor: NDArray[np.bool_], middle: NDArray[np.int64]) -> Passage | None:
    """The opening between the walls on both sides of a narrow place, if it is as wide as a door."""
    reach = int(_LOOK_M / _STEP_M)
    low = np.maximum(middle - reach, 0)
    window = floor[low[0] : middle[0] + reach + 1, low[1] : middle[1] + reach + 1]
    ways = np.argwhere(~window) + low - middle
    if not len(ways):
        return None
    lengths = np.linalg.norm(ways, axis=1)
    first = int(np.argmin(lengths))
    cosine = ways @ ways[first] / (lengths * lengths[first])
    opposite = np.flatnonzero(cosine < _OPPOSITE)
    if not len(opposite):
        return None
    second = opposite[np.argmin(lengths[opposite])]
    across = ways[second] - ways[first]
    width = (float(np.linalg.norm(across)) - 1) * _STEP_M
    if not _DOOR_M[0] <= width <= _DOOR_M[1]:
        return None
    x, y = (middle + (ways[first] + ways[second]) / 2 + 0.5) * _STEP_M
    return Passage(float(x), float(y), float(np.arctan2(across[1], across[0])), width)
