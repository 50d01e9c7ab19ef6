"""Command lines by tyro, with what our own dataclasses refuse said in our own sentences."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr
from typing import Any, TypeVar

import tyro

Command = TypeVar("Command")


def parsed(command: type[Command], args: Sequence[str], **options: Any) -> Command:
    """The command that the arguments ask for.

    Raises:
        ValueError: One of its dataclasses refused a value, as it was raised; tyro would frame it.
        SystemExit: The arguments are no command line; tyro has said why.
    """
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            return tyro.cli(command, args=args, **options)
    except SystemExit as leaving:
        refused = leaving.__context__
        while refused is not None and not type(refused).__module__.startswith("robonav."):
            refused = refused.__context__
        if refused is not None:
            raise refused from None
        sys.stderr.write(said.getvalue())
        raise
