"""Guards of a folder that is written, against a full disk and a second writer."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from robonav.errors import UsageError

LOCK, HOLDER = ".writer.lock", ".writer.pid"


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Let an error of the system say which file it met, which a write to a full disk does not."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror or os.strerror(error.errno), str(path)) from error


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold a folder, which is made, so that no other process writes into it.

    The system drops the lock of a process that is gone, however it ended. A network file system must support
    locks (NFS 4 does).

    Raises:
        UsageError: Another process holds it, or it is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: give --out the name of a folder")
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(
            f"{folder} is being written by another robonav{_holder(folder)}: wait until it has ended, "
            "or give another --out"
        ) from error
    try:
        with named(folder / HOLDER):
            (folder / HOLDER).write_text(str(os.getpid()))
        yield
    finally:
        (folder / HOLDER).unlink(missing_ok=True)
        if is_new and [entry.name for entry in folder.iterdir()] == [LOCK]:  # nothing came of it
            shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def _holder(folder: Path) -> str:
    try:
        return f", process {int((folder / HOLDER).read_text())}"
    except (OSError, ValueError):  # it has just begun
        return ""
