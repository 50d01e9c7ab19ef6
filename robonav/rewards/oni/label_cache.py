"""Labels on disk: JSON lines that survive a kill at any moment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from robonav.disk import named
from robonav.errors import UsageError
from robonav.rewards.oni.annotators import Item


class LabelCache:
    """Labels of one annotator's version, in a file that may hold others, or in memory only.

    A line that is torn or of another form is passed over.

    Args:
        path: The file, which need not be there; None = memory only.
        version: Of the annotator.

    Attributes:
        labels: By item.

    Raises:
        UsageError: The file cannot be read.
    """

    def __init__(self, path: Path | None, version: str) -> None:
        self._path, self._version = path, version
        self.labels: dict[Item, float] = {}
        text = _read(path) if path and path.exists() else ""
        self._is_torn = bool(text) and not text.endswith("\n")
        for line in text.splitlines():
            self._take(line)

    def add(self, labels: dict[Item, float]) -> None:
        """Keep labels, with one write.

        Raises:
            OSError: The file cannot be written; it is named.
        """
        self.labels |= labels
        if self._path is None or not labels:
            return
        lines = [
            json.dumps({"version": self._version, "captions": item, "label": label}) + "\n"
            for item, label in labels.items()
        ]
        with named(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(("\n" if self._is_torn else "") + "".join(lines))
        self._is_torn = False

    def _take(self, line: str) -> None:
        try:
            record: Any = json.loads(line)
            version, captions, label = record["version"], record["captions"], record["label"]
        except (ValueError, LookupError, TypeError, RecursionError):
            return
        is_item = isinstance(captions, list) and all(isinstance(caption, str) for caption in captions)
        if version == self._version and is_item and label in (0, 0.5, 1):
            self.labels[tuple(captions)] = float(label)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"{path}: labels cannot be read ({error.strerror}): name another cache") from error
