"""Buttons and keys with which people take over from a pilot, in any browser that looks on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from robonav.driving.take_over import TakeOver
from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT

if TYPE_CHECKING:
    import viser

_DRIVES = {True: "**a person drives**", False: "the policy drives"}


class Wheel:
    """Stop, forward, left, right, take over, hand back: all browsers share them.

    The keys are commands of viser's, as its page tells nothing of other keys; W, A, S, D, Q, E and the arrows
    are not free, they move the view.

    Args:
        server: Where they are shown.
        take_over: What they act on.
    """

    def __init__(self, server: viser.ViserServer, take_over: TakeOver) -> None:
        self._take_over = take_over
        self._drives = server.gui.add_markdown(_DRIVES[False])
        self._last = False
        self._add(server, "Stop", "K", "At once; the step that the robot is in is taken back", take_over.stop)
        for label, key, what, action in (
            ("Forward", "I", "0.25 m", FORWARD),
            ("Left", "J", "15°", LEFT),
            ("Right", "L", "15°", RIGHT),
        ):
            self._add(server, label, key, what, partial(take_over.steer, action))
        self._add(server, "Take over", "T", "After the step that the robot is in", take_over.take_over)
        self._add(server, "Hand back", "H", "The policy drives on", take_over.hand_back)

        @server.on_client_connect
        async def joined(
            _: viser.ClientHandle,
        ) -> None:  # in no thread: they end earlier
            take_over.joined()

        @server.on_client_disconnect
        async def left(_: viser.ClientHandle) -> None:
            take_over.left()

    def draw(self) -> None:
        """Say who drives."""
        if self._take_over.by_person != self._last:
            self._last = self._take_over.by_person
            self._drives.content = _DRIVES[self._last]

    @staticmethod
    def _add(
        server: viser.ViserServer, label: str, key: viser.HotkeyKey, hint: str, act: Callable[[], None]
    ) -> None:
        color = "red" if label == "Stop" else None
        button = server.gui.add_button(f"{label} ({key})", hint=hint, color=color)
        button.on_click(lambda _: act())
        server.gui.add_command(label, description=hint, hotkey=key).on_trigger(lambda _: act())
