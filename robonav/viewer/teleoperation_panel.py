"""Buttons and keys in the browser with which a person takes over from the pilot (teleoperation)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from robonav.driving.teleoperation import Teleoperation
from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT

if TYPE_CHECKING:
    import viser

_DRIVES = {True: "**a person drives**", False: "the policy drives"}


class TeleoperationPanel:
    """Buttons for stop, forward, left, right, take over and hand back; all browsers share them.

    The keys are viser commands, because viser reports no other keys. W, A, S, D, Q, E and the arrows move the
    view and are not available.

    Args:
        server: Server that shows the buttons.
        teleoperation: Receives the commands.
    """

    def __init__(self, server: viser.ViserServer, teleoperation: Teleoperation) -> None:
        self._teleoperation = teleoperation
        self._drives = server.gui.add_markdown(_DRIVES[False])
        self._last = False
        self._add(
            server, "Stop", "K", "At once; the step that the robot is in is taken back", teleoperation.stop
        )
        for label, key, what, action in (
            ("Forward", "I", "0.25 m", FORWARD),
            ("Left", "J", "15°", LEFT),
            ("Right", "L", "15°", RIGHT),
        ):
            self._add(server, label, key, what, partial(teleoperation.steer, action))
        self._add(server, "Take over", "T", "After the step that the robot is in", teleoperation.take_over)
        self._add(server, "Hand back", "H", "The policy drives on", teleoperation.hand_back)

        @server.on_client_connect
        async def joined(
            _: viser.ClientHandle,
        ) -> None:  # in no thread: they end earlier
            teleoperation.joined()

        @server.on_client_disconnect
        async def left(_: viser.ClientHandle) -> None:
            teleoperation.left()

    def draw(self) -> None:
        """Show whether a person or the policy drives."""
        if self._teleoperation.by_person != self._last:
            self._last = self._teleoperation.by_person
            self._drives.content = _DRIVES[self._last]

    @staticmethod
    def _add(
        server: viser.ViserServer, label: str, key: viser.HotkeyKey, hint: str, act: Callable[[], None]
    ) -> None:
        color = "red" if label == "Stop" else None
        button = server.gui.add_button(f"{label} ({key})", hint=hint, color=color)
        button.on_click(lambda _: act())
        server.gui.add_command(label, description=hint, hotkey=key).on_trigger(lambda _: act())
