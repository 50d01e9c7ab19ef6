"""Free places of a warehouse, to start from and to go to, and the distances between them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import MCP_Geometric, route_through_array

from robonav.envs.scenes.scene import SceneError
from robonav.envs.warehouse.distance_grid import DistanceGrid
from robonav.envs.warehouse.layout import CELL_M
from robonav.envs.warehouse.vehicle import VehicleSpec

_MARGIN_M = 0.1
_COARSE_M = 2 * CELL_M  # edge of the cells on which ways are found
_TRIES = 200


class FreePlaces:
    """Free floor of one layout for one vehicle; all of it can be reached from all of it.

    Free are places at which the largest circle within the footprint keeps 0.1 m from everything; of several
    parts that do not meet, the largest counts.

    Args:
        grid: The layout's distances.
        vehicle: The vehicle, whose outline decides which places are free.

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
        radius = self._radius = float(np.linalg.norm(outlines, axis=1).max()) + CELL_M
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

    def station(
        self, rng: np.random.Generator, start: Sequence[float], least_m: float
    ) -> tuple[float, float]:
        """A free dock, charger or bay, at least so far from a start if there is one.

        Raises:
            SceneError: There is none.
        """
        layout = self.grid.layout
        free = [station.pose[:2] for station in layout.stations if self.is_free(station.pose[:2])]
        if not free:
            raise SceneError(
                f"warehouse {layout.name} has no dock, charger or bay that {self.vehicle.name} can come to: "
                "use goal_place drawn"
            )
        far = [place for place in free if np.hypot(place[0] - start[0], place[1] - start[1]) >= least_m]
        return (far or free)[int(rng.integers(len(far or free)))]

    def is_free(self, place: tuple[float, float]) -> bool:
        """Whether a vehicle can come to a place."""
        cell = np.floor((np.asarray(place) - self.grid.layout.origin) / CELL_M).astype(int)
        inside = (cell >= 0).all() and (cell < self.free.shape).all()
        return bool(inside and self.free[tuple(cell)])

    def way(self, start: Sequence[float], goal: Sequence[float]) -> NDArray[np.float64]:
        """A short way (K, 2) from a start to a goal, ends included, on cells of 0.1 m.

        Metres along which the vehicle could not turn round count up to four times, so that ways keep off
        obstacles where there is room.

        Raises:
            SceneError: There is none.
        """
        return self._way(self._costs, start, goal)

    def length(self, start: Sequence[float], goal: Sequence[float]) -> float:
        """Metres of the shortest way for the circle within the footprint: what SPL compares with."""
        shortest = self._way(np.where(np.isfinite(self._costs), 1.0, np.inf), start, goal)
        return float(np.hypot(*np.diff(shortest, axis=0).T).sum())

    def left_to(self, goal: Sequence[float]) -> NDArray[np.float32]:
        """Metres (X / 2, Y / 2) of the shortest ways to a goal, as `length`, from cells of 0.1 m.

        Where nothing is free they are those of the nearest free cell, and the distance to it.
        """
        plain = np.where(np.isfinite(self._costs), 1.0, np.inf)
        steps, _ = MCP_Geometric(plain, fully_connected=True).find_costs([self._coarse(goal)])
        beside = self._nearest - np.indices(plain.shape)
        return (_COARSE_M * (steps[tuple(self._nearest)] + np.hypot(*beside))).astype(np.float32)

    def _way(
        self, costs: NDArray[np.float64], start: Sequence[float], goal: Sequence[float]
    ) -> NDArray[np.float64]:
        first, last = self._coarse(start), self._coarse(goal)
        try:
            cells, _ = route_through_array(costs, first, last, fully_connected=True, geometric=True)
        except ValueError as error:
            raise SceneError(f"warehouse {self.grid.layout.name}: no way from {start} to {goal}") from error
        centres = np.array(self.grid.layout.origin) + _COARSE_M * (np.array(cells) + 0.5)
        return np.vstack([start[:2], centres[1:-1], goal[:2]])

    def _coarse(self, place: Sequence[float]) -> tuple[int, int]:
        """The free cell of 0.1 m that is nearest to a place."""
        at = np.floor((np.asarray(place[:2]) - self.grid.layout.origin) / _COARSE_M).astype(int)
        i, j = np.clip(at, 0, np.array(self._costs.shape) - 1)
        return int(self._nearest[0, i, j]), int(self._nearest[1, i, j])

    @cached_property
    def _costs(self) -> NDArray[np.float64]:
        """Cost of a metre in cells of 0.1 m: 1 where there is room to turn, inf where nothing is free."""
        x, y = (n - n % 2 for n in self.free.shape)
        shape = (x // 2, 2, y // 2, 2)
        free = np.asarray(self.free[:x, :y].reshape(shape).all(axis=(1, 3)))
        room = self.grid.body[:x, :y].reshape(shape).min(axis=(1, 3))
        short = ((self._radius - room) / self._radius).clip(0, 1)
        return np.where(free, 1 + 6 * short, np.inf)

    @cached_property
    def _nearest(self) -> NDArray[np.int64]:
        """Indices (2, X, Y) of the free cell that is nearest to each cell."""
        return np.asarray(
            ndimage.distance_transform_edt(
                ~np.isfinite(self._costs), return_distances=False, return_indices=True
            )
        )

    def _centre(self, cell: NDArray[np.int64]) -> tuple[float, float]:
        x, y = (o + CELL_M * (c + 0.5) for o, c in zip(self.grid.layout.origin, cell, strict=True))
        return float(x), float(y)
