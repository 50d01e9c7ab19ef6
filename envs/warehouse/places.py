"""Where a vehicle can start and go to in a warehouse, and how far that is."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from robonav.envs.scenes.geodesics import FreeSpaceGeodesics
from robonav.envs.scenes.scene import FreeSpace, SceneError
from robonav.envs.warehouse.distance_grid import DistanceGrid
from robonav.envs.warehouse.layout import CELL_M
from robonav.envs.warehouse.vehicle import VehicleSpec

_MARGIN_M = 0.1
_COARSE = 2  # cells of the raster on which shortest ways are found, along one edge
_TRIES = 200


class FreePlaces:
    """Free floor of one layout for one vehicle; all of it can be reached from all of it.

    Free are places at which the largest circle within the footprint keeps 0.1 m from everything; of several
    parts that do not meet, the largest counts.

    Args:
        grid: The layout's distances.
        vehicle: Who drives there.

    Raises:
        SceneError: The vehicle fits nowhere, or cannot turn round anywhere.
    """

    def __init__(self, grid: DistanceGrid, vehicle: VehicleSpec) -> None:
        self.grid, self.vehicle = grid, vehicle
        keeps = max(vehicle.inscribed_m(), CELL_M) + _MARGIN_M
        labels, parts = ndimage.label(grid.body >= keeps)
        if not parts:
            raise SceneError(
                f"warehouse {grid.layout.name} has no room for vehicle {vehicle.name}: it needs "
                f"{2 * keeps:.2f} m between obstacles; take a smaller vehicle or wider aisles"
            )
        largest = 1 + int(np.argmax(ndimage.sum_labels(labels > 0, labels, np.arange(1, parts + 1))))
        self.free: NDArray[np.bool_] = labels == largest
        outlines = np.concatenate([vehicle.outline, vehicle.loaded_outline])
        radius = float(np.linalg.norm(outlines, axis=1).max()) + CELL_M
        self._turning = np.argwhere(self.free & (np.minimum(grid.body, grid.loaded) >= radius))
        if not len(self._turning):
            raise SceneError(
                f"warehouse {grid.layout.name} has no place where vehicle {vehicle.name} can turn round: it "
                f"needs a circle of {2 * radius:.2f} m; take a smaller vehicle or a wider hall"
            )

    def start(self, rng: np.random.Generator) -> tuple[float, float, float]:
        """A pose at which the vehicle can turn round, with any heading."""
        x, y = self._centre(self._turning[rng.integers(len(self._turning))])
        return x, y, float(rng.uniform(-np.pi, np.pi))

    def goal(self, rng: np.random.Generator, start: tuple[float, ...], least_m: float) -> tuple[float, float]:
        """A free place at least so far from a start as the crow flies; the farthest of many where none is."""
        cells = self._turning[rng.integers(len(self._turning), size=_TRIES)]
        places = np.array(self.grid.layout.origin) + CELL_M * (cells + 0.5)
        away = np.linalg.norm(places - np.asarray(start[:2]), axis=1)
        row = int(np.argmax(away >= least_m)) if (away >= least_m).any() else int(np.argmax(away))
        return float(places[row, 0]), float(places[row, 1])

    def fixed_goal(self) -> tuple[float, float]:
        """The one goal of this hall where goals are not drawn."""
        x, y, _ = self.start(np.random.default_rng(0))
        return x, y

    def is_free(self, place: tuple[float, float]) -> bool:
        """Whether a vehicle can come to a place."""
        cell = np.floor((np.asarray(place) - self.grid.layout.origin) / CELL_M).astype(int)
        inside = (cell >= 0).all() and (cell < self.free.shape).all()
        return bool(inside and self.free[tuple(cell)])

    @cached_property
    def geodesics(self) -> FreeSpaceGeodesics:
        """Shortest ways on a raster of 0.1 m."""
        x, y = (n - n % _COARSE for n in self.free.shape)
        blocks = self.free[:x, :y].reshape(x // _COARSE, _COARSE, y // _COARSE, _COARSE)
        coarse = np.asarray(blocks.all(axis=(1, 3)), np.int32)
        return FreeSpaceGeodesics(FreeSpace(coarse, self.grid.layout.origin, 0.0, CELL_M * _COARSE))

    def way(self, start: NDArray[np.floating], goal: NDArray[np.floating]) -> NDArray[np.float64]:
        """The shortest way (K, 2) for the vehicle's inscribed circle."""
        return self.geodesics.way(start, goal)

    def length(self, start: tuple[float, ...], goal: tuple[float, float]) -> float:
        """Metres of the shortest way."""
        return float(self.geodesics.geodesic(np.array([start[:2]]), np.array([goal]))[0])

    def _centre(self, cell: NDArray[np.int64]) -> tuple[float, float]:
        x, y = (o + CELL_M * (c + 0.5) for o, c in zip(self.grid.layout.origin, cell, strict=True))
        return float(x), float(y)
