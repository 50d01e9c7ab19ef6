"""Time that a procedural house takes, and the things in it.

    python benchmarks/procedural_houses.py                        # the figures of docs/procedural.md, as JSON
    python benchmarks/procedural_houses.py --picture houses.jpg   # its picture

Times are processor times of one core, the best of three runs, so that other work counts little.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import networkx as nx
import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image

from robonav.envs.scenes.procedural.houses import ProceduralHouses
from robonav.envs.scenes.procedural.textures import texture_library
from robonav.envs.scenes.scene import Scene
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raycast import RaycastSensor

Images = NDArray[np.uint8]


def percentiles(values: list[float]) -> dict[str, float]:
    """5th, 50th and 95th percentile."""
    found = np.percentile(values, [5, 50, 95])
    return {name: round(float(v), 3) for name, v in zip(("p5", "p50", "p95"), found, strict=True)}


def measure(split: str, count: int) -> dict[str, object]:
    """Generate houses and describe them."""
    start = time.process_time()
    texture_library()
    library_s = time.process_time() - start
    times, scenes = [], []
    houses = ProceduralHouses(split, count)
    for scene_id in houses.scene_ids:
        runs = []
        for _ in range(3):
            start = time.process_time()
            scene = houses.load(scene_id)
            runs.append(1e3 * (time.process_time() - start))
        times.append(min(runs))
        scenes.append(scene)
    facts = [scene.metadata for scene in scenes]
    graphs = [nx.Graph(door["rooms"] for door in fact["doors"]) for fact in facts]
    return {
        "houses": f"{split} 0 to {count - 1}",
        "texture_library_ms": round(1e3 * library_s),
        "generate_ms": percentiles(times),
        "triangles": percentiles([len(scene.triangles) for scene in scenes]),
        "rooms": percentiles([fact["rooms"] for fact in facts]),
        "share_with_10_rooms": float(np.mean([fact["rooms"] >= 10 for fact in facts])),
        "independent_loops": percentiles([len(nx.cycle_basis(graph)) for graph in graphs]),
        "dead_end_rooms": percentiles([sum(d == 1 for _, d in graph.degree) for graph in graphs]),
        "pieces_of_furniture": percentiles([fact["furniture"] for fact in facts]),
        "free_area_m2": percentiles([scene.free_space.area_m2() for scene in scenes if scene.free_space]),
        "share_with_ceiling": float(np.mean([fact["ceiling"] for fact in facts])),
    }


def views(scene: Scene, count: int, size: int) -> Images:
    """Images (H, W, 3) of the robot at random places, side by side."""
    assert scene.free_space is not None
    rng = np.random.default_rng(0)
    camera = Camera(size, size)
    positions = np.column_stack([scene.free_space.sample(rng, count), np.zeros(count)])
    sensor = RaycastSensor(scene, camera, threads=1)
    rgb, _ = sensor.render(camera.poses(positions, rng.uniform(-np.pi, np.pi, count)))
    return np.concatenate(list(rgb), axis=1)


def plan(scene: Scene, size: int) -> Images:
    """The house from above without its ceiling, seen from far away, free space in green."""
    assert scene.free_space is not None
    width, depth = scene.metadata["size_m"]
    far = 200.0
    camera = Camera(size, size, float(np.degrees(2 * np.arctan(0.52 * max(width, depth) / far))))
    T = np.eye(4, dtype=np.float32)
    T[:3, :3] = np.diag([1.0, -1.0, -1.0])
    T[:3, 3] = width / 2, depth / 2, far
    below = scene.vertices[scene.triangles][:, :, 2].min(axis=1) < scene.metadata["wall_height_m"] - 0.01
    rgb, _ = RaycastSensor(_only(scene, below), camera, threads=1).render(T[None])
    offsets = (np.arange(size) + 0.5 - size / 2) / camera.focal * far
    x, y = np.meshgrid(width / 2 + offsets, depth / 2 - offsets)
    free = scene.free_space.island_at(np.stack([x, y], axis=-1)) == 1
    return np.where(free[..., None], 0.75 * rgb[0] + np.array([0, 50, 0]), rgb[0]).astype(np.uint8)


def _only(scene: Scene, chosen: NDArray[np.bool_]) -> Scene:
    return Scene(
        scene.scene_id, scene.vertices, scene.triangles[chosen], scene.corner_colors[chosen],
        scene.corner_uvs[chosen], scene.texture_ids[chosen], scene.textures,
    )  # fmt: skip


def main(split: str = "val", count: int = 100, picture: Path | None = None, size: int = 120) -> None:
    """Measure houses, or draw some of them.

    Args:
        split: Which houses: train or val.
        count: How many to measure.
        picture: Draw plans and views of six houses into this file instead.
        size: Edge of a view in pixels.
    """
    if picture is None:
        print(json.dumps(measure(split, count), indent=2))
        return
    houses = ProceduralHouses(split, 6)
    rows = []
    for scene_id in houses.scene_ids:
        scene = houses.load(scene_id)
        rows.append(np.concatenate([plan(scene, size), views(scene, 6, size)], axis=1))
    Image.fromarray(np.concatenate(rows)).save(picture, quality=85)


if __name__ == "__main__":
    tyro.cli(main)
