"""Recorded episodes as files for other tools."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from robonav.viewer.episode_files import EpisodeFile, MeshFile, TumFile
from robonav.viewer.episode_map import EpisodeMap
from robonav.viewer.replay import Recording
from robonav.viewer.rerun_file import RerunFile
from robonav.viewer.video import GifFile, Mp4File

# By the format's name, which is also how the file ends.
FORMATS: Mapping[str, Callable[[Recording, Path], EpisodeFile]] = {
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
    every: int = 1,
) -> list[Path]:
    """Replay an episode once and write what is wanted; files appear whole, all of them, or not at all.

    Args:
        recording: The episode.
        formats: Keys of `FORMATS`.
        target: The files' common path, without the ending.
        voxel_size: Edge of a voxel of the map, metres.
        advance: Called after every step.
        every: Only every k-th step is written, and the last one; the map has all of them.

    Returns:
        What was written, in the order of the formats.

    Raises:
        UsageError: A format needs what is not installed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    paths = [Path(f"{target}.{name}") for name in dict.fromkeys(formats)]
    files: list[EpisodeFile] = []
    partial = [path.with_name(f".{os.getpid()}.{path.name}") for path in paths]
    try:
        files.extend(FORMATS[path.suffix[1:]](recording, path) for path in partial)
        for episode in replayed(recording, voxel_size):
            if episode.step % every == 0 or episode.step == len(recording) - 1:
                for file in files:
                    file.add(episode)
            advance()
        for file in files:
            file.finish()
        for written, path in zip(partial, paths, strict=True):
            written.replace(path)
    finally:
        for file in files:
            file.close()
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
