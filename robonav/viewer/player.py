"""Recorded episodes in the browser: played, paused, stepped, scrubbed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from robonav.envs.scenes.scene import SceneError
from robonav.errors import UsageError
from robonav.viewer.controls import Controls
from robonav.viewer.episode_drawing import EpisodeDrawing, look_at
from robonav.viewer.episode_map import EpisodeMap
from robonav.viewer.live import MAP_EVERY_S, VIEW_DISTANCE_M
from robonav.viewer.panel import Panel
from robonav.viewer.replay import RecordedRun, Recording

if TYPE_CHECKING:
    import viser

BUSY_S = 1.0  # a longer seek shows a message


class Player:
    """Plays the episodes of one evaluation; a step back builds the map again from the start.

    Args:
        server: Server that shows it.
        run: The recorded evaluation.
        recording: The episode that is shown first.
        voxel_size: Edge of a voxel, metres.
    """

    def __init__(
        self, server: viser.ViserServer, run: RecordedRun, recording: Recording, voxel_size: float
    ) -> None:
        self._run, self._voxel_size = run, voxel_size
        self._chooser = server.gui.add_dropdown(
            "Episode", run.episode_ids, initial_value=recording.episode_id
        )
        self._slider = server.gui.add_slider("Go to step", min=0, max=1, step=1, initial_value=0)
        self._controls = Controls(server, "10", playing=False)
        self._server, self._panel, self._drawing = server, Panel(server), EpisodeDrawing(server)
        self._wanted: int | None = None
        self._chooser.on_update(lambda _: self._controls.seek())
        self._slider.on_update(self._scrubbed)
        self._map_s = 0.0
        self._open(recording)

    def play_on(self) -> None:
        """Carry out the next command once it is due: the next step, another step, another episode."""
        due = self._controls.wait()
        if self._chooser.value != self._recording.episode_id:
            self._try_to_open(self._chooser.value)
        elif due:
            self.go_to(self.episode.step + 1)
        while self._wanted is not None:  # people move on while the map is being built
            wanted, self._wanted = self._wanted, None
            self.go_to(wanted)

    def go_to(self, step: int) -> None:
        """Show the episode after so many steps; at its end it pauses."""
        last = len(self._recording) - 1
        if step >= last:
            self._controls.play(False)
        if step < self.episode.step:
            self._restart()
        started = time.monotonic()
        while self.episode.step < min(step, last):
            self.episode.add(self._recording.frames(self.episode.step + 1))
            if self._wanted is not None:
                return
            if time.monotonic() - started > BUSY_S:
                self._panel.say(f"building the map: step {self.episode.step} of {step}")
                started = time.monotonic()
        self._draw()

    def _scrubbed(self, event: viser.GuiEvent[viser.GuiSliderHandle[int]]) -> None:
        if event.client is not None:  # moved by a person, not by `_draw`
            self._wanted = int(self._slider.value)
            self._controls.seek()

    def _try_to_open(self, episode_id: str) -> None:
        """Open another episode, or stay and show the error."""
        self._panel.say(f"loading {episode_id}")
        try:
            self._open(self._run.open(episode_id))
        except (UsageError, SceneError) as error:
            self._chooser.value = self._recording.episode_id
            self._panel.say(f"**{error}**")

    def _open(self, recording: Recording) -> None:
        self._recording = recording
        self._slider.value = 0
        self._slider.max = len(recording) - 1
        self._restart()
        look_at(self._server, self.episode.frames.position[0], VIEW_DISTANCE_M)
        self._draw()

    def _restart(self) -> None:
        self.episode = EpisodeMap(self._recording.camera, self._recording.frames(0), self._voxel_size)

    def _draw(self) -> None:
        now = time.monotonic()
        with_map = not self._controls.playing or now - self._map_s >= MAP_EVERY_S
        self._map_s = now if with_map else self._map_s
        self._slider.value = self.episode.step
        self._drawing.draw(self.episode, with_map)
        self._panel.draw(self._recording.episode_id, self.episode, self._recording.curve)
