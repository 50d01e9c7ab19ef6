"""The trained agents that come with robonav, by name."""

from __future__ import annotations

from pathlib import Path

SHIPPED = Path(__file__).parent / "explorers"


def shipped_explorers() -> list[str]:
    """Names of the trained explorers that come with robonav."""
    return sorted(path.name for path in SHIPPED.iterdir() if path.is_dir())


def checkpoint_folder(name_or_path: str) -> Path:
    """Return the folder of a checkpoint: a shipped one by its name, or the path itself."""
    return SHIPPED / name_or_path if name_or_path in shipped_explorers() else Path(name_or_path)
