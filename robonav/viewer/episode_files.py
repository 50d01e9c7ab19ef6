"""Export files of an episode: the protocol, and mesh, trajectory and maps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from scipy.spatial.transform import Rotation

from robonav.maps.export import save_nav2_map, write_mesh
from robonav.maps.topology.files import save_graphml
from robonav.viewer.episode_map import EpisodeMap
from robonav.viewer.replay import Recording


class EpisodeFile(ABC):
    """A file that is written while an episode is replayed."""

    @abstractmethod
    def add(self, episode: EpisodeMap) -> None:
        """Add the next step of the episode."""

    @abstractmethod
    def finish(self) -> None:
        """Complete the file after the last step."""

    def close(self) -> None:  # noqa: B027 - most have nothing to stop
        """Close the file, also after an error."""


class FileOfTheEnd(EpisodeFile):
    """A file that is written from the end of the episode.

    Args:
        recording: The episode.
        path: The file to write.
    """

    def __init__(self, recording: Recording, path: Path) -> None:
        self._path = path

    def add(self, episode: EpisodeMap) -> None:
        """Remember the episode; the object is the same at every step."""
        self._episode = episode


class MeshFile(FileOfTheEnd):
    """The reconstruction at the end of the episode, .ply or .glb by the name of the file."""

    def finish(self) -> None:
        """Write the mesh."""
        write_mesh(self._path, *self._episode.reconstruction.mesh(0))


class Nav2Map(FileOfTheEnd):
    """The occupancy map for Nav2's map_server: a .yaml and a .pgm file."""

    def finish(self) -> None:
        """Write both."""
        save_nav2_map(self._path.parent, self._episode.grid, self._path.stem)


class GraphFile(FileOfTheEnd):
    """The topological map as GraphML."""

    def finish(self) -> None:
        """Write the graph."""
        save_graphml(self._path, self._episode.graph())


class TumFile(EpisodeFile):
    """The camera trajectory in the format of the TUM RGB-D benchmark (Sturm et al. 2012), as evo reads it.

    A line is `timestamp tx ty tz qx qy qz qw`, of T_world_camera, metres. Agents step without a clock, so the
    timestamp is the number of the step.

    Args:
        recording: The episode.
        path: The file to write.
    """

    def __init__(self, recording: Recording, path: Path) -> None:
        self._path = path
        self._lines = [f"# {recording.episode_id}: step tx ty tz qx qy qz qw"]

    def add(self, episode: EpisodeMap) -> None:
        """Add one pose."""
        pose = episode.frames.T_world_camera[0].astype(float)
        numbers = [*pose[:3, 3], *Rotation.from_matrix(pose[:3, :3]).as_quat()]
        self._lines.append(" ".join([str(episode.step), *(f"{number:.6f}" for number in numbers)]))

    def finish(self) -> None:
        """Write the lines."""
        self._path.write_text("\n".join(self._lines) + "\n", encoding="utf-8")
