"""Files that a mesh file names: read from its own folder or below only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

import trimesh

from robonav.envs.scenes.meshes.appearance import can_decode

_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tga", ".webp", ".tif", ".tiff", ".ktx2", ".basis")
_MAX_BYTES = 4 << 30  # of all together: a small file may name a large one a thousand times


class SideFiles(trimesh.resolvers.FilePathResolver):
    """Reads the files that a mesh names, from its own folder only, and records their names.

    Attributes:
        asked: Every requested name.
        missing: Requested files that are absent, or outside of the mesh's folder.
    """

    def __init__(self, mesh_path: Path) -> None:
        super().__init__(str(mesh_path))
        self._folder = mesh_path.parent.resolve()
        self._given_bytes = 0
        self.asked: list[str] = []
        self.missing: list[str] = []

    def get(self, name: str) -> bytes:
        """Content of a side file; FileNotFoundError if it is absent or outside of the mesh's folder."""
        self.asked.append(name)
        path = self.find(name)
        if path is None:
            self.missing.append(name)
            raise FileNotFoundError(name)
        self._given_bytes += path.stat().st_size
        if self._given_bytes > _MAX_BYTES:
            raise OSError(f"it names side files of more than {_MAX_BYTES / 1e9:.1f} GB")
        return path.read_bytes()

    def find(self, name: str) -> Path | None:
        """Path of a side file; None if it is absent or outside of the mesh's folder, links followed."""
        for candidate in (name.strip(), unquote(name.strip())):
            try:
                path = (self._folder / candidate).resolve()
                if path.is_relative_to(self._folder) and path.is_file():
                    return path
            except (OSError, ValueError, RuntimeError):  # too long a name, a zero byte, links in a circle
                continue
        return None

    def digests(self, names: Iterable[str]) -> dict[str, str | None]:
        """SHA-256 of side files by the names the mesh has for them; None where there is none."""
        found = {name: self.find(name) for name in names}
        return {name: None if path is None else digest_of(path) for name, path in found.items()}

    def damaged_images(self) -> list[str]:
        """Names of the images that cannot be decoded, for a warning; it decodes them again."""
        images = {name: path for name in self.asked if (path := self.find(name)) is not None}
        return [
            name
            for name, path in images.items()
            if path.suffix.lower() in _IMAGE_SUFFIXES and not can_decode(path)
        ]


def digest_of(path: Path) -> str:
    """SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
