"""The server that browsers connect to; the only module that imports viser."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from robonav.errors import UsageError

if TYPE_CHECKING:
    import viser

DEFAULT_PORT = 8080


def start_server(port: int) -> viser.ViserServer:
    """A server for this machine's browsers, at this port or the next free one; 0 = any.

    Raises:
        UsageError: viser is not installed, or the port is invalid.
    """
    if not 0 <= port < 65536:
        raise UsageError(f"port is {port}: give one from 0 (any free one) to 65535, such as {DEFAULT_PORT}")
    try:
        import viser
    except ImportError as error:
        raise UsageError(f"viser is missing ({error}): pip install 'robonav[view]'") from error
    server = viser.ViserServer(host="127.0.0.1", port=port, label="robonav", verbose=False)
    buffer = server._websock_server._broadcast_buffer
    buffer.message_event = _SetAtHome(buffer.event_loop)
    server.gui.main_panel.dock_right()
    server.scene.set_up_direction("+z")
    server.scene.configure_default_lights(cast_shadow=False)  # surfaces have the light that they were seen in
    return server


class _SetAtHome(asyncio.Event):
    """Wakes viser's clients in the thread of the server's loop only.

    viser 1.1.1 also sets its event in the thread that draws. If a client begins or ends to wait just then,
    that raises "deque mutated during iteration" there, and what draws is a drive or a training run. viser
    asks its loop to set the event right afterwards, so nothing is lost by waiting for that.
    """

    def __init__(self, home: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._home = home

    def set(self) -> None:
        if asyncio._get_running_loop() is self._home:
            super().set()


def address(server: viser.ViserServer) -> str:
    """The URL to open in a browser."""
    return f"http://127.0.0.1:{server.get_port()}"
