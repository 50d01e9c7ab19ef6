"""Where a cylindrical agent can stand in a mesh: floors, obstacles, islands, and which are indoors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import open3d as o3d
from numpy.typing import NDArray
from scipy import ndimage

from robonav.envs.scenes.rasterize import occupied_columns
from robonav.envs.scenes.scene import FreeSpace, SceneError

_CELL_M = 0.05
_STEP_M = 0.2  # what the agent's wheels get over; as habitat's agent_max_climb
_EYE_M = 1.25  # height at which the surroundings are probed
_HEADINGS = 16
_ENCLOSED = 0.6  # share of headings that must meet a wall
_MIN_ISLAND_M2 = 0.5
_MIN_START_M2 = 1.0


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
    comes nearer than the agent's radius. An island is indoors if most headings at eye level meet a
    surface; this rejects roofs and open ground, and needs no ceiling, which many scans lack. Tables are
    too small to be anything but a small island. Where several floors qualify, the lowest one whose
    island has at least half of the largest area wins.

    Args:
        vertices: (V, 3) metres, z up.
        triangles: (T, 3) vertex indices.
        agent: The agent's shape.

    Raises:
        SceneError: No floor is large enough to stand and start on.
    """
    corners = np.asarray(vertices, dtype=np.float32)[triangles]
    rays = _Rays(vertices, triangles)
    for min_enclosure in (_ENCLOSED, 0.0):
        spaces = [_free_space_at(corners, rays, z, agent, min_enclosure) for z in _floor_heights(corners)]
        candidates = [space for space in spaces if space.area_m2() >= _MIN_START_M2]
        if candidates:
            break
    else:
        raise SceneError(
            f"no indoor floor with {_MIN_START_M2:g} m² of free space was found for an agent of radius "
            f"{agent.radius_m} m and height {agent.height_m} m: check the up axis and that the unit is metres"
        )
    # a scene without any interior is explored from the ground: its largest flat surface may be the roof
    least = 0.5 * max(space.area_m2() for space in candidates) if min_enclosure else _MIN_START_M2
    return min((s for s in candidates if s.area_m2() >= least), key=lambda space: space.floor_z)


class _Rays:
    """First hits of rays in the mesh."""

    def __init__(self, vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> None:
        self._embree = o3d.t.geometry.RaycastingScene()
        self._embree.add_triangles(
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(vertices, dtype=np.float32)),
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(triangles, dtype=np.uint32)),
        )

    def distances(
        self, origins: NDArray[np.floating], directions: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        rays = np.concatenate([origins, np.broadcast_to(directions, origins.shape)], axis=-1)
        return self._embree.cast_rays(o3d.core.Tensor.from_numpy(rays.astype(np.float32)))["t_hit"].numpy()


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


def _free_space_at(
    corners: NDArray[np.float32], rays: _Rays, floor_z: float, agent: AgentShape, min_enclosure: float
) -> FreeSpace:
    """Islands on one floor: enclosed ones only, largest first."""
    low, high = corners[..., :2].min(axis=(0, 1)), corners[..., :2].max(axis=(0, 1))
    origin = low - 2 * _CELL_M
    columns, rows = (int(n) + 2 for n in np.ceil((high - origin) / _CELL_M))
    shape = (columns, rows)
    walkable = ~occupied_columns(corners, origin, _CELL_M, shape, floor_z + _STEP_M, floor_z + agent.height_m)
    blank = FreeSpace(np.zeros(shape, np.int32), (float(origin[0]), float(origin[1])), floor_z, _CELL_M)
    cells = np.argwhere(walkable)
    above = np.column_stack([blank.centres(cells), np.full(len(cells), floor_z + _STEP_M)])
    walkable[tuple(cells.T)] = rays.distances(above, np.array([0, 0, -1.0])) <= 2 * _STEP_M
    # geometry may be half a cell nearer than the centre of the cell that it occupies
    free = ndimage.distance_transform_edt(walkable) * _CELL_M > agent.radius_m + 0.5 * _CELL_M
    labels, count = ndimage.label(free)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    order = [k + 1 for k in np.argsort(-sizes) if sizes[k] * _CELL_M**2 >= _MIN_ISLAND_M2]
    islands = np.zeros(shape, dtype=np.int32)
    kept = 0
    for label in order:
        if _enclosure(rays, blank.centres(np.argwhere(labels == label)), floor_z) >= min_enclosure:
            kept += 1
            islands[labels == label] = kept
    return FreeSpace(islands, blank.origin_xy, floor_z, _CELL_M)


def _enclosure(rays: _Rays, xy: NDArray[np.float64], floor_z: float) -> float:
    """Share of headings at eye level, over at most 200 places, along which a surface is met."""
    places = xy[:: max(1, len(xy) // 200)]
    yaws = np.arange(_HEADINGS) * (2 * np.pi / _HEADINGS)
    directions = np.column_stack([np.cos(yaws), np.sin(yaws), np.zeros(_HEADINGS)])
    origins = np.column_stack([places, np.full(len(places), floor_z + _EYE_M)])
    hits = rays.distances(np.repeat(origins, _HEADINGS, axis=0), np.tile(directions, (len(places), 1)))
    return float(np.isfinite(hits).mean())
