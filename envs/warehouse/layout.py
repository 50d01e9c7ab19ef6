"""A warehouse as engineers draw it: what stands on the floor, stations, and lanes between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from robonav.envs.scenes.scene import SceneError

CELL_M = 0.05
"""Edge of the cells of all rasters, metres."""


@dataclass(frozen=True)
class UprightBox:
    """An upright box that stands on the floor or hangs above it.

    Attributes:
        x: Centre, metres.
        y: Centre, metres.
        length: Along its own x, metres.
        width: Along its own y, metres.
        yaw: Of its own x, radians.
        bottom: Height of its lower side, metres; a vehicle that is lower passes below.
        top: Height of its upper side, metres.
    """

    x: float
    y: float
    length: float
    width: float
    yaw: float = 0.0
    bottom: float = 0.0
    top: float = 2.0

    def distance(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Signed distances (...,) of points (..., 2) from its outline, negative inside, metres."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        ahead = np.asarray(xy, np.float64) - (self.x, self.y)
        own = np.stack([c * ahead[..., 0] + s * ahead[..., 1], c * ahead[..., 1] - s * ahead[..., 0]], -1)
        beyond = np.abs(own) - (self.length / 2, self.width / 2)
        outside = np.hypot(*np.moveaxis(np.maximum(beyond, 0), -1, 0))
        return outside + np.minimum(beyond.max(-1), 0)

    def corners(self) -> NDArray[np.float64]:
        """(4, 2) counter-clockwise."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        own = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (self.length / 2, self.width / 2)
        return own @ np.array([[c, s], [-s, c]]) + (self.x, self.y)


@dataclass(frozen=True)
class Station:
    """A place that vehicles go to.

    Attributes:
        name: Unique in its layout.
        kind: dock, charger or bay.
        pose: x, y, yaw of a vehicle that stands there, metres and radians.
    """

    name: str
    kind: str
    pose: tuple[float, float, float]


@dataclass(frozen=True)
class Lane:
    """A straight way between two nodes of a layout.

    Attributes:
        start: Name of a node.
        end: Name of a node.
        one_way: Whether it is driven from start to end only.
        width: Of the corridor, metres.
        max_speed: Metres per second.
    """

    start: str
    end: str
    one_way: bool = False
    width: float = 1.6
    max_speed: float = 1.5


@dataclass(frozen=True, eq=False)
class WarehouseLayout:
    """A warehouse; everything outside of its size is wall.

    Attributes:
        name: Unique in its set.
        size: Length along x and y, metres; the lower left corner is at `origin`.
        blocks: Things that stand in the warehouse.
        blocked: (X, Y) bool cells of `CELL_M` that block at any height, such as those of a map file; None =
            only the blocks do.
        origin: World x, y of the lower left corner, metres.
        stations: Where vehicles go.
        nodes: Positions x, y of the lane graph by name, metres.
        lanes: Between nodes.
    """

    name: str
    size: tuple[float, float]
    blocks: Sequence[UprightBox] = ()
    blocked: NDArray[np.bool_] | None = None
    origin: tuple[float, float] = (0.0, 0.0)
    stations: Sequence[Station] = ()
    nodes: dict[str, tuple[float, float]] = field(default_factory=dict)
    lanes: Sequence[Lane] = ()

    def __post_init__(self) -> None:
        """Refuse what is no place to drive in.

        Raises:
            SceneError: It has no extent, or a lane leads nowhere.
        """
        if not all(math.isfinite(side) and CELL_M <= side <= 500 for side in self.size):
            raise SceneError(f"layout {self.name} is {self.size} m: expected 0.05 to 500 m a side")
        for lane in self.lanes:
            for end in (lane.start, lane.end):
                if end not in self.nodes:
                    raise SceneError(f"layout {self.name} has a lane to {end!r}, which is none of its nodes")

    @property
    def shape(self) -> tuple[int, int]:
        """Cells (X, Y) of its rasters."""
        return math.ceil(self.size[0] / CELL_M - 1e-9), math.ceil(self.size[1] / CELL_M - 1e-9)

    def centres(self) -> NDArray[np.float64]:
        """World x, y (X, Y, 2) of the centres of cells."""
        x, y = (
            start + CELL_M * (np.arange(n) + 0.5) for start, n in zip(self.origin, self.shape, strict=True)
        )
        return np.stack(np.meshgrid(x, y, indexing="ij"), -1)

    def occupied(self, low: float, high: float) -> NDArray[np.bool_]:
        """Cells (X, Y) in which something stands between two heights in metres.

        A cell counts where a block covers its centre; blocks thinner than a cell cover one cell across.
        """
        cells = np.zeros(self.shape, bool) if self.blocked is None else self.blocked.copy()
        centres = self.centres()
        for block in self.blocks:
            if block.bottom < high and block.top > low:
                window = self._window(block)
                reach = max(0.0, (CELL_M - min(block.length, block.width)) / 2)
                cells[window] |= block.distance(centres[window]) <= reach
        return cells

    def _window(self, block: UprightBox) -> tuple[slice, slice]:
        """The part of rasters that a block can reach."""
        corners = (block.corners() - self.origin) / CELL_M
        low = np.maximum(np.floor(corners.min(0)).astype(int) - 1, 0)
        high = np.maximum(np.ceil(corners.max(0)).astype(int) + 1, 0)
        return slice(low[0], high[0]), slice(low[1], high[1])
