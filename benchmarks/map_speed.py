"""Speed and memory of the reconstruction beside Open3D's VoxelBlockGrid, as JSON.

Both get the same frames of the same walks at the same voxel size, one thread, alternating in one process;
times are CPU time of the process, so that neighbours on the machine count less. Usage:

    OMP_NUM_THREADS=1 python benchmarks/map_speed.py [--scene MESH] [--envs 16] [--steps 100]

Without a scene: AwsSmallHouse, if ../shared has it, else a procedural room.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read by Open3D when it is loaded

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import open3d as o3d
import trimesh
from numpy.typing import NDArray

from robonav.envs.sensors.camera import Camera
from robonav.maps.reconstruction.tsdf import Pinhole, Reconstruction

CAMERA = Camera()
BYTES_PER_BLOCK = 512 * 24 + 4 * 64 + 12  # sums and faces, four bits a voxel, and the block's place
HOUSE = "shared/data/scene_datasets/hm3d/minival/00901-AwsSmallHouse"
Frame = tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float32]]


def load_mesh(path: str | None) -> tuple[str, trimesh.Trimesh]:
    """The mesh asked for, AwsSmallHouse (raw, z up) or a room of boxes."""
    if path is None:
        found = sorted((Path(__file__).resolve().parents[2] / HOUSE).glob("*.glb"))
        path = str(found[0]) if found else None
    if path is not None:
        return Path(path).stem, trimesh.load(path, force="mesh")
    room = trimesh.creation.box((12, 9, 2.7))
    room.invert()
    room.apply_translation((0, 0, 1.35))
    rng = np.random.default_rng(0)
    places = rng.uniform((-5, -4, 0.4), (5, 4, 0.5), (12, 3))
    boxes = [trimesh.creation.box(rng.uniform(0.4, 1.0, 3)).apply_translation(place) for place in places]
    return "procedural room", trimesh.util.concatenate([room, *boxes])


def caster(mesh: trimesh.Trimesh) -> Callable[[NDArray[np.float32]], Frame]:
    """A function from poses (N, 4, 4) to frames: normals as colours, and depth."""
    scene = o3d.t.geometry.RaycastingScene(nthreads=1)
    scene.add_triangles(mesh.vertices.astype(np.float32), mesh.faces.astype(np.uint32))
    rays = CAMERA.directions().reshape(-1, 3)

    def cast(T: NDArray[np.float32]) -> Frame:
        shape = (len(T), CAMERA.height, CAMERA.width)
        directions = np.einsum("nij,pj->npi", T[:, :3, :3], rays)
        origins = np.broadcast_to(T[:, None, :3, 3], directions.shape)
        hits = scene.cast_rays(
            o3d.core.Tensor(np.concatenate([origins, directions], -1).astype(np.float32)), 1
        )
        depth = hits["t_hit"].numpy().reshape(shape)
        depth[~np.isfinite(depth)] = 0
        rgb = (127 + 120 * hits["primitive_normals"].numpy()).astype(np.uint8).reshape(*shape, 3)
        return T, rgb, depth

    return cast


def walks(mesh: trimesh.Trimesh, num_envs: int, steps: int) -> Iterator[Frame]:
    """Random walks: straight until something is near, else 15 degrees to the left."""
    cast = caster(mesh)
    rng = np.random.default_rng(0)
    low, high = mesh.bounds[:, :2] * 0.6
    position = np.concatenate([rng.uniform(low, high, (num_envs, 2)), np.zeros((num_envs, 1))], axis=1)
    yaw = rng.uniform(0, 2 * np.pi, num_envs)
    for _ in range(steps):
        T, rgb, depth = cast(CAMERA.poses(position, yaw))
        yield T, rgb, depth
        centre = depth[:, 28:36, 28:36].reshape(num_envs, -1)
        ahead = (centre.min(axis=1) > 0.6) & (rng.random(num_envs) > 0.2)
        position[:, :2] += np.where(ahead[:, None], 0.25 * np.stack([np.cos(yaw), np.sin(yaw)], axis=1), 0)
        yaw += np.where(ahead, 0, np.radians(15))


class Clock:
    """CPU milliseconds of named pieces of work."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)

    def __call__(self, name: str, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do the work and note how long it took."""
        start = time.process_time()
        result = work(*arguments)
        self.times[name].append(1e3 * (time.process_time() - start))
        return result

    def mean(self, name: str, warm_up: int, frames: int) -> float:
        """Mean milliseconds a frame, without the first calls."""
        return round(float(np.mean(self.times[name][warm_up:])) / frames, 4)


class Open3DMap:
    """VoxelBlockGrid of one environment, used as in Open3D's own real-time example."""

    def __init__(self, voxel_size: float) -> None:
        core = o3d.core
        types = (core.float32, core.uint16, core.uint16)
        self.grid = o3d.t.geometry.VoxelBlockGrid(
            ("tsdf", "weight", "color"), types, ((1), (1), (3)), voxel_size, 8, 4000
        )
        f = CAMERA.focal
        self.K = core.Tensor(
            np.array([[f, 0, CAMERA.width / 2 - 0.5], [0, f, CAMERA.height / 2 - 0.5], [0, 0, 1]])
        )

    def prepare(self, T: NDArray, rgb: NDArray, depth: NDArray) -> None:
        """Convert the frame; not timed."""
        self.extrinsic = o3d.core.Tensor(np.linalg.inv(T.astype(float)))
        self.depth = o3d.t.geometry.Image(depth[..., None].copy())
        self.color = o3d.t.geometry.Image(rgb.astype(np.float32))

    def integrate(self) -> None:
        """Find the blocks of the frame and fuse it."""
        self.places = self.grid.compute_unique_block_coordinates(
            self.depth, self.K, self.extrinsic, 1.0, 20.0, 3.0
        )
        self.grid.integrate(
            self.places, self.depth, self.color, self.K, self.K, self.extrinsic, 1.0, 20.0, 3.0
        )

    def ray_cast(self) -> Any:
        """Depth and colour predicted at the pose of the frame."""
        size = (CAMERA.width, CAMERA.height)
        return self.grid.ray_cast(
            self.places, self.K, self.extrinsic, *size, ["depth", "color"], 1.0, 0.05, 20.0, 1.0, 3.0
        )


def unknown_noise(mesh: trimesh.Trimesh, pinhole: Pinhole, voxel_size: float) -> dict[str, float]:
    """Share of pixels called new after full turns at six places: at the same headings, and between them."""
    spots = np.array([[x, y, 0.0] for x in (-4.0, 0.0, 4.0) for y in (-2.0, 2.0)])
    cast = caster(mesh)
    headings = np.radians(15.0 * np.arange(24))
    turned = Reconstruction(len(spots), pinhole, voxel_size)
    for yaw in headings:
        T, rgb, depth = cast(CAMERA.poses(spots, np.full(len(spots), yaw)))
        turned.integrate(rgb, depth, T)
    result = {}
    for name, shift in (("revisit", 0.0), ("turned_7.5_deg", np.radians(7.5))):
        frames = [cast(CAMERA.poses(spots, np.full(len(spots), yaw + shift))) for yaw in headings]
        result[name] = round(float(np.mean([turned.unknown_surface(d, T).mean() for T, _, d in frames])), 5)
    return result


def reward_cost(frames: list[Frame], pinhole: Pinhole, voxel_size: float) -> dict[str, float]:
    """CPU ms a frame of comparing and integrating what is within 2 m, on a walk and again on the same."""
    clock = Clock()
    maps = Reconstruction(len(frames[0][0]), pinhole, voxel_size, max_depth=2.0)
    for walk in ("first", "again"):
        for T, rgb, depth in frames:
            clock(f"unknown_surface_{walk}", maps.unknown_surface, depth, T)
            clock(f"integrate_{walk}", maps.integrate, rgb, depth, T)
    return {name: clock.mean(name, min(10, len(frames) // 2), len(frames[0][0])) for name in clock.times}


def measure(
    mesh: trimesh.Trimesh, num_envs: int, steps: int, voxel_size: float, threads: int
) -> dict[str, Any]:
    """Walk, predict, compare and integrate with both maps."""
    f = CAMERA.focal
    pinhole = Pinhole(CAMERA.width, CAMERA.height, f, f, CAMERA.width / 2, CAMERA.height / 2)
    ours = Reconstruction(num_envs, pinhole, voxel_size, threads=threads)
    theirs = [Open3DMap(voxel_size) for _ in range(min(2, num_envs))]
    clock = Clock()
    frames = list(walks(mesh, num_envs, steps))
    for T, rgb, depth in frames:
        clock("render", ours.render, T)
        clock("render_stride_2", ours.render, T, 2)
        clock("unknown_surface", ours.unknown_surface, depth, T)
        clock("integrate", ours.integrate, rgb, depth, T)
        for env, other in enumerate(theirs):
            other.prepare(T[env], rgb[env], depth[env])
            clock("open3d_integrate", other.integrate)
            clock("open3d_ray_cast", other.ray_cast)
    area = surface_area(ours)
    blocks = ours.num_blocks(0)
    start = time.process_time()
    ours.reset([0])
    reset = 1e3 * (time.process_time() - start)
    warm = min(10, steps // 2)
    result = {
        name: clock.mean(name, warm, num_envs)
        for name in ("render", "render_stride_2", "unknown_surface", "integrate")
    }
    open3d = {name: clock.mean(name, 2 * warm, 1) for name in ("open3d_ray_cast", "open3d_integrate")}
    ratio = sum(open3d.values()) / (result["render"] + result["integrate"])
    memory = {"bytes_per_m2_in_use": round(blocks * BYTES_PER_BLOCK / area)}
    return {
        "ms_per_frame": result | open3d,
        "ms_per_frame_within_2_m": reward_cost(frames, pinhole, voxel_size),
        "reset_ms": round(reset, 3),
        "open3d_over_ours_render_plus_integrate": round(ratio, 2),
        "memory": memory | {"blocks_env_0": blocks, "surface_m2_env_0": round(area, 1)},
        "unknown_noise": unknown_noise(mesh, pinhole, voxel_size),
    }


def surface_area(reconstruction: Reconstruction) -> float:
    """Square metres of the first map's mesh."""
    vertices, triangles, _ = reconstruction.mesh(0)
    return float(trimesh.Trimesh(vertices, triangles, process=False).area)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scene")
    parser.add_argument("--envs", type=int, default=16)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--voxel-size", type=float, default=0.10)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    name, mesh = load_mesh(options.scene)
    result = measure(mesh, options.envs, options.steps, options.voxel_size, options.threads)
    setting = vars(options) | {"scene": name, "pixels": [CAMERA.height, CAMERA.width]}
    setting |= {"omp_num_threads": os.environ["OMP_NUM_THREADS"], "load_average": os.getloadavg()}
    print(json.dumps(setting | result, indent=2))


if __name__ == "__main__":
    main()
