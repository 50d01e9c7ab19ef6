"""Recorded episodes as files for other tools: mesh, trajectory, video, rerun."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from scipy.spatial.transform import Rotation

from robonav.maps.export import write_mesh
from robonav.viewer.episode_map import EpisodeMap
from robonav.viewer.replay import Recording
from robonav.viewer.rerun_file import RerunFile
from robonav.viewer.video import GifFile, Mp4File


class Export(Protocol):
    """A file that is made while an episode is replayed."""

    def add(self, episode: EpisodeMap) -> None:
        """Take in the episode as it is after its next step."""

    def finish(self) -> None:
        """All steps were added: the file is complete when this returns."""


class MeshFile:
    """The reconstruction at the end of the episode, .ply or .glb by the name of the file.

    Args:
        recording: What is replayed.
        path: Where it is written.
    """

    def __init__(self, recording: Recording, path: Path) -> None:
        self._path = path

    def add(self, episode: EpisodeMap) -> None:
        """Remember whose mesh is wanted: the object is the same at every step."""
        self._episode = episode

    def finish(self) -> None:
        """Write the mesh."""
        write_mesh(self._path, *self._episode.reconstruction.mesh(0))


class TumFile:
    """The camera's way in the format of the TUM RGB-D benchmark (Sturm et al. 2012), read by evo and others.

    A line is `timestamp tx ty tz qx qy qz qw`, of T_world_camera, metres. Agents step without a clock, so the
    timestamp is the number of the step.

    Args:
        recording: What is replayed.
        path: Where it is written.
    """

    def __init__(self, recording: Recording, path: Path) -> None:
        self._path = path
        self._lines = [f"# {recording.episode_id}: step tx ty tz qx qy qz qw"]

    def add(self, episode: EpisodeMap) -> None:
        """One pose."""
        pose = episode.frames.T_world_camera[0].astype(float)
        numbers = [*pose[:3, 3], *Rotation.from_matrix(pose[:3, :3]).as_quat()]
        self._lines.append(" ".join([str(episode.step), *(f"{number:.6f}" for number in numbers)]))

    def finish(self) -> None:
        """Write the lines."""
        self._path.write_text("\n".join(self._lines) + "\n", encoding="utf-8")


# By the format's name, which is also how the file ends.
FORMATS: Mapping[str, Callable[[Recording, Path], Export]] = {
    "ply": MeshFile,
    "glb": MeshFile,
    "tum": TumFile,
    "gif": GifFile,
    "mp4": Mp4File,
    "rrd": RerunFile,
}


def export_episode(
    recording: Recording,
    formats: Sequence[str],
    target: Path,
    voxel_size: float,
    advance: Callable[[], None],
) -> list[Path]:
    """Replay an episode once and write what is wanted; files appear whole, all of them, or not at all.

    Args:
        recording: The episode.
        formats: Keys of `FORMATS`.
        target: The files' common path, without the ending.
        voxel_size: Edge of a voxel of the map, metres.
        advance: Called after every step.

    Returns:
        What was written, in the order of the formats.

    Raises:
        UsageError: A format needs what is not installed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    paths = [Path(f"{target}.{name}") for name in dict.fromkeys(formats)]
    partial = [path.with_name(f".{os.getpid()}.{path.name}") for path in paths]
    try:
        exports = [FORMATS[path.suffix[1:]](recording, path) for path in partial]
        for episode in replayed(recording, voxel_size):
            for export in exports:
                export.add(episode)
            advance()
        for export in exports:
            export.finish()
        for written, path in zip(partial, paths, strict=True):
            written.replace(path)
    finally:
        for path in partial:
            path.unlink(missing_ok=True)
    return paths


def replayed(recording: Recording, voxel_size: float) -> Iterator[EpisodeMap]:
    """The episode at its start and after each of its steps: one object, which goes on."""
    episode = EpisodeMap(recording.camera, recording.frames(0), voxel_size)
    yield episode
    for step in range(1, len(recording)):
        episode.add(recording.frames(step))
        yield episode
