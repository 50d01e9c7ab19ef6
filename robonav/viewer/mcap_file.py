"""An episode as MCAP with ROS 2 messages, in the format of `robonav drive --record`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from robonav.driving.driver import RobotState
from robonav.driving.recording import Recorder
from robonav.driving.robot_map import RobotMap
from robonav.envs.robots.robot import CameraFrame, Odometry, Twist
from robonav.viewer.episode_files import EpisodeFile
from robonav.viewer.episode_map import EpisodeMap
from robonav.viewer.replay import Recording

STEP_S = 0.1  # agents step without a clock: as fast as the videos


class McapFile(EpisodeFile):
    """Ten steps a second; `/cmd_vel` leads from one pose to the next, and the odometry has no error.

    Args:
        recording: The episode.
        path: The file to write.

    Raises:
        UsageError: The package `mcap-ros2-support` is missing.
    """

    def __init__(self, recording: Recording, path: Path) -> None:
        x, y, yaw = recording.picture.trajectory[0].tolist()
        self._last = Odometry(0.0, x, y, yaw)
        self._map = RobotMap(recording.camera, self._last)
        self._recorder = Recorder(path, recording.camera, self._map)

    def add(self, episode: EpisodeMap) -> None:
        """One pose and one frame."""
        stamp_s, before, frames = episode.step * STEP_S, self._last, episode.frames
        x, y, yaw = episode.poses[-1]
        turned = (yaw - before.yaw + np.pi) % (2 * np.pi) - np.pi
        passed = max(stamp_s - before.stamp_s, STEP_S)
        twist = Twist(float(np.hypot(x - before.x, y - before.y)) / passed, float(turned) / passed)
        here = Odometry(stamp_s, x, y, yaw, twist)
        frame = CameraFrame(stamp_s, frames.rgb[0], frames.depth[0])
        contact_s = STEP_S if frames.collided[0] else 0.0
        state = RobotState(stamp_s, here, twist, contact_s, frame, is_new=True)
        self._map.tick(state)
        self._recorder.tick(state)
        self._last = here

    def finish(self) -> None:
        """The index is written by `close`."""
        self._recorder.close()

    def close(self) -> None:
        """Close the file."""
        self._recorder.close()
