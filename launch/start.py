"""Preparation of a process before its command."""

from __future__ import annotations

import os
import warnings
from importlib.util import find_spec

from robonav.launch.warp_start import start_warp


def prepare() -> None:
    """Prepare a process before its command: warnings in one line, Warp started quietly."""
    warnings.formatwarning = _plain_warning
    if find_spec("warp"):  # its absence is for `robonav doctor` to find
        start_warp()


def _plain_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """A warning for users in one line; where it comes from is for developers, and `line` is not shown."""
    if category is UserWarning and not os.environ.get("ROBONAV_DEBUG"):
        return f"robonav: warning: {message}\n"
    return f"{filename}:{lineno}: {category.__name__}: {message}\n"
