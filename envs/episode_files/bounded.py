"""Reading of files that may be damaged or hostile, with a size limit and typed decoding."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from robonav.envs.scenes.damage import reason_of
from robonav.envs.scenes.scene import SceneError

MAX_BYTES = 256 * 2**20  # the largest content files of public episode sets have a fifth of it
_GZIP_MAGIC = b"\x1f\x8b"

T = TypeVar("T")


def read_bounded(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Content of a plain or gzip file, unpacked.

    Raises:
        SceneError: The file is absent, damaged, or holds more than `max_bytes` (a gzip bomb holds 1000 times
            its own size).
    """
    if not path.is_file():
        raise SceneError(f"{path} is no file: expected a file of episodes, so check the path")
    try:
        with open(path, "rb") as file:
            packed = file.peek(2)[:2] == _GZIP_MAGIC
            stream: Any = gzip.GzipFile(fileobj=file) if packed else file
            content: bytes = stream.read(max_bytes + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SceneError(
            f"{path} is damaged ({error}): expected a whole gzip file, so download it again"
        ) from error
    if len(content) > max_bytes:
        raise SceneError(
            f"{path} unpacks to more than {max_bytes // 2**20} MiB: expected one scene's episodes, "
            "so split it by scene"
        )
    return content


def decode(content: bytes, kind: type[T], source: str) -> T:
    """Typed content of JSON text; fields that the type lacks are skipped.

    Raises:
        SceneError: The text is no JSON (NaN and Infinity are none either) or has other types than expected.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise SceneError(
            f"{source} is no usable list of episodes ({reason_of(error)}): mend that entry, or get the "
            "file again"
        ) from error
