"""Controls of a run in the browser: play, pause, step, speed, seek."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import viser

SPEEDS = ("1", "2", "5", "10", "20", "50", "as fast as possible")


class Controls:
    """Buttons that all browsers share; their callbacks run in the server's threads.

    Args:
        server: Server that shows them.
        speed: Initial steps per second, one of `SPEEDS`.
        playing: Whether the run starts without Play.
    """

    def __init__(self, server: viser.ViserServer, speed: str, playing: bool) -> None:
        self._changed = threading.Condition()
        self._playing, self._single, self._seek = playing, False, False
        self._last_s = 0.0
        self._play = server.gui.add_button("Pause" if playing else "Play")
        self._step = server.gui.add_button("Step", hint="One step, then pause")
        self._speed = server.gui.add_dropdown("Steps/s", SPEEDS, initial_value=speed)
        self._play.on_click(lambda _: self.play(not self._playing))
        self._step.on_click(lambda _: self.step())
        self._speed.on_update(lambda _: self.wake())

    @property
    def playing(self) -> bool:
        """Whether the run is playing."""
        return self._playing

    def play(self, playing: bool) -> None:
        """Play or pause."""
        with self._changed:
            self._playing = playing
            self._play.label = "Pause" if playing else "Play"
            self._changed.notify_all()

    def step(self) -> None:
        """Take one step, and pause."""
        with self._changed:
            self._single = True
        self.play(False)

    def seek(self) -> None:
        """Wake the waiting thread after a seek."""
        with self._changed:
            self._seek = True
            self._changed.notify_all()

    def wake(self) -> None:
        """Wake the waiting thread after a change of speed or state."""
        with self._changed:
            self._changed.notify_all()

    def wait(self) -> bool:
        """Wait for the next step; True when it is due, False after a seek."""
        with self._changed:
            while not (self._seek or self._single):
                left = self._last_s + self._pause_s() - time.monotonic() if self._playing else None
                if left is not None and left <= 0:
                    break
                self._changed.wait(left)
            sought, self._seek = self._seek, False
            if not sought:
                self._single = False
                self._last_s = time.monotonic()
            return not sought

    def _pause_s(self) -> float:
        return 1 / int(self._speed.value) if self._speed.value.isdigit() else 0.0
