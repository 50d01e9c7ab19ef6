"""Obstacles that appear while an agent is on its way: balls on the floor that stop it as walls do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from robonav.envs.scenes.free_space import DEFAULT_AGENT
from robonav.envs.scenes.geodesics import FreeSpaceGeodesics
from robonav.envs.scenes.scene import FreeSpace
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.spheres import Spheres

RADIUS_M = 0.3
REACH_M = RADIUS_M + DEFAULT_AGENT.radius_m  # nearer than this an agent's centre cannot come
CLEAR_OF_ENDS_M = 1.5
APART_M = 1.5
_TRIES = 16
_COLOR = (205.0, 120.0, 30.0)


class Obstacles(Spheres):
    """Balls of 0.6 m in diameter in the worlds of N agents, drawn into RGB and depth and in the way of moves.

    Args:
        camera: The camera of the images.
        num_agents: N.
        count: Most of them in one world, at most 254.

    Attributes:
        placed: (N,) int64 how many there are or will be.
    """

    def __init__(self, camera: Camera, num_agents: int, count: int) -> None:
        super().__init__(camera, num_agents, count, RADIUS_M, _COLOR)
        self.placed = np.zeros(num_agents, np.int64)

    def prepare(self, agent: int, xy: NDArray[np.floating], floor_z: float) -> None:
        """Set the places (K, 2) of obstacles that will appear; none is there yet."""
        self.placed[agent], self.present[agent] = len(xy), False
        self.centres[agent, : len(xy), :2] = xy
        self.centres[agent, : len(xy), 2] = floor_z + RADIUS_M

    def appear(self, agent: int) -> None:
        """All of an agent's are there from the next frame on."""
        self.present[agent, : self.placed[agent]] = True

    def blocks(self, agent: int, start_xy: NDArray[np.floating], end_xy: NDArray[np.floating]) -> bool:
        """Whether the move (2,) to (2,) comes too near to one, other than away from it."""
        centres = self.centres[agent, self.present[agent], :2].astype(np.float64)
        way = np.subtract(end_xy, start_xy)
        along = np.clip((centres - start_xy) @ way / max(float(way @ way), 1e-12), 0.0, 1.0)
        gaps = np.linalg.norm(start_xy + along[:, None] * way - centres, axis=1)
        before = np.linalg.norm(start_xy - centres, axis=1)
        return bool((gaps < np.minimum(REACH_M, before - 1e-9)).any())


def obstacles_on_the_way(
    free_space: FreeSpace,
    geodesics: FreeSpaceGeodesics,
    start: NDArray[np.floating],
    goal: NDArray[np.floating],
    count: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Places for obstacles on the shortest way that leave another way: in doorways and corridors first.

    All are at least 1.5 m from start and goal and from each other. Fewer than asked for are found where
    anything in the way would cut the goal off.

    Returns:
        Places (K, 2) with K <= count, metres, and (X, Y) bool: cells from which the goal can be reached
        around them.
    """
    island = free_space.islands == int(free_space.island_at(np.asarray(start)))
    room = ndimage.distance_transform_edt(island)
    way = geodesics.way(start, goal)
    ends = np.linalg.norm(way[:, None] - np.stack([start, goal])[None], axis=-1).min(axis=1)
    way = way[ends >= CLEAR_OF_ENDS_M]
    # the narrow places first; chance decides among those that are about as wide
    cells = free_space.cells(way)
    order = np.argsort(room[cells[:, 0], cells[:, 1]] * rng.uniform(0.5, 1.5, len(way)))
    chosen, around = np.empty((0, 2)), island
    way = way[order]
    for _ in range(_TRIES):
        if len(chosen) == count or not len(way):
            break
        place, way = way[0], way[np.linalg.norm(way - way[0], axis=1) >= 0.3]
        left = _reachable(free_space, around, place, start, goal)
        if left is not None:
            chosen, around = np.vstack([chosen, place]), left
            way = way[np.linalg.norm(way - place, axis=1) >= APART_M]
    return chosen, around


def _reachable(
    free_space: FreeSpace,
    free: NDArray[np.bool_],
    place: NDArray[np.floating],
    start: NDArray[np.floating],
    goal: NDArray[np.floating],
) -> NDArray[np.bool_] | None:
    """Cells from which the goal can be reached around an obstacle; None if the start is not among them."""
    cells = np.argwhere(free)
    near = np.linalg.norm(free_space.centres(cells) - place, axis=1) < REACH_M + free_space.cell_size
    left = free.copy()
    left[tuple(cells[near].T)] = False
    labels, _ = ndimage.label(left)
    first, last = (labels[tuple(free_space.cells(np.asarray(xy)))] for xy in (start, goal))
    return labels == last if first == last != 0 else None
