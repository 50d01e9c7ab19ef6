"""glTF containers: limits are checked before memory is allocated, and Basis textures are made readable."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from robonav.envs.scenes.meshes import basis
from robonav.envs.scenes.scene import SceneError

_MAX_BYTES = 2 << 30  # of all accessors, and of all views: each is a copy, however small the file is
_MAX_NODES = 1_000_000
_COMPONENT_BYTES = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}
_COMPONENTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
_COMPRESSIONS = ("KHR_draco_mesh_compression", "EXT_meshopt_compression")
# The last is an older name for the same, of files made before the extension was ratified.
_BASIS_EXTENSIONS = ("KHR_texture_basisu", "KHR_texture_ktx", "GOOGLE_texture_basis")
_BASIS_TYPES = ("image/ktx2", "image/x-basis")


@dataclass(frozen=True)
class _Container:
    """The JSON header of a file, and the chunks that follow it in a .glb; None in a .gltf."""

    header: dict[str, Any]
    chunks: bytes | None

    def to_file(self) -> BinaryIO:
        text = json.dumps(self.header).encode()
        if self.chunks is None:
            return io.BytesIO(text)
        text += b" " * (-len(text) % 4)
        size = 20 + len(text) + len(self.chunks)
        start = struct.pack("<4sIIII", b"glTF", 2, size, len(text), 0x4E4F534A)
        return io.BytesIO(start + text + self.chunks)


def open_gltf(path: Path) -> tuple[BinaryIO, list[str]]:
    """A file that trimesh can read, and its unreadable textures.

    Raises:
        SceneError: The file is damaged, needs too much memory, or uses unsupported compression.
    """
    container = _read(path)
    header = container.header
    try:
        _check_sizes(path, header)
        _check_nodes(path, header)
        basis_textures = list(_textures_without_fallback(header))
        if not basis_textures:
            return path.open("rb"), []
        if not basis.register():
            count = len(basis_textures)
            return path.open("rb"), [f"{count} KTX2/Basis textures (pip install 'robonav[basis]')"]
        _prefer_basis(header, basis_textures)
    except SceneError:
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    return container.to_file(), []


def _read(path: Path) -> _Container:
    data, chunks = path.read_bytes(), None
    if path.suffix.lower() == ".glb":
        if len(data) < 20 or data[:4] != b"glTF":
            raise SceneError(
                f"{path} is no GLB file: it lacks the glTF header, so export or download it again"
            )
        length, json_length = struct.unpack_from("<8xII", data)
        if len(data) < length:
            raise SceneError(
                f"{path} is truncated: {len(data):,} of {length:,} bytes are there, so download it again"
            )
        data, chunks = data[20 : 20 + json_length], data[20 + json_length :]
    try:
        header = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(header, dict):
        raise _damaged(path, "it is no JSON object")
    return _Container(header, chunks)


def _damaged(path: Path, finding: str) -> SceneError:
    return SceneError(f"{path} has a damaged glTF header ({finding[:80]}): export or download it again")


def _check_sizes(path: Path, header: dict[str, Any]) -> None:
    """Check counts and lengths: neither negative nor more than a scene can need."""
    compressed = [name for name in _COMPRESSIONS if name in header.get("extensionsRequired", ())]
    if compressed:
        raise SceneError(
            f"{path} is compressed ({compressed[0]}), which is not read here: expected plain glTF, so "
            "decompress it, for example with `gltf-transform copy IN.glb OUT.glb`"
        )
    views = [view["byteLength"] for view in header.get("bufferViews", ())]
    arrays = [
        accessor["count"] * _COMPONENT_BYTES[accessor["componentType"]] * _COMPONENTS[accessor["type"]]
        for accessor in header.get("accessors", ())
    ]
    placed = [*header.get("bufferViews", ()), *header.get("accessors", ())]
    offsets = [entry.get("byteOffset", 0) for entry in placed]
    if min([0, *views, *arrays, *offsets]) < 0:
        raise _damaged(path, "it has a negative count or offset")
    wanted = max(sum(views), sum(arrays))
    if wanted > _MAX_BYTES:
        raise SceneError(
            f"{path} asks for {wanted / 1e9:,.1f} GB of geometry: expected at most {_MAX_BYTES / 1e9:.1f}, "
            "so it cannot be read unless it is decimated, or exported again if it is damaged"
        )


def _check_nodes(path: Path, header: dict[str, Any]) -> None:
    """Check that nodes form trees: a node that is its own ancestor would be placed for ever."""
    nodes = header.get("nodes", [])
    if len(nodes) > _MAX_NODES:
        raise _damaged(path, f"it has {len(nodes):,} nodes, at most {_MAX_NODES:,} are read")
    parents: dict[int, int] = {}
    for index, node in enumerate(nodes):
        for child in node.get("children", ()):
            if child in parents or not 0 <= child < len(nodes):
                raise _damaged(path, f"node {child} has two parents or does not exist")
            parents[child] = index
    placed = set(range(len(nodes))) - set(parents)  # roots, then whatever hangs on them
    waiting = list(placed)
    while waiting:
        below = list(nodes[waiting.pop()].get("children", ()))
        placed.update(below)
        waiting.extend(below)
    if len(placed) < len(nodes):
        raise _damaged(path, "a node is its own ancestor")


def _textures_without_fallback(header: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Textures whose only image is in KTX2 or Basis."""
    images = header.get("images", [])
    for texture in header.get("textures", []):
        source = texture.get("source")
        if source is None:
            if any(name in texture.get("extensions", {}) for name in _BASIS_EXTENSIONS):
                yield texture
        elif images[source].get("mimeType") in _BASIS_TYPES or _is_ktx2(images[source].get("uri", "")):
            yield texture


def _is_ktx2(uri: str) -> bool:
    return uri.lower().endswith((".ktx2", ".basis"))


def _prefer_basis(header: dict[str, Any], textures: list[dict[str, Any]]) -> None:
    """Name images where trimesh looks for them; their content tells the format."""
    for texture in textures:
        extensions = texture.pop("extensions", {})
        for name in _BASIS_EXTENSIONS:
            if name in extensions:
                texture["source"] = extensions[name]["source"]
                break
    for image in header.get("images", []):
        if image.get("mimeType") in _BASIS_TYPES:
            del image["mimeType"]
