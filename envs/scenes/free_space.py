"""Free space of a cylindrical agent in a mesh: floors, obstacles, islands, and indoor islands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from robonav.envs.scenes.rasterize import occupied_columns
from robonav.envs.scenes.rays import Rays, rays_of
from robonav.envs.scenes.scene import FreeSpace, SceneError

_CELL_M = 0.05
STEP_M = 0.2  # what the agent's wheels get over; as habitat's agent_max_climb
_EYE_M = 1.25  # height at which the surroundings are probed
_HEADINGS = 16
_ENCLOSED = 0.6  # share of headings that must meet a wall
_PROBE_CELLS = 4  # between places where enclosure is measured
_SMOOTHING_CELLS = 15
_MIN_ISLAND_M2 = 0.5
_MIN_START_M2 = 1.0
_MIN_INDOOR_M2 = 4.0  # a smaller one may be a nook between roofs


@dataclass(frozen=True)
class AgentShape:
    """The agent as an upright cylinder; the defaults are Habitat's.

    Attributes:
        radius_m: Radius in metres.
        height_m: Height in metres.
    """

    radius_m: float = 0.18
    height_m: float = 1.5


DEFAULT_AGENT = AgentShape()


def free_space_of(
    vertices: NDArray[np.floating], triangles: NDArray[np.integer], agent: AgentShape = DEFAULT_AGENT
) -> FreeSpace:
    """Free space of the agent on the scene's main floor; island 1 is the largest indoor one.

    A cell is free if the floor supports it and no geometry between step height and the agent's height
    comes nearer than the agent's radius. A place is indoors if most headings at eye level meet a
    surface; this rejects roofs and open ground, and needs no ceiling, which many scans lack. Tables are
    too small to be anything but a small island. Where several floors qualify, the lowest one whose
    island has at least a quarter of the largest area wins. A mesh without any interior is explored
    from the ground outside.

    Args:
        vertices: (V, 3) metres, z up.
        triangles: (T, 3) vertex indices.
        agent: The agent's shape.

    Raises:
        SceneError: No floor is large enough to stand and start on.
    """
    return _main_floor(_levels(vertices, triangles, agent))


def all_floors_of(
    vertices: NDArray[np.floating], triangles: NDArray[np.integer], agent: AgentShape = DEFAULT_AGENT
) -> tuple[FreeSpace, list[FreeSpace]]:
    """The main floor as `free_space_of` gives it, and all floors, lowest first.

    Levels that are less apart than the agent is tall are one floor: the main one or else the largest of
    them stands for it, so that a split level or a long table is no floor of its own.

    Args:
        vertices: (V, 3) metres, z up.
        triangles: (T, 3) vertex indices.
        agent: The agent's shape.

    Raises:
        SceneError: No floor is large enough to stand and start on.
    """
    levels = _levels(vertices, triangles, agent)
    main = _main_floor(levels)
    floors = [main]
    for level in sorted(levels, key=lambda level: -level.area_m2()):
        if all(abs(level.floor_z - floor.floor_z) >= agent.height_m for floor in floors):
            floors.append(level)
    return main, sorted(floors, key=lambda floor: floor.floor_z)


def _main_floor(levels: list[FreeSpace]) -> FreeSpace:
    enough = 0.25 * max(level.area_m2() for level in levels)
    return next(level for level in levels if level.area_m2() >= enough)


def _levels(
    vertices: NDArray[np.floating], triangles: NDArray[np.integer], agent: AgentShape
) -> list[FreeSpace]:
    """Indoor free space at every height that has enough of it, lowest first; else the lowest ground."""
    corners = np.asarray(vertices, dtype=np.float32)[triangles]
    grid = _Grid(corners, rays_of(vertices, triangles))
    floors = [(z, grid.free(z, agent)) for z in _floor_heights(corners)]
    floors = [(z, free) for z, free in floors if free.sum() * _CELL_M**2 >= _MIN_START_M2]
    indoor = [grid.islands(grid.indoor(free, z), z) for z, free in floors]
    indoor = [space for space in indoor if space.area_m2() >= _MIN_INDOOR_M2]
    if indoor:
        return indoor
    outdoor = [grid.islands(free, z) for z, free in floors]
    for space in outdoor:
        if space.area_m2() >= _MIN_START_M2:
            return [space]
    raise SceneError(
        f"no floor with {_MIN_START_M2:g} m² of free space was found for an agent of radius "
        f"{agent.radius_m} m and height {agent.height_m} m: check the up axis and that the unit is metres"
    )


def _floor_heights(corners: NDArray[np.float32]) -> list[float]:
    """Heights of large horizontal surfaces, lowest first."""
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = 0.5 * np.abs(normals[:, 2])  # as seen from above
    level = np.abs(normals[:, 2]) > 0.8 * np.linalg.norm(normals, axis=1)
    z, area = corners[level, :, 2].mean(axis=1), area[level]
    if not len(z):
        return []
    bin_m = 0.1
    edges = np.arange(z.min() - 2 * bin_m, z.max() + 3 * bin_m, bin_m)
    histogram = ndimage.convolve1d(np.histogram(z, edges, weights=area)[0], [0.5, 1.0, 0.5], mode="constant")
    peak = (histogram == ndimage.maximum_filter1d(histogram, 5)) & (
        histogram > max(2.0, 0.05 * histogram.max())
    )
    heights = []
    for k in np.flatnonzero(peak):
        near = np.abs(z - 0.5 * (edges[k] + edges[k + 1])) <= 1.5 * bin_m
        order = np.argsort(z[near])
        cumulative = np.cumsum(area[near][order])
        heights.append(float(z[near][order][np.searchsorted(cumulative, 0.5 * cumulative[-1])]))
    return heights


class _Grid:
    """Columns of the scene's bounding box, classified at the height of a floor."""

    def __init__(self, corners: NDArray[np.float32], rays: Rays) -> None:
        low, high = corners[..., :2].min(axis=(0, 1)), corners[..., :2].max(axis=(0, 1))
        self._corners, self._rays = corners, rays
        self._origin = low.astype(np.float64) - 2 * _CELL_M
        columns, rows = (int(n) + 2 for n in np.ceil((high - self._origin) / _CELL_M))
        self._shape = (columns, rows)

    def free(self, floor_z: float, agent: AgentShape) -> NDArray[np.bool_]:
        """Free cells (X, Y) of the agent's centre."""
        band = (floor_z + STEP_M, floor_z + agent.height_m)
        walkable = ~occupied_columns(self._corners, self._origin, _CELL_M, self._shape, *band)
        above = self._points(walkable, floor_z + STEP_M)
        down = np.full_like(above, [0, 0, -1])
        walkable[walkable] = self._rays.closest(above, down).distance <= 2 * STEP_M
        # between cell centres: an obstacle may be half a cell nearer or farther than its cell's centre
        return ndimage.distance_transform_edt(walkable) * _CELL_M >= agent.radius_m

    def indoor(self, free: NDArray[np.bool_], floor_z: float) -> NDArray[np.bool_]:
        """Free cells of islands that are mostly enclosed, and the enclosed parts of the others."""
        sampled = np.zeros_like(free)
        sampled[::_PROBE_CELLS, ::_PROBE_CELLS] = free[::_PROBE_CELLS, ::_PROBE_CELLS]
        if not sampled.any():
            return free & False
        enclosure = np.zeros(free.shape)
        enclosure[sampled] = self._enclosure(self._points(sampled, floor_z + _EYE_M))
        nearest = ndimage.distance_transform_edt(~sampled, return_distances=False, return_indices=True)
        enclosure = enclosure[tuple(nearest)]
        labels, count = ndimage.label(free)
        means = np.array([0.0, *ndimage.mean(enclosure, labels, np.arange(1, count + 1))])
        local = ndimage.uniform_filter(enclosure, _SMOOTHING_CELLS)
        return free & ((means[labels] >= _ENCLOSED) | (local >= _ENCLOSED))

    def islands(self, free: NDArray[np.bool_], floor_z: float) -> FreeSpace:
        """Connected islands of free cells, largest first, without slivers."""
        labels, count = ndimage.label(free)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        sizes[0] = 0
        rank = np.zeros(count + 1, dtype=np.int32)
        rank[np.argsort(-sizes, kind="stable")] = np.arange(1, count + 2)
        rank[sizes * _CELL_M**2 < _MIN_ISLAND_M2] = 0
        return FreeSpace(rank[labels], (float(self._origin[0]), float(self._origin[1])), floor_z, _CELL_M)

    def _points(self, cells: NDArray[np.bool_], z: float) -> NDArray[np.float32]:
        xy = (np.argwhere(cells) + 0.5) * _CELL_M + self._origin
        return np.column_stack([xy, np.full(len(xy), z)]).astype(np.float32)

    def _enclosure(self, points: NDArray[np.float32]) -> NDArray[np.float64]:
        """Share (N,) of headings along which a ray meets a surface."""
        yaws = np.arange(_HEADINGS) * (2 * np.pi / _HEADINGS)
        directions = np.column_stack([np.cos(yaws), np.sin(yaws), np.zeros(_HEADINGS)]).astype(np.float32)
        hits = self._rays.closest(np.repeat(points, _HEADINGS, axis=0), np.tile(directions, (len(points), 1)))
        return (hits.triangle >= 0).reshape(-1, _HEADINGS).mean(axis=1)
