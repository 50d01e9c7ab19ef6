"""Every reader of files that a user may have got from somewhere, with small intact files for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.fuzz import files
from tests.envs.scenes.plan_files import (
    room_capture,
    two_rooms,
    write_gibson_floors,
    write_kth_plan,
    write_map,
    write_scan,
)


@dataclasses.dataclass(frozen=True)
class Reader:
    """A reader under test.

    Attributes:
        write: Puts intact files into an empty folder.
        read: Reads what is in that folder.
    """

    write: Callable[[Path], object]
    read: Callable[[Path], object]


def _mesh(name: str) -> Reader:
    def read(folder: Path) -> object:
        from robonav.envs.scenes.meshes.mesh_file import load_mesh_file
        from robonav.envs.scenes.meshes.placing import GUESS

        return load_mesh_file(folder / name, up=GUESS, scale=None)

    return Reader(lambda folder: files.write_box(folder / name), read)


def _scenes(write: Callable[[Path], object], spec: str = "") -> Reader:
    """Reader of a folder as `--scenes` takes it, every scene of it loaded."""

    def read(folder: Path) -> object:
        from robonav.envs.scenes import open_scenes

        scenes = open_scenes(str(folder / spec))
        return [scenes.load(scene_id) for scene_id in scenes.scene_ids]

    return Reader(write, read)


def _one_room() -> np.ndarray:
    """Floor of 2.5 m x 2 m with a column."""
    free = np.pad(np.ones((50, 40), bool), 2)
    free[20:24, 20:24] = False
    return free


def _read_dataset(folder: Path) -> object:
    from robonav.envs.scenes import open_scenes

    return open_scenes(str(folder)).scene_ids


def _read_results(folder: Path) -> object:
    from robonav.evaluation.records import RunFolder

    return RunFolder(folder, {"episodes": 3, "seed": 0}, resume=True).records()


def _read_checkpoint(folder: Path) -> object:
    from robonav.agents.checkpoint import load_policy

    return load_policy(folder / "step_1")


def _read_habitat_episodes(folder: Path) -> object:
    from robonav.envs.episode_files import read_habitat_episodes

    return list(read_habitat_episodes(folder))


def _read_episode_list(folder: Path) -> object:
    from robonav.envs.episode_files import read_episode_list

    return read_episode_list(folder / "a.jsonl").digest


# One line a reader.
READERS = {
    "glb": _mesh("a.glb"),
    "gltf": _mesh("a.gltf"),
    "ply": _mesh("a.ply"),
    "ply-ascii": _mesh("ascii.ply"),
    "obj": _mesh("a.obj"),
    "basis": Reader(files.write_basis, _mesh("a.gltf").read),
    "dataset": Reader(files.write_dataset, _read_dataset),
    "results": Reader(files.write_results, _read_results),
    "checkpoint": Reader(files.write_checkpoint, _read_checkpoint),
    "habitat-episodes": Reader(files.write_habitat_episodes, _read_habitat_episodes),
    "episode-list": Reader(files.write_episode_list, _read_episode_list),
    "ros-map": _scenes(lambda folder: write_map(folder, _one_room()), "map.yaml"),
    "ros-map-png": _scenes(lambda folder: write_map(folder, _one_room(), "map.png")),
    "gibson-floors": _scenes(lambda folder: write_gibson_floors(folder, {"Abc": np.ones((20, 15), bool)})),
    "kth-floorplans": _scenes(lambda folder: write_kth_plan(folder / "50000001", two_rooms())),
    "room-scan": _scenes(lambda folder: write_scan(folder / "a.json", room_capture()), "a.json"),
}
