"""RGB-D frames per second, and their ratio to the bare cast of the same rays by Open3D in the same run.

    pip install 'robonav[open3d]'
    python benchmarks/render_speed.py [--threads 2]

prints one JSON object. It also renders one frame in each of many procedural houses, as training does, by
rasterisation and by ray casting. AwsSmallHouse is measured where ../shared/data is beside the checkout.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import open3d as o3d
import tyro

from robonav.envs.scenes import Scene, open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raster.sensor import RasterSensor
from robonav.envs.sensors.raycast import RaycastSensor
from robonav.envs.sensors.views import render_views

HM3D = Path(__file__).resolve().parents[2] / "shared" / "data" / "scene_datasets" / "hm3d"


@dataclass(frozen=True)
class Options:
    """Options of the measurement."""

    threads: int = 2
    """Threads of both the sensor and the bare cast."""
    frames: int = 64
    """Poses, drawn at random on the free floor."""
    seconds: float = 4.0
    """Time for each scene and batch size."""
    batches: tuple[int, ...] = (1, 64)
    """Frames rendered in one call."""
    houses: int = 32
    """Procedural houses in which both renderers draw one frame each."""


def interleaved_times(
    calls: dict[str, Callable[[], Any]], seconds: float, clock: Callable[[], float] = time.perf_counter
) -> dict[str, np.ndarray]:
    """Seconds of each call, taken in turns, so that other load on the machine hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, call in calls.items():
            start = clock()
            call()
            times[name].append(clock() - start)
    return {name: np.array(values) for name, values in times.items()}


def rays_of(camera: Camera, poses: np.ndarray) -> o3d.core.Tensor:
    """The same rays for Open3D, made without the sensor."""
    directions = np.einsum("nij,hwj->nhwi", poses[:, :3, :3], camera.directions())
    origins = np.broadcast_to(poses[:, None, None, :3, 3], directions.shape)
    return o3d.core.Tensor.from_numpy(
        np.concatenate([origins, directions], -1).reshape(-1, 6).astype(np.float32)
    )


def random_poses(scene: Scene, camera: Camera, rng: np.random.Generator, count: int) -> np.ndarray:
    """Poses (count, 4, 4) on the free floor."""
    assert scene.free_space is not None
    xy = scene.free_space.sample(rng, count)
    positions = np.column_stack([xy, np.full(count, scene.free_space.floor_z)])
    return camera.poses(positions, rng.uniform(-np.pi, np.pi, count))


def compare_renderers(options: Options) -> list[dict[str, Any]]:
    """One record for each number of threads: one frame in each house, rasterised in one call, and by rays."""
    houses = open_scenes("procedural", split="train")
    camera, rng = Camera(), np.random.default_rng(0)
    scenes = [houses.load(scene_id) for scene_id in houses.scene_ids[: options.houses]]
    poses = np.concatenate([random_poses(scene, camera, rng, 1) for scene in scenes])
    rgb = np.zeros((len(scenes), camera.height, camera.width, 3), np.uint8)
    depth = np.zeros(rgb.shape[:3], np.float32)
    records = []
    for threads in range(1, options.threads + 1):
        calls: dict[str, Callable[[], Any]] = {
            name: partial(
                render_views,
                {k: kind(scene, camera, threads) for k, scene in enumerate(scenes)},
                *(poses, rgb, depth),
            )
            for name, kind in (("raster", RasterSensor), ("rays", RaycastSensor))
        }
        record: dict[str, Any] = {
            "houses": len(scenes),
            "triangles_mean": round(float(np.mean([len(scene.triangles) for scene in scenes]))),
            "threads": threads,
        }
        for unit, clock in (("cpu_ms", time.process_time), ("ms", time.perf_counter)):
            for name, seconds in interleaved_times(calls, options.seconds, clock).items():
                ms_per_frame = seconds * 1e3 / len(scenes)
                record[f"{name}_{unit}_per_frame"] = round(float(np.median(ms_per_frame)), 3)
                record[f"{name}_{unit}_per_frame_best"] = round(float(ms_per_frame.min()), 3)
        records.append(record)
    return records


def measure(scene: Scene, options: Options) -> list[dict[str, Any]]:
    """One record for each batch size."""
    camera = Camera()
    poses = random_poses(scene, camera, np.random.default_rng(0), options.frames)
    sensor = RaycastSensor(scene, camera, options.threads)
    bare = o3d.t.geometry.RaycastingScene(nthreads=options.threads)
    bare.add_triangles(
        o3d.core.Tensor.from_numpy(scene.vertices),
        o3d.core.Tensor.from_numpy(scene.triangles.astype(np.uint32)),
    )
    records = []
    for batch in options.batches:
        chunks = [poses[k : k + batch] for k in range(0, options.frames, batch)]
        rays = [rays_of(camera, chunk) for chunk in chunks]
        times = interleaved_times(
            {
                "rgbd": lambda chunks=chunks: [sensor.render(chunk) for chunk in chunks],  # type: ignore[misc]
                "cast": lambda rays=rays: [bare.cast_rays(r, nthreads=options.threads) for r in rays],  # type: ignore[misc]
            },
            options.seconds,
        )
        records.append(
            {
                "scene": scene.scene_id,
                "triangles": len(scene.triangles),
                "frames_per_call": batch,
                "rgbd_frames_per_s": round(options.frames / np.median(times["rgbd"])),
                "rgbd_frames_per_s_best": round(options.frames / times["rgbd"].min()),
                "bare_cast_frames_per_s": round(options.frames / np.median(times["cast"])),
                "bare_cast_frames_per_s_best": round(options.frames / times["cast"].min()),
                "ratio": round(float(np.median(times["cast"]) / np.median(times["rgbd"])), 3),
            }
        )
    return records


def main(options: Options) -> None:
    houses = open_scenes("procedural")
    scenes = [houses.load(houses.scene_ids[0])]
    if HM3D.is_dir():
        scenes.insert(0, open_scenes(str(HM3D), split="minival").load("hm3d/minival/00901-AwsSmallHouse"))
    report = {
        "what": "RGB-D at 64x64, 90 degrees, against the bare cast of the same rays by Open3D's Embree",
        "threads": options.threads,
        "machine": platform.processor() or platform.machine(),
        "open3d": o3d.__version__,
        "results": [record for scene in scenes for record in measure(scene, options)],
        "houses": compare_renderers(options),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
