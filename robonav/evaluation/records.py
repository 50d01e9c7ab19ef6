"""The folder of one evaluation: settings, one JSON line an episode, maps; safe against kills."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from robonav.disk import HOLDER, LOCK, named
from robonav.errors import UsageError
from robonav.evaluation.top_down_map import TopDownMap

EPISODES, SETTINGS, MAPS = "episodes.jsonl", "settings.json", "maps"


class Records:
    """The output folder of one evaluation: settings, and one JSON line an episode.

    Args:
        path: The folder; it is created.
        settings: Settings of the run; kept beside the results.
        resume: Continue with existing results instead of asking for an empty folder.

    Raises:
        UsageError: If the folder is in use and `resume` is off, or holds results of other settings.
    """

    def __init__(self, path: Path, settings: dict[str, Any], resume: bool) -> None:
        self.path = path
        check_free(path, resume)
        if (path / SETTINGS).exists():
            self._check_same(settings)
        path.mkdir(parents=True, exist_ok=True)
        self.write_text(SETTINGS, json.dumps(settings, indent=2) + "\n")
        self._drop_half_line()

    def records(self) -> list[dict[str, Any]]:
        """All finished episodes, in the order in which they finished."""
        return read_episodes(self.path) if (self.path / EPISODES).exists() else []

    def append(self, record: dict[str, Any]) -> None:
        """Keep one finished episode; once this returns it is on disk."""
        path = self.path / EPISODES
        with named(path), open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def write_text(self, name: str, text: str) -> None:
        """Write a file whole or not at all."""
        partial = self.path / f".{name}.partial"
        try:
            with named(self.path / name):
                partial.write_text(text, encoding="utf-8")
                partial.replace(self.path / name)
        finally:
            partial.unlink(missing_ok=True)

    def _check_same(self, settings: dict[str, Any]) -> None:
        before = read_settings(self.path)
        differing = sorted(key for key in settings if before.get(key) != settings[key])
        if differing:
            key = differing[0]
            raise UsageError(
                f"{self.path} holds results with {key} = {str(before.get(key))[:80]}, this run has "
                f"{settings[key]}: resume with the same arguments, or give another --out"
            )

    def _drop_half_line(self) -> None:
        """Remove a half-written last line."""
        path = self.path / EPISODES
        if path.exists():
            content = path.read_bytes()
            if not content.endswith(b"\n"):
                with open(path, "r+b") as file:
                    file.truncate(content.rfind(b"\n") + 1)


class RunFolder(Records):
    """The output folder of one evaluation in buildings, with a top-down map of each episode."""

    def __init__(self, path: Path, settings: dict[str, Any], resume: bool) -> None:
        super().__init__(path, settings, resume)
        (path / MAPS).mkdir(exist_ok=True)

    def append_with_map(self, record: dict[str, Any], picture: TopDownMap) -> None:
        """Keep one finished episode; once this returns it is on disk."""
        picture_path = _map_path(self.path, record["episode_id"])
        with named(picture_path):
            np.savez_compressed(picture_path, **vars(picture))
        self.append(record)

    def load_map(self, episode_id: str) -> TopDownMap:
        """The top-down map of a finished episode."""
        return read_map(self.path, episode_id)


def check_free(path: Path, resume: bool) -> None:
    """Raise UsageError if a folder cannot be written into: it is a file, or in use and `resume` is off."""
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file: give --out the name of a folder")
    held = (LOCK, HOLDER)  # of this very process
    if path.exists() and any(entry.name not in held for entry in path.iterdir()) and not resume:
        raise UsageError(f"{path} is not empty: add --resume to go on with it, or give another --out")


def read_episodes(folder: Path) -> list[dict[str, Any]]:
    """The records in `episodes.jsonl` of an evaluation's folder.

    Raises:
        UsageError: If the file is missing or a line is damaged.
    """
    path = Path(folder) / EPISODES
    if not path.is_file():
        raise UsageError(f"{path} does not exist: give a folder that `robonav evaluate` wrote")
    records = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            record = json.loads(line)
            if not isinstance(record.get("episode_id"), str):
                raise TypeError("no episode_id")
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise UsageError(
                f"{path} line {number} is damaged ({str(error)[:80]}): delete that line and run with --resume"
            ) from error
        records.append(record)
    return records


def read_settings(folder: Path) -> dict[str, Any]:
    """The settings of an evaluation.

    Raises:
        UsageError: The file is missing or damaged.
    """
    path = Path(folder) / SETTINGS
    if not path.is_file():
        raise UsageError(f"{path} does not exist: give a folder that `robonav evaluate` wrote")
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, RecursionError) as error:
        raise UsageError(
            f"{path} is damaged ({str(error)[:80]}): give another --out, or put the file back as it was"
        ) from error


def read_map(folder: Path, episode_id: str) -> TopDownMap:
    """The top-down map of a finished episode.

    Raises:
        UsageError: The file is missing or damaged.
    """
    path = _map_path(Path(folder), episode_id)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            fields: dict[str, Any] = {name: arrays[name] for name in arrays.files}
        areas: dict[str, Any] = {name: float(fields.pop(name)) for name in ("free_area_m2", "seen_area_m2")}
        return TopDownMap(**fields, **areas)
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"{path} is missing or damaged ({str(error)[:80]}): delete its line in {EPISODES} "
            "and run the same `robonav evaluate` with --resume"
        ) from error


def safe_name(episode_id: str) -> str:
    """A file name for an episode."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in episode_id)


def _map_path(folder: Path, episode_id: str) -> Path:
    return folder / MAPS / f"{safe_name(episode_id)}.npz"
