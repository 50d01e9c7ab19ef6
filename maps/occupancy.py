"""Occupancy grids from depth frames: free, occupied and unknown cells, and their frontiers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

UNKNOWN, FREE, OCCUPIED = 0, 1, 2
GROWTH_M = 8.0
BODY_M = 0.18
BUMP_M = 0.3  # how far ahead lies what blocked a move
PATCH_DIMENSIONS = 128
_PATCH_M, _PATCH_TILES = 4.8, 8


@dataclass(frozen=True)
class Frontier:
    """A connected border between free and unknown cells.

    Attributes:
        cells: (K, 2) int64 free cells with an unknown neighbour.
        centre: (2,) int64, the cell nearest to their mean.
    """

    cells: NDArray[np.int64]
    centre: NDArray[np.int64]


class OccupancyGrid:
    """A top-down map from depth images of an upright camera; it grows with the robot's path.

    Obstacles are surfaces between two heights above the floor; a drop below the floor counts as one.
    Depth is taken as true, so an occupied cell stays occupied.

    Attributes:
        cells: (X, Y) uint8, `UNKNOWN`, `FREE` or `OCCUPIED`.
        detailed: (X, Y) bool, whether a surface in this column was seen from within `detail_range`.
        origin_xy: (2,) world position of the outer corner of cell [0, 0], metres.
        cell_size: Edge of a cell, metres.
    """

    def __init__(
        self,
        start_xy: NDArray[np.floating],
        floor_z: float,
        cell_size: float = 0.10,
        obstacle_band: tuple[float, float] = (0.15, 1.5),
        max_range: float = 5.0,
        detail_range: float = 3.0,
    ) -> None:
        side = int(2 * GROWTH_M / cell_size)
        self.cells = np.full((side, side), UNKNOWN, dtype=np.uint8)
        self.detailed = np.zeros((side, side), dtype=bool)
        self.cell_size = cell_size
        self.origin_xy = np.asarray(start_xy, dtype=np.float64) - GROWTH_M
        self._floor_z = floor_z
        self._band = obstacle_band
        self._max_range, self._detail_range = max_range, detail_range

    @classmethod
    def of(cls, cells: NDArray[np.uint8], origin_xy: NDArray[np.floating], cell_size: float) -> OccupancyGrid:
        """A grid from cells (X, Y) of another map; the floor is at height 0."""
        grid = cls(np.asarray(origin_xy), 0.0, cell_size)
        grid.cells, grid.detailed = cells, np.zeros(cells.shape, dtype=bool)
        grid.origin_xy = np.asarray(origin_xy, dtype=np.float64)
        return grid

    def cell(self, xy: NDArray[np.floating]) -> NDArray[np.int64]:
        """Cell indices (..., 2) of world positions (..., 2); only cells after `integrate` surely exist."""
        return np.floor((np.asarray(xy) - self.origin_xy) / self.cell_size).astype(np.int64)

    def centre(self, cells: NDArray[np.integer]) -> NDArray[np.float64]:
        """World x, y (..., 2) of cell centres (..., 2)."""
        return (np.asarray(cells) + 0.5) * self.cell_size + self.origin_xy

    def integrate(
        self,
        depth: NDArray[np.float32],
        T_world_camera: NDArray[np.float32],
        directions: NDArray[np.float32],
    ) -> None:
        """Add one frame.

        Args:
            depth: (H, W) planar depth, metres, 0 = no return.
            T_world_camera: (4, 4) pose of an upright camera: image columns are vertical planes.
            directions: (H, W, 3) rays through the pixels in the camera frame, z = 1.
        """
        position = T_world_camera[:3, 3]
        offsets = (directions * depth[..., None]) @ T_world_camera[:3, :3].T
        height = position[2] + offsets[..., 2] - self._floor_z
        reach = np.hypot(offsets[..., 0], offsets[..., 1])
        seen = (depth > 0) & (reach < self._max_range)
        blocking = (height > self._band[0]) & (height < self._band[1]) | (height < -self._band[0])
        self._grow_around(position[:2])
        points = position[:2] + offsets[..., :2]
        self._carve(
            position[:2], offsets, np.where(seen & blocking, reach, np.inf), np.where(depth > 0, reach, 0.0)
        )
        self._mark(points[seen & ~blocking & (height <= self._band[0])], FREE)
        self._mark(points[seen & blocking], OCCUPIED)
        detailed = self.cell(points[seen & (reach < self._detail_range) & (height < self._band[1])])
        self.detailed[detailed[:, 0], detailed[:, 1]] = True

    def observe(
        self,
        depth: NDArray[np.float32],
        T_world_camera: NDArray[np.float32],
        directions: NDArray[np.float32],
        xy: NDArray[np.floating],
        yaw: float = 0.0,
        bumped: bool = False,
    ) -> None:
        """The filter of a robot's map: depth, the body that stands where it stands, and what it bumped into.

        Args:
            depth: As for `integrate`, as are the next two.
            T_world_camera: (4, 4).
            directions: (H, W, 3).
            xy: (2,) middle of the robot, world frame, metres.
            yaw: Its heading, radians.
            bumped: Its last move, ahead, was blocked.
        """
        self.integrate(depth, T_world_camera, directions)
        self.clear(xy, BODY_M)
        if bumped:
            self.block(xy + BUMP_M * np.array([np.cos(yaw), np.sin(yaw)]))

    def block(self, xy: NDArray[np.floating]) -> None:
        """Mark the cell at a world position (2,) as occupied, after a collision."""
        self._mark(np.asarray(xy)[None], OCCUPIED)

    def clear(self, xy: NDArray[np.floating], radius: float) -> None:
        """Mark unknown cells within `radius` metres of the robot's position (2,) as free."""
        reach = int(np.ceil(radius / self.cell_size))
        offsets = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 2), axis=-1).reshape(-1, 2)
        near = offsets[np.linalg.norm(offsets, axis=1) * self.cell_size <= radius]
        self._mark(self.centre(self.cell(xy) + near), FREE)

    def frontiers(self, min_cells: int = 3, max_extent: float = np.inf) -> list[Frontier]:
        """Connected groups of free cells that border on the unknown (Yamauchi 1997).

        Args:
            min_cells: Smaller groups are left out.
            max_extent: Longer groups are halved across their main axis, metres (as FUEL does).
        """
        unknown = ndimage.binary_dilation(self.cells == UNKNOWN)
        labels, count = ndimage.label(unknown & (self.cells == FREE), structure=np.ones((3, 3)))
        found = []
        for index, window in enumerate(ndimage.find_objects(labels, count), start=1):
            corner = np.array([side.start for side in window])
            cells = corner + np.argwhere(labels[window] == index)
            if len(cells) >= min_cells:
                found += [_frontier(piece) for piece in _pieces(cells, max_extent / self.cell_size)]
        return found

    def patch(self, xy: NDArray[np.floating]) -> NDArray[np.float32]:
        """The occupancy around a position as an embedding for `TopologicalMap`.

        Shares of free and of occupied cells in 8x8 tiles of a window of 4.8 m around a position (2,), along
        the world's axes; a unit vector (128,), or zeros where nothing is known.
        """
        tile = round(_PATCH_M / _PATCH_TILES / self.cell_size)
        low = self.cell(xy) - tile * _PATCH_TILES // 2
        high = low + tile * _PATCH_TILES
        before, after = np.maximum(-low, 0), np.maximum(high - self.cells.shape, 0)
        x, y = (slice(max(a, 0), max(b, 0)) for a, b in zip(low, high, strict=True))
        window = self.cells[x, y]
        if before.any() or after.any():
            window = np.pad(window, list(zip(before, after, strict=True)), constant_values=UNKNOWN)
        tiles = window.reshape(_PATCH_TILES, tile, _PATCH_TILES, tile)
        shares = np.stack([(tiles == state).mean(axis=(1, 3)) for state in (FREE, OCCUPIED)])
        return (shares.ravel() / max(np.linalg.norm(shares), 1e-12)).astype(np.float32)

    def _carve(
        self,
        position: NDArray[np.floating],
        offsets: NDArray[np.floating],
        blocked_at: NDArray[np.floating],
        returned_at: NDArray[np.floating],
    ) -> None:
        """Free the cells before the nearest obstacle of every image column."""
        towards = offsets[np.argmax(returned_at, axis=0), np.arange(offsets.shape[1]), :2]
        length = np.linalg.norm(towards, axis=1)
        end = np.minimum(np.minimum(blocked_at.min(axis=0), length), self._max_range) - 0.5 * self.cell_size
        steps = np.arange(0.0, self._max_range, 0.5 * self.cell_size)
        column, step = np.nonzero(steps[None] < end[:, None])
        unit = towards / np.maximum(length, 1e-6)[:, None]
        self._mark(position + unit[column] * steps[step][:, None], FREE)

    def _mark(self, points: NDArray[np.floating], state: int) -> None:
        cells = self.cell(points)
        rows, columns = cells[:, 0], cells[:, 1]
        self.cells[rows, columns] = np.maximum(self.cells[rows, columns], np.uint8(state))

    def _grow_around(self, position: NDArray[np.floating]) -> None:
        """Pad the grid so that everything within range of `position` has a cell."""
        margin = self._max_range + 2 * self.cell_size
        pad = int(GROWTH_M / self.cell_size)
        low = self.cell(np.asarray(position) - margin)
        high = np.array(self.cells.shape) - self.cell(np.asarray(position) + margin) - 1
        before, after = (pad * np.ceil(np.maximum(-side, 0) / pad).astype(int) for side in (low, high))
        if before.any() or after.any():
            widths = list(zip(before, after, strict=True))
            self.cells = np.pad(self.cells, widths, constant_values=UNKNOWN)
            self.detailed = np.pad(self.detailed, widths)
            self.origin_xy = self.origin_xy - before * self.cell_size


def _frontier(cells: NDArray[np.int64]) -> Frontier:
    nearest = np.argmin(np.linalg.norm(cells - cells.mean(axis=0), axis=1))
    return Frontier(cells, cells[nearest])


def _pieces(cells: NDArray[np.int64], max_extent: float) -> list[NDArray[np.int64]]:
    """The same cells (K, 2) in pieces that are no longer than `max_extent` cells."""
    offsets = cells - cells.mean(axis=0)
    along = offsets @ np.linalg.eigh(offsets.T @ offsets)[1][:, -1]
    if np.ptp(along) <= max_extent:
        return [cells]
    return [piece for side in (along < 0, along >= 0) for piece in _pieces(cells[side], max_extent)]
