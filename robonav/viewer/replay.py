"""Replays of recorded evaluations: frames are rendered again from scene and poses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from robonav.envs.navigation.tasks import Score
from robonav.envs.navigation.tasks.task import VISIBLE_COMPLETENESS
from robonav.envs.scenes import SceneError, SceneSet, Spec, open_scenes
from robonav.envs.scenes.floors import floors_of
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raycast import RaycastSensor
from robonav.envs.sensors.views import sensor_of
from robonav.envs.world import Frames, motion_between
from robonav.errors import UsageError
from robonav.evaluation.records import read_episodes, read_map, read_settings
from robonav.evaluation.top_down_map import TopDownMap
from robonav.watching import Curve


@dataclass(frozen=True, eq=False)
class Recording:
    """One finished episode.

    Attributes:
        record: Its line in `episodes.jsonl`.
        picture: Its top-down map with the trajectory.
        sensor: Renders its frames.
        floor_z: Height of its floor, metres.
    """

    record: dict[str, Any]
    picture: TopDownMap
    sensor: RaycastSensor
    floor_z: float

    def __len__(self) -> int:
        """Number of frames: one more than steps."""
        return len(self.picture.trajectory)

    @property
    def episode_id(self) -> str:
        """Its name."""
        return str(self.record["episode_id"])

    @property
    def camera(self) -> Camera:
        """The camera of the frames."""
        return self.sensor.camera

    @property
    def curve(self) -> Curve:
        """The main score of its task over steps, as recorded."""
        return Curve.of(_main_score(self.record), self.record["curve"])

    def frames(self, step: int) -> Frames:
        """The agent's frames after a number of steps, N = 1.

        Only blocked moves leave an agent where and as it was.
        """
        before, now = self.picture.trajectory[max(step - 1, 0)], self.picture.trajectory[step]
        x, y, yaw = now
        position = np.array([[x, y, self.floor_z]], np.float32)
        pose = self.camera.poses(position, np.array([yaw]))
        rgb, depth = self.sensor.render(pose)
        blocked = step > 0 and np.array_equal(before, now)
        motion = motion_between(before[None], now[None])
        return Frames(rgb, depth, pose, position, np.array([yaw], np.float32), np.array([blocked]), motion)


class RecordedRun:
    """The folder of an evaluation.

    Args:
        folder: Output folder of `robonav evaluate`.
        scenes: Path of its scenes, if they have moved.
        width: Columns of the frames; the angle of view stays.
        threads: Threads for rendering; 0 = all cores.

    Raises:
        UsageError: It holds no finished episode, or is damaged.
        SceneError: Its scenes are missing.
    """

    def __init__(self, folder: Path, scenes: str | None = None, width: int = 128, threads: int = 0) -> None:
        if not 16 <= width <= 2048:
            raise UsageError(f"width is {width}: give 16 to 2048 columns")
        self.folder, self._width, self._threads = folder, width, threads
        self._records = {record["episode_id"]: record for record in read_episodes(folder)}
        if not self._records:
            raise UsageError(
                f"{folder} holds no finished episode: let `robonav evaluate` go on with --resume"
            )
        settings = read_settings(folder)
        self._floor: int | None = settings.get("floor")
        self._scenes = _scenes_of(folder, scenes or str(settings.get("scenes")))

    @property
    def episode_ids(self) -> list[str]:
        """Names of the finished episodes, in the order in which they finished."""
        return list(self._records)

    def open(self, episode_id: str) -> Recording:
        """Open one episode.

        Raises:
            UsageError: There is no such episode, or its scene has changed.
            SceneError: Its scene cannot be loaded.
        """
        if episode_id not in self._records:
            known = ", ".join(self.episode_ids[:3])
            raise UsageError(f"{self.folder} has no episode {episode_id}: it has {known} and so on")
        record = self._records[episode_id]
        scene = self._scenes.load(record["scene_id"])
        if scene.content_hash != record["scene_hash"]:
            raise UsageError(
                f"scene {record['scene_id']} has the content {scene.content_hash}, episode {episode_id} was "
                f"run in {record['scene_hash']}: name the scenes of that time with --scenes"
            )
        free_space = scene.free_space if self._floor is None else floors_of(scene)[self._floor]
        assert free_space is not None  # scene sets load scenes with it
        camera = _camera(record)
        camera = replace(camera, width=self._width, height=round(self._width * camera.height / camera.width))
        sensor = sensor_of(scene, camera, self._threads)
        return Recording(record, read_map(self.folder, episode_id), sensor, free_space.floor_z)


def _scenes_of(folder: Path, given: str) -> SceneSet:
    """The scenes of a run; a relative path is also looked for from the folders that the run lies in."""
    spec = Spec.parse(given)
    if spec.path != "procedural" and not Path(spec.path).exists():
        found = (parent / spec.path for parent in folder.resolve().parents)
        spec = replace(spec, path=next((str(path) for path in found if path.exists()), spec.path))
    try:
        return open_scenes(str(spec), split="val")
    except SceneError as error:
        raise SceneError(f"{error}; if the scenes of {folder} were moved, say where with --scenes") from error


def _main_score(record: dict[str, Any]) -> Score:
    """The score that a record names; those of exploration, and older ones, name none."""
    if "main_score" not in record:
        return VISIBLE_COMPLETENESS
    try:
        return Score(**record["main_score"])
    except TypeError as error:
        raise UsageError(
            f"episode {record['episode_id']} names {str(record['main_score'])[:80]} as its main score, not a "
            "name, a label and a unit: evaluate it again"
        ) from error


def _camera(record: dict[str, Any]) -> Camera:
    try:
        return Camera(**record["camera"])
    except (KeyError, TypeError) as error:
        raise UsageError(
            f"episode {record['episode_id']} has no camera, as an older robonav wrote it: evaluate it again"
        ) from error
