"""What an episode can be written to, and the plainest ways: its mesh, its trajectory, its maps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from scipy.spatial.transform import Rotation

from robonav.maps.export import save_nav2_map, write_mesh
from robonav.maps.topology.files import save_graphml
from robonav.viewer.episode_map import EpisodeMap
from robonav.viewer.replay import Recording


class EpisodeFile(ABC):
    """A file that is made while an episode is replayed."""

    @abstractmethod
    def add(self, episode: EpisodeMap) -> None:
        """Take in the episode as it is after its next step."""

    @abstractmethod
    def finish(self) -> None:
        """All steps were added: the file is complete when this returns."""

    def close(self) -> None:  # noqa: B027 - most have nothing to stop
        """Whatever happened, nobody writes to the file any more when this returns."""


class FileOfTheEnd(EpisodeFile):
    """A file of what the episode knows at its end.

    Args:
        recording: What is replayed.
        path: Where it is written.
    """

    def __init__(self, recording: Recording, path: Path) -> None:
        self._path = path

    def add(self, episode: EpisodeMap) -> None:
        """Remember whose end is wanted: the object is the same at every step."""
        self._episode = episode


class MeshFile(FileOfTheEnd):
    """The reconstruction at the end of the episode, .ply or .glb by the name of the file."""

    def finish(self) -> None:
        """Write the mesh."""
        write_mesh(self._path, *self._episode.reconstruction.mesh(0))


class Nav2Map(FileOfTheEnd):
    """The occupancy map as Nav2's map_server reads it: the path's name with .yaml, and with .pgm."""

    def finish(self) -> None:
        """Write both."""
        save_nav2_map(self._path.parent, self._episode.grid, self._path.stem)


class GraphFile(FileOfTheEnd):
    """The topological map as GraphML."""

    def finish(self) -> None:
        """Write the graph."""
        save_graphml(self._path, self._episode.graph())


class TumFile(EpisodeFile):
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
