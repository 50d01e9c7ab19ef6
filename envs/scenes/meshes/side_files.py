"""Files that a mesh file names: read from its own folder or below only."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote

import trimesh

from robonav.envs.scenes.meshes.appearance import can_decode
from robonav.envs.scenes.meshes.mtl_options import without_options

_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tga", ".webp", ".tif", ".tiff", ".ktx2", ".basis")
_LIBRARIES = re.compile(r".*?\.mtl(?=\s|$)", re.IGNORECASE)
_MOST_FOLDERS = 8
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
        self._folders = [self._folder]
        self._given_bytes = 0
        self.asked: list[str] = []
        self.missing: list[str] = []

    def get(self, name: str) -> bytes:
        """Content of a side file; FileNotFoundError if it is absent or outside of the mesh's folder."""
        several = _LIBRARIES.findall(name)
        if len(several) > 1:  # as `mtllib walls.mtl doors.mtl`
            return b"\n".join(self.get(one.strip()) for one in several)
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
        """Find a side file; None if it is absent or outside of the mesh's folder, links followed.

        Names are taken as other systems write them: with backslashes, options of an MTL, other letters'
        case, or folders of another machine, of which the last ones are looked for.
        """
        for written in dict.fromkeys(_spellings(name)):
            for folder in reversed(self._folders):
                path = self._inside(folder, written)
                if path is not None:
                    if path.suffix.lower() == ".mtl":  # what it names may be beside it
                        self._folders.append(path.parent)
                    return path
        return None

    def _inside(self, folder: Path, name: str) -> Path | None:
        try:
            for path in (folder / name, _in_any_case(folder, name)):
                resolved = path.resolve()
                if resolved.is_relative_to(self._folder) and resolved.is_file():
                    return resolved
        except (OSError, ValueError, RuntimeError):  # too long a name, a zero byte, links in a circle
            pass
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


def _spellings(name: str) -> Iterator[str]:
    """Candidate paths for a name, the most literal first."""
    bare, _ = without_options(name)
    for written in (name.strip(), unquote(name.strip()), bare, bare.strip("\"'")):
        yield written
        parts = [part for part in written.replace("\\", "/").split("/") if part not in ("", ".", "..")]
        for first in range(max(0, len(parts) - _MOST_FOLDERS), len(parts)):
            yield "/".join(parts[first:])


def _in_any_case(folder: Path, name: str) -> Path:
    """The path with each part as the disk has it, where only the case of letters differs."""
    path = folder
    for part in name.split("/"):
        path = next((entry for entry in path.iterdir() if entry.name.lower() == part.lower()), path / part)
    return path


def digest_of(path: Path) -> str:
    """SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
