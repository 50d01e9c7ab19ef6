"""OBJ and PLY files as other programs write them, made what trimesh reads."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from robonav.envs.scenes.meshes.appearance import TexturedSurface
from robonav.envs.scenes.scene import SceneError

_LONGEST_HEADER = 1 << 16
_LIBRARY = re.compile(rb"^[ \t]*mtllib[ \t]+(.*?)[ \t]*$", re.MULTILINE)


_ODD = re.compile(rb"\t|^[ \xef]", re.MULTILINE)  # a tab, an indented line, a mark before the first


def opened_text(path: Path, suffix: str) -> BinaryIO:
    """An OBJ or PLY file for trimesh.

    Raises:
        SceneError: It stores its surface in a way that is not read.
    """
    return _opened_obj(path) if suffix == ".obj" else _opened_ply(path)


def _opened_obj(path: Path) -> BinaryIO:
    """One kind of line end and blank, no mark at the start, and all material libraries in one line."""
    content = path.read_bytes()
    libraries = _LIBRARY.findall(content.replace(b"\r", b"\n"))
    is_odd = _ODD.search(content) is not None or len(libraries) > 1
    if not is_odd and (b"\r" not in content or b"\r\n" in content):
        return io.BytesIO(content)
    content = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    content = re.sub(rb"^[ \t]+", b"", content, flags=re.MULTILINE).replace(b"\t", b" ")
    if len(libraries) > 1:
        all_in_one = b"mtllib " + b" ".join(dict.fromkeys(libraries)) + b"\n"
        content = all_in_one + _LIBRARY.sub(b"", content)
    return io.BytesIO(content)


def _opened_ply(path: Path) -> BinaryIO:
    """Colours under their usual names; strips and several textures, which trimesh would drop, are named."""
    content = path.read_bytes()
    end = content.find(b"end_header", 0, _LONGEST_HEADER)
    if end < 0:
        return io.BytesIO(content)
    header = content[:end]
    if re.search(rb"^element tristrips ", header, re.MULTILINE) and b"element face " not in header:
        raise SceneError(
            f"{path} stores its surface as triangle strips, which are not read: export it as triangles, "
            "for example from MeshLab"
        )
    if b" red" not in header:
        header = re.sub(rb"(property \w+ )(?:diffuse_)(red|green|blue|alpha)\b", rb"\1\2", header)
        for short, name in ((b"r", b"red"), (b"g", b"green"), (b"b", b"blue")):
            header = re.sub(rb"(property \w+ )" + short + rb"(\s)", rb"\1" + name + rb"\2", header)
    return io.BytesIO(header + content[end:])


def remarks_on(path: Path, surfaces: Sequence[TexturedSurface]) -> list[str]:
    """Remarks, for people, on parts of a PLY file that are not shown."""
    if path.suffix.lower() != ".ply":
        return []
    with path.open("rb") as file:
        header = file.read(_LONGEST_HEADER).partition(b"end_header")[0]
    pictures = re.findall(rb"^comment\s+texturefile\s+(.+?)\s*$", header, re.MULTILINE | re.IGNORECASE)
    if len(pictures) > 1:
        return [f"it names {len(pictures)} textures, of which one is shown: export it with one, or as .glb"]
    if pictures and all(surface.texture_id < 0 for surface in surfaces):
        return [f"its texture {pictures[0].decode(errors='replace')} is not shown: export the mesh as .glb"]
    return []
