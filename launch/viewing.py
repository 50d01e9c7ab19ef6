"""--view: a run that goes on, in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import viser

    from robonav.watching import Viewer


def open_viewer(wanted: bool) -> Viewer:
    """A viewer that browsers can connect to, or nobody.

    Raises:
        UsageError: It is wanted, and viser is not installed.
    """
    from robonav.watching import NullViewer

    if not wanted:
        return NullViewer()
    from robonav.viewer.live import LiveViewer

    return LiveViewer(open_server())


def open_server() -> viser.ViserServer:
    """A server for browsers, whose address is told.

    Raises:
        UsageError: viser is not installed.
    """
    from robonav.viewer.server import DEFAULT_PORT, address, start_server

    server = start_server(DEFAULT_PORT)
    print(f"open {address(server)} in a browser", flush=True)
    return server
