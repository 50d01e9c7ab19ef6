"""Provenance of a result: versions of robonav and the packages that it needs, and the commit."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = ("robonav", "numpy", "scipy", "embreex", "torch", "warp-lang", "trimesh", "stable-baselines3")


def versions() -> dict[str, str]:
    """Python and the packages that results depend on."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def git_revision() -> str | None:
    """Commit of the checkout, marked "+changes" if tracked files differ from it; None outside of one."""
    if not any((parent / ".git").exists() for parent in Path(__file__).resolve().parents):
        return None
    try:
        revision = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return None  # results are worth keeping without it
    return revision + ("+changes" if changed else "")


def _git(*args: str) -> str:
    here = Path(__file__).resolve().parent
    return subprocess.run(["git", *args], cwd=here, capture_output=True, text=True, check=True).stdout.strip()
