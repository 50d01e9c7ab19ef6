"""The top-down map of an episode: seen floor and walls, and the trajectory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from robonav.envs.scenes.scene import FreeSpace
    from robonav.envs.sensors.camera import Camera
    from robonav.envs.sensors.raycast import RaycastSensor
    from robonav.mapping.true_surface import Surface

OUTSIDE, FLOOR_UNSEEN, FLOOR_SEEN, WALL_UNSEEN, WALL_SEEN = range(5)
CELL_M = 0.10
VIEW_RANGE_M = 4.5
WALL_BAND_M = (0.15, 1.5)
_FAN_RAYS = 96


@dataclass(frozen=True, eq=False)
class TopDownMap:
    """A raster of 10 cm cells and the trajectory over it.

    Attributes:
        cells: (X, Y) uint8, one of `OUTSIDE` ... `WALL_SEEN`.
        origin_xy: (2,) world position of the outer corner of cell [0, 0], metres.
        trajectory: (T + 1, 3) x, y, yaw from the start on.
        free_area_m2: Floor area of the start's island.
        seen_area_m2: Area of it that came into view.
    """

    cells: NDArray[np.uint8]
    origin_xy: NDArray[np.float64]
    trajectory: NDArray[np.float64]
    free_area_m2: float
    seen_area_m2: float


def draw_map(
    sensor: RaycastSensor,
    camera: Camera,
    surface: Surface,
    seen_samples: NDArray[np.bool_],
    trajectory: NDArray[np.float64],
) -> TopDownMap:
    """The map of one episode.

    Floor counts as seen when it lies within 4.5 m, inside the horizontal field of view, with nothing between
    at eye height; a wall cell when one of its surface samples (0.15 to 1.5 m above the floor) is seen.

    Args:
        sensor: Sensor that casts the rays.
        camera: Field of view and eye height.
        surface: Samples and free floor of the start's island.
        seen_samples: (S,) bool.
        trajectory: (T + 1, 3) x, y, yaw.
    """
    picture = draw_floor(sensor, camera, surface.free_space, surface.free, trajectory)
    height = surface.points[:, 2] - surface.free_space.floor_z
    wall = (height > WALL_BAND_M[0]) & (height < WALL_BAND_M[1])
    for state, chosen in ((WALL_UNSEEN, wall & ~seen_samples), (WALL_SEEN, wall & seen_samples)):
        _paint(picture.cells, (surface.points[chosen, :2] - picture.origin_xy) / CELL_M, state)
    return picture


def draw_floor(
    sensor: RaycastSensor,
    camera: Camera,
    free_space: FreeSpace,
    free: NDArray[np.bool_],
    trajectory: NDArray[np.float64],
) -> TopDownMap:
    """The map of one episode without walls; `free` are the cells (of 5 cm) of the floor."""
    floor, lit = floor_seen(sensor, camera, free_space, free, trajectory)
    cells = np.where(floor, np.where(lit, FLOOR_SEEN, FLOOR_UNSEEN), OUTSIDE).astype(np.uint8)
    areas = (float(mask.sum()) * CELL_M**2 for mask in (floor, lit))
    return TopDownMap(cells, np.array(free_space.origin_xy), trajectory, *areas)


def floor_seen(
    sensor: RaycastSensor,
    camera: Camera,
    free_space: FreeSpace,
    free: NDArray[np.bool_],
    trajectory: NDArray[np.float64],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Cells of 10 cm of a floor from its free cells of 5 cm, and a mask of the seen ones."""
    floor = _coarser(free, round(CELL_M / free_space.cell_size))
    origin = np.array(free_space.origin_xy)
    return floor, _lit(sensor, camera, trajectory, free_space.floor_z, origin, floor.shape) & floor


def _lit(
    sensor: RaycastSensor,
    camera: Camera,
    trajectory: NDArray[np.float64],
    floor_z: float,
    origin: NDArray[np.float64],
    shape: tuple[int, ...],
) -> NDArray[np.bool_]:
    """Cells that horizontal rays at eye height cross, from all poses of the trajectory."""
    poses = np.unique(np.round(trajectory, 3), axis=0)
    half = np.radians(camera.hfov_deg) / 2
    angles = poses[:, 2:] + np.linspace(-half, half, _FAN_RAYS)
    directions = np.stack([np.cos(angles), np.sin(angles), np.zeros_like(angles)], axis=-1)
    eyes = np.c_[poses[:, :2], np.full(len(poses), floor_z + camera.height_m)]
    origins = np.broadcast_to(eyes[:, None], directions.shape).reshape(-1, 3)
    directions = directions.reshape(-1, 3)
    lengths = np.minimum(sensor.distances(origins, directions), VIEW_RANGE_M)
    lit = np.zeros(shape, dtype=np.uint8)
    for along in np.arange(0, VIEW_RANGE_M, CELL_M):
        reached = lengths > along
        _paint(lit, (origins[reached, :2] + along * directions[reached, :2] - origin) / CELL_M, 1)
    return lit > 0


def _paint(raster: NDArray[np.uint8], cells: NDArray[np.floating], value: int) -> None:
    index = np.floor(cells).astype(np.int64)
    index = index[np.all((index >= 0) & (index < raster.shape), axis=1)]
    raster[index[:, 0], index[:, 1]] = value


def _coarser(mask: NDArray[np.bool_], factor: int) -> NDArray[np.bool_]:
    """Blocks (X / factor, Y / factor) of which at least half is set."""
    padded = np.pad(mask, [(0, -side % factor) for side in mask.shape])
    blocks = padded.reshape(padded.shape[0] // factor, factor, padded.shape[1] // factor, factor)
    return blocks.mean(axis=(1, 3)) >= 0.5
