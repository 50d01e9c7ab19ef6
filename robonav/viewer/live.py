"""A live run in the browser: `--view`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Frames
from robonav.errors import UsageError
from robonav.viewer.controls import Controls
from robonav.viewer.episode_drawing import EpisodeDrawing, look_at
from robonav.viewer.episode_map import EpisodeMap
from robonav.viewer.panel import Panel
from robonav.watching import Curve

if TYPE_CHECKING:
    import viser

ROBOT_EVERY_S, MAP_EVERY_S = 0.05, 0.5
VIEW_DISTANCE_M = 9.0


class LiveViewer:
    """Shows the first agent of a live run; pausing the viewer pauses the run.

    Drawing is limited in time, not in steps: a run that is fast is drawn less often.

    Args:
        server: Server that shows it.
    """

    def __init__(self, server: viser.ViserServer) -> None:
        self._controls = Controls(server, "as fast as possible", playing=True)
        self._server, self._panel, self._drawing = server, Panel(server), EpisodeDrawing(server)
        self._robot_s = self._map_s = 0.0

    def begin(self, title: str, camera: Camera | None, frames: Frames) -> None:
        """Start showing a new episode.

        Raises:
            UsageError: The frames have no images.
        """
        if camera is None or frames.rgb is None:
            raise UsageError("the viewer shows what a camera sees, and this world has none: leave --view out")
        self._title, self._episode = title, EpisodeMap(camera, frames.of(0))
        self._robot_s = self._map_s = 0.0
        look_at(self._server, frames.position[0], VIEW_DISTANCE_M)
        self._draw(Curve)

    def show(self, frames: Frames, curve: Callable[[], Curve]) -> None:
        """Add the newest frames, draw them at most at the drawing rate, and wait while paused."""
        self._episode.add(frames.of(0))
        self._draw(curve)

    def _draw(self, curve: Callable[[], Curve]) -> None:
        now, paused = time.monotonic(), not self._controls.playing
        if paused or now - self._robot_s >= ROBOT_EVERY_S:
            with_map = paused or now - self._map_s >= MAP_EVERY_S
            self._drawing.draw(self._episode, with_map)
            self._panel.draw(self._title, self._episode, curve())
            self._robot_s, self._map_s = now, now if with_map else self._map_s
        self._controls.wait()
