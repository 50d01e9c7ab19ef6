"""Ground truth of completeness: surface samples around the start's island, and their visibility."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy import ndimage

from robonav.envs.scenes.scene import FreeSpace, Scene, SceneError
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raycast import RaycastSensor

SAMPLES = 10_000
BELOW_FLOOR_M, ABOVE_CEILING_M = 0.10, 0.08
TOLERANCE_M = 0.15  # added to the agent radius for closing, and once more around the free space
UNKNOWN_CEILING_M = 3.0  # assumed above the floor where most rays that go up find no ceiling
STANDPOINT_SPACING_M = 0.5
SWEEP_RANGE_M = 5.0
SWEEP_RAYS = 90
SWEEP_STEP_M = 0.15  # closing by 0.33 m fills the gaps between rays


@dataclass(frozen=True, eq=False)
class Surface:
    """Ground truth of completeness for one island of one scene.

    Attributes:
        points: (S, 3) float32 samples, uniform by area, metres.
        visible: (S,) bool, whether a reachable pose sees the sample well enough.
        footprint: (X, Y) bool on the raster of the free space: the floor that belongs to the island.
        free: (X, Y) bool, the part of it that the agent's body can touch.
        free_space: The raster's frame.
        ceiling_z: Upper limit of the floor's band, metres.
    """

    points: NDArray[np.float32]
    visible: NDArray[np.bool_]
    footprint: NDArray[np.bool_]
    free: NDArray[np.bool_]
    free_space: FreeSpace
    ceiling_z: float


def build_surface(
    scene: Scene,
    free_space: FreeSpace,
    sensor: RaycastSensor,
    camera: Camera,
    island: int = 1,
    agent_radius: float = 0.18,
    samples: int = SAMPLES,
) -> Surface:
    """Sample the surface around one island, and compute which samples are visible.

    Args:
        scene: The mesh; its content seeds the sampling, so the same scene always has the same samples.
        free_space: Where the agent's centre may be.
        sensor: Casts rays against the scene.
        camera: The camera that measures, for its height, field of view and resolution.
        island: Label of the start's island.
        agent_radius: Radius by which the free space was eroded, metres.
        samples: Number of samples.

    Raises:
        SceneError: If no surface lies around the island.
    """
    free_space = _padded(free_space, agent_radius + 2 * TOLERANCE_M)
    stands = standpoints(free_space, island)
    eyes = np.c_[stands, np.full(len(stands), free_space.floor_z + camera.height_m)].astype(np.float32)
    ceiling_z = ceiling_height(sensor, eyes, free_space.floor_z)
    free = _dilate(free_space.islands == island, agent_radius, free_space.cell_size)
    open_floor = sweep(sensor, eyes, free, free_space)
    footprint = island_footprint(open_floor, free_space.cell_size, agent_radius)
    points = sample_band(scene, free_space, footprint, ceiling_z, samples)
    visible = visible_from(sensor, eyes, points, camera)
    return Surface(points, visible, footprint, free, free_space, ceiling_z)


def standpoints(free_space: FreeSpace, island: int) -> NDArray[np.float64]:
    """Positions (P, 2) over the island: in each block of a 0.5 m grid the free cell nearest its centre."""
    block = round(STANDPOINT_SPACING_M / free_space.cell_size)
    cells = np.argwhere(free_space.islands == island)
    offset = np.abs(cells % block - block // 2).sum(axis=1)
    order = np.lexsort((offset, *(cells // block).T))
    _, first = np.unique(cells[order] // block, axis=0, return_index=True)
    return free_space.centres(cells[order][first])


def ceiling_height(sensor: RaycastSensor, eyes: NDArray[np.float32], floor_z: float) -> float:
    """Height of the ceiling: the 90th percentile of the hits of upward rays from `eyes` (P, 3).

    Where fewer than half of them hit anything there is no ceiling; 3 m above the floor stands in for it.
    """
    up = np.tile(np.array([0, 0, 1], dtype=np.float32), (len(eyes), 1))
    height = eyes[:, 2] + sensor.distances(eyes, up)
    hit = np.isfinite(height)
    return float(np.quantile(height[hit], 0.9)) if hit.mean() >= 0.5 else floor_z + UNKNOWN_CEILING_M


def sweep(
    sensor: RaycastSensor, eyes: NDArray[np.float32], free: NDArray[np.bool_], free_space: FreeSpace
) -> NDArray[np.bool_]:
    """Free floor (X, Y) plus cells that horizontal rays from `eyes` (P, 3) cross, under low furniture."""
    angles = np.linspace(0, 2 * np.pi, SWEEP_RAYS, endpoint=False)
    fan = np.stack([np.cos(angles), np.sin(angles), np.zeros(SWEEP_RAYS)], axis=1).astype(np.float32)
    origins, directions = np.repeat(eyes, SWEEP_RAYS, axis=0), np.tile(fan, (len(eyes), 1))
    lengths = sensor.distances(origins, directions)
    # A ray that flies on for long has left through a window: what it crosses is not this floor.
    lengths = np.where(lengths < SWEEP_RANGE_M, lengths, 0)
    open_floor = free.copy()
    for along in np.arange(SWEEP_STEP_M, SWEEP_RANGE_M, SWEEP_STEP_M, dtype=np.float32):
        on = np.flatnonzero(lengths > along)
        cells = free_space.cells(origins[on, :2] + along * directions[on, :2])
        cells = cells[np.all((cells >= 0) & (cells < free.shape), axis=1)]
        open_floor[cells[:, 0], cells[:, 1]] = True
    return open_floor


def island_footprint(
    open_floor: NDArray[np.bool_], cell_size: float, agent_radius: float
) -> NDArray[np.bool_]:
    """Open floor (X, Y), closed by radius + 0.15 m and widened by 0.15 m, as in the paper."""
    reach = agent_radius + TOLERANCE_M
    closed = ~_dilate(~_dilate(open_floor, reach, cell_size), reach, cell_size)
    return _dilate(closed, TOLERANCE_M, cell_size)


def sample_band(
    scene: Scene, free_space: FreeSpace, footprint: NDArray[np.bool_], ceiling_z: float, count: int
) -> NDArray[np.float32]:
    """Points (count, 3), uniform by area, on the mesh between floor and ceiling and above the footprint."""
    low, high = free_space.floor_z - BELOW_FLOOR_M, ceiling_z + ABOVE_CEILING_M
    corners = scene.vertices[scene.triangles]
    inside = free_space.centres(np.argwhere(footprint))
    bounds = np.array([[*inside.min(axis=0) - 0.05, low], [*inside.max(axis=0) + 0.05, high]])
    near = np.all((corners.min(axis=1) <= bounds[1]) & (corners.max(axis=1) >= bounds[0]), axis=1)
    if not near.any():
        raise SceneError(f"scene {scene.scene_id}: no surface lies between its floor and its ceiling")
    mesh = trimesh.Trimesh(scene.vertices, scene.triangles[near], process=False)
    seeds = np.random.SeedSequence(int(scene.content_hash, 16)).generate_state(32)
    kept: list[NDArray[np.float64]] = []
    for seed in seeds:  # a huge ground plane under a small house needs many draws
        points = np.asarray(trimesh.sample.sample_surface(mesh, 4 * count, seed=int(seed))[0])
        in_band = points[(points[:, 2] >= low) & (points[:, 2] <= high)]
        kept.append(in_band[_is_set(footprint, free_space.cells(in_band[:, :2]))])
        if sum(map(len, kept)) >= count:
            break
    return np.concatenate(kept)[:count].astype(np.float32)


def visible_from(
    sensor: RaycastSensor, eyes: NDArray[np.float32], points: NDArray[np.float32], camera: Camera
) -> NDArray[np.bool_]:
    """Whether an eye (P, 3) sees each point (S,): unoccluded, in the vertical field of view, close enough.

    Close enough means that half the diagonal between neighbouring pixels' points is at most 5 cm on a surface
    that faces the camera: 4.5 m for 128 pixels over 90 degrees.
    """
    slope = 0.5 * camera.height / camera.focal
    reach = 0.05 * np.sqrt(2) * camera.focal
    visible = np.zeros(len(points), dtype=bool)
    unseen = np.arange(len(points))
    for eye in np.random.default_rng(0).permutation(eyes):  # far apart in turn: most points are found soon
        dx, dy, dz = (points[unseen, axis] - eye[axis] for axis in range(3))
        across = dx**2 + dy**2
        candidates = unseen[(across < reach**2) & (dz**2 < slope**2 * across)]
        if len(candidates):
            starts = np.broadcast_to(eye, (len(candidates), 3))
            visible[candidates] = ~sensor.is_occluded(starts, points[candidates])
            unseen = unseen[~visible[unseen]]
    return visible


def _padded(free_space: FreeSpace, margin_m: float) -> FreeSpace:
    """The same free space on a larger raster, so that outer walls lie on it too."""
    cells = int(np.ceil(margin_m / free_space.cell_size))
    x, y = (corner - cells * free_space.cell_size for corner in free_space.origin_xy)
    return replace(free_space, islands=np.pad(free_space.islands, cells), origin_xy=(x, y))


def _dilate(mask: NDArray[np.bool_], radius: float, cell_size: float) -> NDArray[np.bool_]:
    if not mask.any():
        return mask
    return ndimage.distance_transform_edt(~mask, sampling=cell_size) <= radius


def _is_set(mask: NDArray[np.bool_], cells: NDArray[np.int64]) -> NDArray[np.bool_]:
    inside = np.all((cells >= 0) & (cells < mask.shape), axis=1)
    clipped = np.clip(cells, 0, np.array(mask.shape) - 1)
    return inside & mask[clipped[:, 0], clipped[:, 1]]
