"""Exceptions that damaged files cause, and their messages."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib

_LONGEST = 120

# What the decoders of JSON, YAML, NumPy and pictures raise for files that are not as they should be.
READ_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    EOFError,
    SyntaxError,
    RecursionError,
    OverflowError,
    MemoryError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def reason_of(error: BaseException) -> str:
    """A short description of the error on one line."""
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    return " ".join(str(error).split())[:_LONGEST] or type(error).__name__
