"""Recordings for rerun (https://rerun.io): the growing map, the camera and reward and score over steps."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np

from robonav.errors import UsageError
from robonav.viewer.episode_files import EpisodeFile
from robonav.viewer.episode_map import EpisodeMap
from robonav.viewer.replay import Recording
from robonav.watching import Curve

MAP_EVERY = 8  # logged steps; a part of the map that changes is logged whole


class RerunFile(EpisodeFile):
    """An .rrd file with the timeline "step".

    Args:
        recording: The episode.
        path: The file to write.

    Raises:
        UsageError: rerun-sdk is not installed.
    """

    def __init__(self, recording: Recording, path: Path) -> None:
        try:
            rerun = importlib.import_module("rerun")
        except ImportError as error:
            raise UsageError(f"rerun-sdk is missing ({error}): pip install 'robonav[rerun]'") from error
        self._rerun, self._last, self._logged = rerun, len(recording) - 1, 0
        self._stream = rerun.RecordingStream("robonav", recording_id=recording.episode_id)
        self._stream.save(str(path))
        camera = recording.camera
        self._stream.log("world", rerun.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
        pinhole = rerun.Pinhole(width=camera.width, height=camera.height, focal_length=camera.focal)
        self._stream.log("world/camera", pinhole, static=True)
        self._log_score(recording.curve)

    def add(self, episode: EpisodeMap) -> None:
        """Log the next step."""
        rerun, stream, frames = self._rerun, self._stream, episode.frames
        pose = frames.T_world_camera[0]
        stream.set_time("step", sequence=episode.step)
        stream.log("world/camera", rerun.Transform3D(translation=pose[:3, 3], mat3x3=pose[:3, :3]))
        stream.log("world/camera", rerun.Image(frames.rgb[0]).compress(jpeg_quality=90))
        stream.log("reward", rerun.Scalars(episode.rewards[-1]))
        if self._logged % MAP_EVERY == 0 or episode.step == self._last:
            self._log_map(episode)
        self._logged += 1

    def finish(self) -> None:
        """Flush the stream."""
        self.close()

    def close(self) -> None:
        """Stop the thread that writes."""
        self._stream.disconnect()

    def _log_score(self, curve: Curve) -> None:
        if curve.step:
            label = self._rerun.SeriesLines(names=curve.score.title)
            self._stream.log(curve.score.name, label, static=True)
        for step, value in zip(curve.step, curve.value, strict=True):
            self._stream.set_time("step", sequence=step)
            self._stream.log(curve.score.name, self._rerun.Scalars(value))

    def _log_map(self, episode: EpisodeMap) -> None:
        way = np.c_[np.array(episode.poses)[:, :2], np.full(len(episode.poses), episode.floor_z)]
        self._stream.log("world/way", self._rerun.LineStrips3D([way]))
        for part, (vertices, triangles, colors) in episode.surface.update().items():
            name = "world/map/" + "_".join(map(str, part))
            mesh = self._rerun.Mesh3D(
                vertex_positions=vertices, triangle_indices=triangles, vertex_colors=colors
            )
            self._stream.log(name, mesh if len(triangles) else self._rerun.Clear(recursive=False))
