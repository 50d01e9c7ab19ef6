"""Reads files that were damaged, with an eye on time, memory and the files that are opened."""

from __future__ import annotations

import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from benchmarks.fuzz.damages import damaged
from benchmarks.fuzz.readers import READERS, Reader

SECONDS = 10.0  # CPU time of one reading


def work(name: str, first: int, count: int) -> Iterator[dict[str, Any]]:
    """Damage and read in this process: a finding for each mutation, empty where all is well.

    The first is that of the intact files, which has no number; where they are not taken, nothing is damaged.
    """
    reader = READERS[name]
    with tempfile.TemporaryDirectory() as outer:
        folder = Path(outer).resolve() / "folder"
        folder.mkdir()
        (folder.parent / "secret").write_bytes(b"not yours")
        reader.write(folder)
        (folder / "link").symlink_to(folder.parent / "secret")
        finding = _intact_finding(reader, folder)  # this also loads the libraries
        yield {"mutation": None, "finding": finding}
        if finding:
            return
        watch = Watch(folder)
        for mutation in range(first, first + count):
            yield {"mutation": mutation, "finding": watch.finding(reader, Random(f"{name}/{mutation}"))}


def _intact_finding(reader: Reader, folder: Path) -> str:
    """Why the intact files are not taken as they are, without a warning; empty if they are."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            reader.read(folder)
    except Exception:
        return f"the intact files were not taken: {traceback.format_exc(limit=-4)}"
    return ""


class Watch:
    """Reads damaged files with an eye on time, memory and the files that are opened."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._outside, self._late, self._reading = folder, "", False, False
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
        self._intact = {path: path.read_bytes() for path in files}
        libraries = [str(Path(entry).resolve()) for entry in sys.path if entry]
        self._allowed = (str(folder), sys.base_prefix, *libraries, "/proc", "/sys", "/dev", "/usr", "/lib")
        sys.addaudithook(self._audit)
        signal.signal(signal.SIGPROF, self._stop)

    def finding(self, reader: Reader, rng: Random) -> str:
        """Fault of a reader that meets one damage; empty if there is none."""
        from robonav.envs.scenes.scene import SceneError
        from robonav.errors import UsageError

        path = rng.choice(list(self._intact))
        path.write_bytes(damaged(self._intact[path], rng))
        self._outside, self._late, self._reading = "", False, True
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        finding = ""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                reader.read(self._folder)
        except (SceneError, UsageError) as error:
            if "\n" in str(error).strip() or len(str(error)) > 1500:
                finding = f"{path.name}: an error of more than one sentence: {error}"
        except BaseException:
            finding = f"{path.name}: {traceback.format_exc(limit=-4)}"
        finally:
            self._reading = False
            signal.setitimer(signal.ITIMER_PROF, 0)
            path.write_bytes(self._intact[path])
        if self._late:
            finding = f"{path.name}: took more than {SECONDS} s. {finding}"
        return finding or (f"{path.name}: opened {self._outside}" if self._outside else "")

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._reading and event == "open" and isinstance(arguments[0], str | bytes):
            name = arguments[0] if isinstance(arguments[0], str) else arguments[0].decode(errors="replace")
            if "\0" not in name and not str(Path(name).resolve()).startswith(self._allowed):
                self._outside = name

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self._late = True
        raise TimeoutError("too slow")
