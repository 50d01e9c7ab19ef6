"""Starts Warp without its notice that there is no NVIDIA driver, which is no news on a CPU."""

from __future__ import annotations

import os
import sys
import tempfile

NO_NEWS = b"Could not find or load the NVIDIA CUDA driver"


def start_warp() -> None:
    """Initialise Warp; whatever else it says on standard error (it writes there from C) is passed on."""
    import warp

    warp.config.log_level = warp.LOG_ERROR
    sys.stderr.flush()
    with tempfile.TemporaryFile() as caught:
        terminal = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            warp.init()
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
        caught.seek(0)
        said = [line for line in caught if NO_NEWS not in line]
    os.write(2, b"".join(said))
