"""Recorded episodes as files for other tools."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from robonav.viewer.episode_files import EpisodeFile, GraphFile, MeshFile, Nav2Map, TumFile
from robonav.viewer.episode_map import EpisodeMap
from robonav.viewer.mcap_file import McapFile
from robonav.viewer.replay import Recording
from robonav.viewer.rerun_file import RerunFile
from robonav.viewer.video import GifFile, Mp4File

# By the format's name, which is also how the file ends; nav2 is two files, .yaml and .pgm.
FORMATS: Mapping[str, Callable[[Recording, Path], EpisodeFile]] = {
    "ply": MeshFile,
    "glb": MeshFile,
    "tum": TumFile,
    "nav2": Nav2Map,
    "graphml": GraphFile,
    "mcap": McapFile,
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
    """Replay an episode once and write it in some formats; all files are written, or none.

    Args:
        recording: The episode.
        formats: Keys of `FORMATS`.
        target: Common path of the files, without suffix.
        voxel_size: Edge of a voxel of the map, metres.
        advance: Called after every step.
        every: Only every k-th step is written, and the last one; the map has all of them.

    Returns:
        The written files.

    Raises:
        UsageError: A format needs a package that is not installed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        partial = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-")))
        files: list[EpisodeFile] = []
        for name in dict.fromkeys(formats):
            files.append(FORMATS[name](recording, partial / f"{target.name}.{name}"))
            stack.callback(files[-1].close)
        for episode in replayed(recording, voxel_size):
            if episode.step % every == 0 or episode.step == len(recording) - 1:
                for file in files:
                    file.add(episode)
            advance()
        for file in files:
            file.finish()
        written = sorted(partial.iterdir())
        return [path.replace(target.parent / path.name) for path in written]


def replayed(recording: Recording, voxel_size: float) -> Iterator[EpisodeMap]:
    """Yield the episode at its start and after each step; the object is updated in place."""
    episode = EpisodeMap(recording.camera, recording.frames(0), voxel_size)
    yield episode
    for step in range(1, len(recording)):
        episode.add(recording.frames(step))
        yield episode
