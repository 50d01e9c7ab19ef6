"""A cache of arrays on disk: bounded, checksummed, shared by processes, and optional."""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path
from safetensors import SafetensorError
from safetensors.numpy import save_file

DEFAULT_LIMIT_GB = 10.0
_CHECKSUM = "checksum"
_TYPES = {"U8": np.uint8, "I32": np.int32, "U32": np.uint32, "F32": np.float32}  # by their name in the file
_ABANDONED_S = 3600.0  # a writer that has not finished by then was killed

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class ArrayCache:
    """A folder of entries, each one atomically written .safetensors file.

    Several processes may use it at once. On a full or read-only disk entries are not
    kept, with a warning.

    Attributes:
        folder: Folder of the entries; created with the first one.
        limit_bytes: Limit of the total size; the least recently used entries go first. 0 keeps nothing.
    """

    folder: Path
    limit_bytes: int

    @classmethod
    def of_user(cls) -> ArrayCache:
        """The cache in ROBONAV_CACHE, else the user's cache folder, of ROBONAV_CACHE_GB (10 by default)."""
        folder = os.environ.get("ROBONAV_CACHE") or user_cache_path("robonav", appauthor=False) / "scenes"
        limit = os.environ.get("ROBONAV_CACHE_GB", "")
        try:
            gigabytes = float(limit) if limit else DEFAULT_LIMIT_GB
        except ValueError:
            warnings.warn(f"ROBONAV_CACHE_GB is {limit!r}: expected a number; 10 is used", stacklevel=2)
            gigabytes = DEFAULT_LIMIT_GB
        return cls(Path(folder), int(min(max(gigabytes, 0.0), 1e9) * 1e9))

    def read(self, key: str) -> Arrays | None:
        """The arrays of an entry, read-only; None if it is absent, or with a warning if it is damaged.

        The file is memory-mapped: processes share its pages, and nothing is copied.
        """
        path = self._path(key)
        try:
            arrays = _mapped(path)
            stored = arrays.pop(_CHECKSUM, np.zeros(0, np.uint32))
            if stored.tolist() == [_checksum(arrays)]:
                with contextlib.suppress(OSError):
                    os.utime(path)  # used now: the last to be thrown out
                return arrays
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, KeyError, ValueError, TypeError, AttributeError):
            pass  # cannot be read, which is as bad as a wrong checksum
        warnings.warn(f"{path} is damaged: it is made again from the scene's own file", stacklevel=2)
        return None

    def write(self, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write an entry atomically: concurrent readers see all of it or none."""
        size = sum(array.nbytes for array in arrays.values())
        if size > self.limit_bytes:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._make_room(size)
            self._write(self._path(key), {name: np.ascontiguousarray(a) for name, a in arrays.items()})
        except (OSError, SafetensorError) as error:
            reason = getattr(error, "strerror", None) or error
            warnings.warn(f"{self.folder}: the scene is not kept for next time ({reason})", stacklevel=2)

    def entries(self) -> list[tuple[Path, os.stat_result]]:
        """The files of all entries, the least recently used first."""
        found = []
        for path in self.folder.glob("*.safetensors"):
            with contextlib.suppress(OSError):  # another process has just thrown it out
                found.append((path, path.stat()))
        return sorted(found, key=lambda entry: entry[1].st_mtime)

    def size_bytes(self) -> int:
        """Total size of all entries."""
        return sum(stat.st_size for _, stat in self.entries())

    def clear(self) -> None:
        """Remove all entries.

        Raises:
            OSError: An entry cannot be removed.
        """
        for path in (*self.folder.glob("*.safetensors"), *self.folder.glob("*.partial")):
            path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"

    def _write(self, path: Path, arrays: Arrays) -> None:
        partial = self.folder / f"{path.stem}.{uuid.uuid4().hex}.partial"
        try:
            save_file({**arrays, _CHECKSUM: np.array([_checksum(arrays)], dtype=np.uint32)}, partial)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        for path in self.folder.glob("*.partial"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _ABANDONED_S:
                    path.unlink()
        entries = self.entries()
        excess = sum(stat.st_size for _, stat in entries) + size - self.limit_bytes
        for path, stat in entries:
            if excess <= 0:
                return
            with contextlib.suppress(OSError):
                path.unlink()
                excess -= stat.st_size


def _mapped(path: Path) -> Arrays:
    """The arrays of a .safetensors file: 8 bytes of length, a JSON header of that length, the data."""
    content = np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))
    start = 8 + int.from_bytes(content[:8].tobytes(), "little")
    header = json.loads(content[8:start].tobytes())
    arrays = {}
    for name, about in header.items():
        first, end = about["data_offsets"]
        arrays[name] = content[start + first : start + end].view(_TYPES[about["dtype"]])
        arrays[name] = arrays[name].reshape(about["shape"])
    return arrays


def _checksum(arrays: Mapping[str, NDArray[Any]]) -> int:
    """CRC-32 of names, types, shapes and contents; it detects damage, not malice."""
    checksum = 0
    for name in sorted(arrays):
        array = arrays[name]
        checksum = zlib.crc32(f"{name} {array.dtype.str} {array.shape} ".encode(), checksum)
        checksum = zlib.crc32(array.reshape(-1).view(np.uint8).data, checksum)
    return checksum
