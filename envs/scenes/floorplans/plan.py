"""Floor plans: rasters of free floor in the world frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from robonav.envs.scenes.procedural.free_space import CELL
from robonav.envs.scenes.scene import SceneError

MAX_CELLS = 64_000_000  # of a raster as it is stored; 200 m x 200 m at 2.5 cm
_MAX_EXTENT_M = 200.0  # as of a mesh; a plan in the wrong unit is farther across
_MAX_DISTANCE_M = 10_000.0  # of a plan from the origin; single precision is exact to 1 mm there
_MIN_FLOOR_M2 = 1.0  # smaller patches of floor are gaps in hollow walls or noise
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FloorPlan:
    """A floor plan.

    Attributes:
        floor: (X, Y) bool, cells of `CELL` metres: free floor. The border is not floor.
        origin_xy: World x, y of the outer corner of cell [0, 0], metres.
        furnished: Whether it shows furniture, or walls only.
        roughness_m: Error of its outlines, metres; walls are smoothed by no more.
        metadata: Facts worth reporting, such as the source file.
    """

    floor: Mask
    origin_xy: tuple[float, float]
    furnished: bool
    roughness_m: float = CELL
    metadata: dict[str, Any] = field(default_factory=dict)


def make_plan(
    name: str,
    floor: Mask,
    resolution_m: float,
    origin: tuple[float, float, float],
    furnished: bool,
    roughness_m: float = CELL,
) -> FloorPlan:
    """Resample a raster of any resolution and heading to the world's axes and `CELL`.

    Args:
        name: Name in error messages.
        floor: (X, Y) bool, x and y along the raster's own axes.
        resolution_m: Edge of its cells, metres.
        origin: World x, y of the outer corner of cell [0, 0] and the heading of the raster's x axis, radians.
        furnished: See `FloorPlan`.
        roughness_m: See `FloorPlan`.

    Raises:
        SceneError: The plan has hardly any floor, is as large as a town, or lies far off.
    """
    check_extent(name, floor.shape, resolution_m)
    if not max(abs(origin[0]), abs(origin[1])) <= _MAX_DISTANCE_M:
        raise SceneError(
            f"{name} has its origin at {origin[0]:g}, {origin[1]:g} m: expected at most "
            f"{_MAX_DISTANCE_M:,.0f} m from 0, where positions are exact to 1 mm, so choose an origin nearby"
        )
    if floor.any():  # most maps are mostly margin
        low = np.argwhere(floor).min(axis=0)
        floor = floor[ndimage.find_objects(floor.astype(np.uint8))[0]]
        c, s = math.cos(origin[2]), math.sin(origin[2])
        x, y = low * resolution_m
        origin = (origin[0] + c * x - s * y, origin[1] + s * x + c * y, origin[2])
    cells, origin_xy = _resampled(np.pad(floor, 1), resolution_m, origin)
    cells = without_specks(cells)
    if not cells.any():
        raise SceneError(
            f"{name} shows no free floor of {_MIN_FLOOR_M2:g} m² in one piece: check that free and occupied "
            "are not swapped, and its resolution"
        )
    return FloorPlan(
        np.pad(cells, 2), (origin_xy[0] - 2 * CELL, origin_xy[1] - 2 * CELL), furnished, roughness_m
    )


def check_extent(name: str, shape: Sequence[int], resolution_m: float) -> None:
    """Raise SceneError if a raster is too large to be a floor of a building."""
    if len(shape) != 2 or not 0 < math.prod(shape) <= MAX_CELLS:
        raise SceneError(
            f"{name} is a raster of shape {tuple(shape)}: expected two dimensions and at most {MAX_CELLS:,} "
            "cells, so crop it"
        )
    extent = max(shape) * resolution_m
    if not 0 < extent <= _MAX_EXTENT_M:
        raise SceneError(
            f"{name} is {extent:g} m across at {resolution_m:g} m a cell: expected up to "
            f"{_MAX_EXTENT_M:g} m, so check its resolution or crop it"
        )


def without_specks(floor: Mask, area_m2: float = _MIN_FLOOR_M2) -> Mask:
    """Floor without the patches that are smaller than an area."""
    labels, count = ndimage.label(floor)
    large = np.bincount(labels.ravel(), minlength=count + 1) * CELL**2 >= area_m2
    large[0] = False
    return large[labels]


def _resampled(
    floor: Mask, resolution_m: float, origin: tuple[float, float, float]
) -> tuple[Mask, tuple[float, float]]:
    """The floor on cells of `CELL` along the world's axes, and the position of its corner.

    Where cells grow or turn, floor is first eroded by as much, so that thin walls get no holes.
    """
    x, y, yaw = origin
    turned = abs(math.sin(2 * yaw)) > 1e-6
    reach = math.ceil(CELL / resolution_m * (1.5 if turned else 1.0) - 1e-6)
    if reach > 1:
        floor = ndimage.minimum_filter(floor, reach)
    c, s = math.cos(yaw), math.sin(yaw)
    sides = np.array(floor.shape) * resolution_m
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * sides @ np.array([[c, s], [-s, c]]) + (x, y)
    low, high = corners.min(axis=0), corners.max(axis=0)
    shape = np.maximum(np.ceil((high - low) / CELL - 1e-6).astype(int), 1)
    dx = (np.arange(shape[0]) + 0.5)[:, None] * CELL + low[0] - x
    dy = (np.arange(shape[1]) + 0.5) * CELL + low[1] - y
    i = np.floor((c * dx + s * dy) / resolution_m).astype(int)
    j = np.floor((c * dy - s * dx) / resolution_m).astype(int)
    inside = (i >= 0) & (i < floor.shape[0]) & (j >= 0) & (j < floor.shape[1])
    cells = floor[np.clip(i, 0, floor.shape[0] - 1), np.clip(j, 0, floor.shape[1] - 1)] & inside
    return cells, (float(low[0]), float(low[1]))
