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
from robonav.envs.scenes.meshes.gltf_format import (
    BASIS,
    COMPONENT_TYPES,
    COMPONENTS,
    compression_of,
    not_shown,
    unknown_extensions,
)
from robonav.envs.scenes.meshes.gltf_plain import PlainGltf, buffer_contents, needs_decoding
from robonav.envs.scenes.meshes.side_files import SideFiles
from robonav.envs.scenes.scene import SceneError

_MAX_BYTES = 2 << 30  # of all accessors, and of all views: each is a copy, however small the file is
_MAX_NODES = 1_000_000
_BASIS_TYPES = ("image/ktx2", "image/x-basis")


@dataclass(frozen=True)
class _Container:
    """The JSON header of a file, and the chunks that follow it in a .glb; None in a .gltf."""

    header: dict[str, Any]
    chunks: bytes | None

    def opened(self) -> tuple[BinaryIO, str]:
        """As a file, and the suffix of its kind."""
        text = json.dumps(self.header).encode()
        if self.chunks is None:
            return io.BytesIO(text), ".gltf"
        text += b" " * (-len(text) % 4)
        size = 20 + len(text) + len(self.chunks)
        start = struct.pack("<4sIIII", b"glTF", 2, size, len(text), 0x4E4F534A)
        return io.BytesIO(start + text + self.chunks), ".glb"

    def decoded(self, side_files: SideFiles) -> _Container:
        """The same with all geometry in plain floats, in one chunk."""
        contents = buffer_contents(self.header, self.chunks, side_files.get)
        plain = PlainGltf(self.header, contents)
        content = plain.decode()
        return _Container(plain.header, struct.pack("<II", len(content), 0x004E4942) + content)


@dataclass(frozen=True)
class OpenedGltf:
    """A glTF file for trimesh.

    Attributes:
        file: Its content, made plain.
        suffix: .glb or .gltf, as the content is.
        unread_textures: Textures of it that cannot be read, for people.
        remarks: Remarks on other parts that are left out, for people.
    """

    file: BinaryIO
    suffix: str
    unread_textures: list[str]
    remarks: list[str]


def open_gltf(path: Path, side_files: SideFiles) -> OpenedGltf:
    """A file that trimesh can read, what of its textures cannot be read, and what else is left out.

    Raises:
        SceneError: The file is damaged, wants too much memory, or needs an extension that is not read.
    """
    container = _read(path)
    header = container.header
    try:
        _check_extensions(path, header)
        _check_sizes(path, header)
        _check_nodes(path, header)
        said = list(not_shown(header))
        unread = _make_textures_readable(header)
        _place_all_nodes(header)
        if needs_decoding(header):
            container = container.decoded(side_files)
    except (SceneError, FileNotFoundError):
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    return OpenedGltf(*container.opened(), unread, said)


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


def _check_extensions(path: Path, header: dict[str, Any]) -> None:
    compression = compression_of(header)
    if compression:
        raise SceneError(
            f"{path} is compressed ({compression}), which is not read here: expected plain glTF, so "
            "decompress it, for example with `gltf-transform copy IN.glb OUT.glb`"
        )
    unknown = unknown_extensions(header, "extensionsRequired")
    if unknown:
        raise SceneError(
            f"{path} requires the glTF extension {unknown[0]}, which is not read here: export it without"
        )


def _check_sizes(path: Path, header: dict[str, Any]) -> None:
    """Counts and lengths that ask for more than a scene can need, or for less than nothing."""
    views = [view["byteLength"] for view in header.get("bufferViews", ())]
    arrays = [
        accessor["count"] * int(COMPONENT_TYPES[accessor["componentType"]][-1]) * COMPONENTS[accessor["type"]]
        for accessor in header.get("accessors", ())
    ]
    placed = [*header.get("bufferViews", ()), *header.get("accessors", ())]
    sparse = [accessor["sparse"] for accessor in header.get("accessors", ()) if "sparse" in accessor]
    placed += [part[name] for part in sparse for name in ("indices", "values")]
    offsets = [entry.get("byteOffset", 0) for entry in placed] + [part["count"] for part in sparse]
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


def _place_all_nodes(header: dict[str, Any]) -> None:
    """Say what trimesh goes by: a scene where there is none, and no cameras, whose nodes it would drop."""
    nodes = header.get("nodes", [])
    for node in nodes:
        node.pop("camera", None)
    if nodes and not header.get("scenes"):
        below = {child for node in nodes for child in node.get("children", ())}
        header["scenes"] = [{"nodes": [index for index in range(len(nodes)) if index not in below]}]
        header["scene"] = 0


def _make_textures_readable(header: dict[str, Any]) -> list[str]:
    """Let trimesh find the images of extensions; which cannot be read, for people."""
    for texture in header.get("textures", []):
        extensions = texture.get("extensions", {})
        if "source" not in texture and "EXT_texture_avif" in extensions:
            texture["source"] = extensions["EXT_texture_avif"]["source"]
    basis_textures = list(_textures_without_fallback(header))
    if basis_textures and not basis.register():
        return [f"{len(basis_textures)} KTX2/Basis textures (pip install 'robonav[basis]')"]
    _prefer_basis(header, basis_textures)
    return []


def _textures_without_fallback(header: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Textures whose only image is in KTX2 or Basis."""
    images = header.get("images", [])
    for texture in header.get("textures", []):
        source = texture.get("source")
        if source is None:
            if any(name in texture.get("extensions", {}) for name in BASIS):
                yield texture
        elif images[source].get("mimeType") in _BASIS_TYPES or _is_ktx2(images[source].get("uri", "")):
            yield texture


def _is_ktx2(uri: str) -> bool:
    return uri.lower().endswith((".ktx2", ".basis"))


def _prefer_basis(header: dict[str, Any], textures: list[dict[str, Any]]) -> None:
    """Name images where trimesh looks for them; their content tells the format."""
    for texture in textures:
        extensions = texture.pop("extensions", {})
        for name in BASIS:
            if name in extensions:
                texture["source"] = extensions[name]["source"]
                break
    for image in header.get("images", []):
        if image.get("mimeType") in _BASIS_TYPES:
            del image["mimeType"]
