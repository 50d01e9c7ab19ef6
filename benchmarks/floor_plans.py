"""The table of docs/scenes/floor_plans.md: size, time and faithfulness of worlds made from floor plans.

    python benchmarks/floor_plans.py ../shared/data/gibson_floors
    python benchmarks/floor_plans.py ../shared/data/kth_floorplans --oracle-every 4

Times are processor time of one thread. `kept` is for grids of agent centres (gibson_floors) only: how much of
their free area is free in the world. The oracle is `free_space_of`, which knows nothing but the mesh.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from robonav.envs.scenes import open_scenes
from robonav.envs.scenes.free_space import free_space_of
from robonav.envs.scenes.procedural.textures import texture_library
from robonav.envs.scenes.scene import FreeSpace, Scene


@dataclass(frozen=True)
class Options:
    """Options of the measurement."""

    scenes: tyro.conf.Positional[Path]
    """A map.yaml, or a folder of plans."""
    oracle_every: int = 10
    """Compare every so many scenes with their mesh, which takes seconds each."""


def main(options: Options) -> None:
    texture_library()  # once a process
    rows: dict[str, list[float]] = {}
    for split in ("train", "val"):
        scenes = open_scenes(str(options.scenes), split)
        for number, scene_id in enumerate(scenes.scene_ids):
            started = time.process_time()
            scene = scenes.load(scene_id)
            found = {"processor time, s": time.process_time() - started} | figures(scene)
            if number % options.oracle_every == 0 and scene.free_space is not None:
                mesh = free_space_of(scene.vertices, scene.triangles)
                found["free here, free by the mesh, %"] = shared(scene.free_space, mesh)
                found["free by the mesh, free here, %"] = shared(mesh, scene.free_space)
            for name, value in found.items():
                rows.setdefault(name, []).append(value)
    print("| | least | median | most |\n|---|---|---|---|")
    for name, values in rows.items():
        print(f"| {name} ({len(values)}) | {min(values):.3g} | {np.median(values):.3g} | {max(values):.3g} |")


def figures(scene: Scene) -> dict[str, float]:
    assert scene.free_space is not None
    names = ("rooms", "doors", "obstacles", "furniture")
    area = scene.free_space.area_m2()
    found = {"triangles": float(len(scene.triangles)), "free area, m²": area}
    found |= {name: float(scene.metadata[name]) for name in names}
    file = Path(scene.metadata["file"])
    if file.suffix == ".npy":
        given = np.count_nonzero(np.load(file, allow_pickle=False)) * 0.01
        found["kept, %"] = (
            100 * np.count_nonzero(scene.free_space.islands) * scene.free_space.cell_size**2 / given
        )
    return found


def shared(space: FreeSpace, other: FreeSpace) -> float:
    points = space.centres(np.argwhere(space.islands > 0))
    return 100 * float((other.island_at(points) > 0).mean())


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
