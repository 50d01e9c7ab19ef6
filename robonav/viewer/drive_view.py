"""A live drive in the browser: the robot's own map, and buttons for teleoperation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robonav.driving.driver import Decision, DriveObserver, RobotState
from robonav.driving.teleoperation import Teleoperation
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Frames, motion_between
from robonav.viewer.episode_drawing import EpisodeDrawing, look_at
from robonav.viewer.episode_map import EpisodeMap
from robonav.viewer.live import MAP_EVERY_S, ROBOT_EVERY_S, VIEW_DISTANCE_M
from robonav.viewer.panel import Panel
from robonav.viewer.teleoperation_panel import TeleoperationPanel
from robonav.watching import Curve

if TYPE_CHECKING:
    import viser


class DriveViewer(DriveObserver):
    """Draws the robot at every frame, and its own map (measured depth, odometry) after every decision.

    Args:
        server: Server that shows it.
        title: Title of the drive.
        camera: The robot's camera, assumed to be upright.
        teleoperation: Receives the commands of people.
        curve: Gives the main score so far.
    """

    def __init__(
        self,
        server: viser.ViserServer,
        title: str,
        camera: Camera,
        teleoperation: Teleoperation,
        curve: Callable[[], Curve],
    ) -> None:
        self._server, self._title, self._camera, self._curve = server, title, camera, curve
        self._teleoperation_panel, self._panel, self._drawing = (
            TeleoperationPanel(server, teleoperation),
            Panel(server),
            EpisodeDrawing(server),
        )
        self._latest: Frames | None = None
        self._before: NDArray[np.float64] | None = None
        self._episode: EpisodeMap | None = None
        self._robot_s = self._map_s = 0.0
        self._drawn_steps = -1

    def tick(self, state: RobotState) -> None:
        """Draw the robot, and the map if it has grown, at most at the drawing rate."""
        self._teleoperation_panel.draw()
        if state.frame is None or not state.is_new:
            return
        self._latest = self._frames(state)
        if self._episode is None:
            self._episode = EpisodeMap(self._camera, self._latest)
            look_at(self._server, self._latest.position[0], VIEW_DISTANCE_M)
        now = time.monotonic()
        if self._episode.step != self._drawn_steps and now - self._map_s >= MAP_EVERY_S:
            self._drawn_steps, self._map_s = self._episode.step, now
            self._drawing.draw(self._episode, with_map=True)
            self._panel.draw(self._title, self._episode, self._curve())
        if now - self._robot_s >= ROBOT_EVERY_S:
            self._robot_s = now
            self._drawing.draw_robot(self._episode, self._latest)

    def decided(self, decision: Decision) -> None:
        """Integrate the frame of the new pose into the map."""
        if self._episode is None or self._latest is None:
            return
        blocked = np.array([not decision.executed])
        self._episode.add(replace(self._latest, collided=blocked))

    def ended(self) -> None:
        """Draw the final state."""
        if self._episode is None or self._latest is None:
            return
        self._drawing.draw(self._episode, with_map=True)
        self._drawing.draw_robot(self._episode, self._latest)
        self._panel.draw(self._title, self._episode, self._curve())

    def _frames(self, state: RobotState) -> Frames:
        assert state.frame is not None
        here = state.odometry
        position, yaw = np.array([[here.x, here.y, 0.0]], np.float32), np.array([here.yaw], np.float32)
        pose = self._camera.poses(position, yaw)
        here_now = np.array([[here.x, here.y, here.yaw]])
        motion = motion_between(here_now if self._before is None else self._before, here_now)
        self._before = here_now
        rgb, depth = state.frame.rgb[None], state.frame.depth[None]
        return Frames(rgb, depth, pose, position, yaw, np.zeros(1, bool), motion)
