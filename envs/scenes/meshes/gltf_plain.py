"""Makes a glTF plain: whatever its geometry is stored as becomes floats that trimesh reads as meant."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.scenes.meshes.gltf_format import (
    COMPONENT_TYPES,
    COMPONENTS,
    TRIANGLE_FAN,
    TRIANGLES,
    base_texture,
)

Header = dict[str, Any]
_FLOAT, _UNSIGNED_INT = 5126, 5125
_INSTANCING = "EXT_mesh_gpu_instancing"
_MAX_INSTANCES = 1_000_000


def needs_decoding(header: Header) -> bool:
    """Whether trimesh would take some of the file's geometry for what it is not."""
    accessors = header.get("accessors", ())
    if any("sparse" in accessor or accessor.get("normalized") for accessor in accessors):
        return True
    if any(_INSTANCING in node.get("extensions", {}) for node in header.get("nodes", ())):
        return True
    primitives = [p for mesh in header.get("meshes", ()) for p in mesh["primitives"]]
    return any(
        primitive.get("mode", TRIANGLES) == TRIANGLE_FAN
        or _is_texture_placed(header, primitive)
        or accessors[primitive["attributes"]["POSITION"]]["componentType"] != _FLOAT
        for primitive in primitives
        if "POSITION" in primitive["attributes"]
    )


class PlainGltf:
    """A copy of a glTF file in one buffer, with what had to be decoded behind what the file had.

    Args:
        header: The file's JSON; it is changed.
        buffers: The content of each of its buffers.
    """

    def __init__(self, header: Header, buffers: list[bytes]) -> None:
        self.header = header
        self._accessors: list[dict[str, Any]] = header.setdefault("accessors", [])
        self._views: list[dict[str, Any]] = header.setdefault("bufferViews", [])
        self._content = bytearray()
        starts = []
        for content in buffers:
            starts.append(len(self._content))
            self._content += content + b"\0" * (-len(content) % 4)
        for view in self._views:
            view["byteOffset"] = view.get("byteOffset", 0) + starts[view["buffer"]]
            view["buffer"] = 0
        self._read_from = bytes(self._content)  # decoded arrays are added to the other

    def decode(self) -> bytes:
        """Decode every primitive and place every instance; the content of the one buffer."""
        for mesh in self.header.get("meshes", ()):
            for primitive in mesh["primitives"]:
                self._decode_primitive(primitive)
        for node in list(self.header.get("nodes", ())):
            if _INSTANCING in node.get("extensions", {}):
                self._place_instances(node)
        self.header["buffers"] = [{"byteLength": len(self._content)}]
        return bytes(self._content)

    def _decode_primitive(self, primitive: dict[str, Any]) -> None:
        given = primitive["attributes"]
        if "POSITION" not in given:
            return
        kept = {"POSITION": self._floats(given["POSITION"])}
        if "COLOR_0" in given:
            kept["COLOR_0"] = self._colors(given["COLOR_0"])
        texture_set, transform = _placing_of_texture(self.header, primitive)
        uvs = given.get(f"TEXCOORD_{texture_set}")
        if uvs is not None:
            kept["TEXCOORD_0"] = self._floats(uvs, transform)
        primitive["attributes"] = kept
        self._decode_indices(primitive, self._accessors[given["POSITION"]]["count"])

    def _decode_indices(self, primitive: dict[str, Any], num_vertices: int) -> None:
        indices, is_fan = primitive.get("indices"), primitive.get("mode") == TRIANGLE_FAN
        if not is_fan and (indices is None or "sparse" not in self._accessors[indices]):
            return
        flat = np.arange(num_vertices) if indices is None else self._values(indices)[:, 0]
        if is_fan:
            primitive["mode"] = TRIANGLES
            flat = np.stack([np.repeat(flat[0], len(flat) - 2), flat[1:-1], flat[2:]], axis=1).ravel()
        primitive["indices"] = self._add(flat[:, None].astype("<u4"), _UNSIGNED_INT, "SCALAR")

    def _floats(self, index: int, transform: NDArray[np.float64] | None = None) -> int:
        """An accessor with the same values as floats, (2, 3) applied to them; itself where it is one."""
        accessor = self._accessors[index]
        if transform is None and accessor["componentType"] == _FLOAT and "sparse" not in accessor:
            return index
        values = self._values(index)
        if transform is not None:
            values = (values @ transform[:, :2].T + transform[:, 2]).astype(np.float32)
        return self._add(values.astype("<f4"), _FLOAT, accessor["type"])

    def _colors(self, index: int) -> int:
        """As floats, and as fractions even where a writer forgot to say that its integers are."""
        return self._floats(self._copy_of(index, normalized=True))

    def _copy_of(self, index: int, **changes: Any) -> int:
        self._accessors.append(self._accessors[index] | changes)
        return len(self._accessors) - 1

    def _values(self, index: int) -> NDArray[Any]:
        """(count, components) of an accessor: view, sparse part, fractions of integers."""
        accessor = self._accessors[index]
        shape = (accessor["count"], COMPONENTS[accessor["type"]])
        kind = np.dtype(COMPONENT_TYPES[accessor["componentType"]])
        values = np.zeros(shape, kind)
        if "bufferView" in accessor:
            values = self._viewed(accessor, shape, kind).copy()
        if "sparse" in accessor:
            sparse = accessor["sparse"]
            where = self._viewed(
                sparse["indices"],
                (sparse["count"], 1),
                np.dtype(COMPONENT_TYPES[sparse["indices"]["componentType"]]),
            )
            values[where[:, 0]] = self._viewed(sparse["values"], (sparse["count"], shape[1]), kind)
        if accessor.get("normalized") and kind.kind in "iu":
            return np.maximum(values / np.float32(np.iinfo(kind).max), -1, dtype=np.float32)
        return values

    def _viewed(self, entry: dict[str, Any], shape: tuple[int, int], kind: np.dtype[Any]) -> NDArray[Any]:
        """An array in the buffer; TypeError or ValueError if it would reach beyond its view."""
        view = self._views[entry["bufferView"]]
        start, row = view["byteOffset"], shape[1] * kind.itemsize
        content = memoryview(self._read_from)[start : start + view["byteLength"]]
        strides = (view.get("byteStride", row), kind.itemsize)
        return np.ndarray(shape, kind, content, entry.get("byteOffset", 0), strides)

    def _add(self, values: NDArray[Any], component_type: int, name: str) -> int:
        content = values.tobytes()
        view = {"buffer": 0, "byteOffset": len(self._content), "byteLength": len(content)}
        self._content += content + b"\0" * (-len(content) % 4)
        self._views.append(view)
        accessor = {"bufferView": len(self._views) - 1, "count": len(values), "type": name}
        self._accessors.append(accessor | {"componentType": component_type})
        return len(self._accessors) - 1

    def _place_instances(self, node: dict[str, Any]) -> None:
        """A child for each instance, with its own translation, rotation and scale."""
        attributes = node["extensions"][_INSTANCING]["attributes"]
        names = {"TRANSLATION": "translation", "ROTATION": "rotation", "SCALE": "scale"}
        placed = {names[key]: self._values(index) for key, index in attributes.items() if key in names}
        mesh, nodes, children = node.pop("mesh"), self.header["nodes"], node.setdefault("children", [])
        count = min((len(values) for values in placed.values()), default=0)
        if len(nodes) + count > _MAX_INSTANCES:
            raise ValueError(f"{count:,} instances, at most {_MAX_INSTANCES:,} are read")
        for index in range(count):
            children.append(len(nodes))
            nodes.append({"mesh": mesh} | {key: v[index].astype(float).tolist() for key, v in placed.items()})


def buffer_contents(header: Header, chunks: bytes | None, read: Callable[[str], bytes]) -> list[bytes]:
    """The bytes of each buffer: inlined, in the binary chunk of a .glb, or in a side file."""
    contents = []
    for buffer in header.get("buffers", ()):
        uri = buffer.get("uri")
        if uri is None:
            contents.append((chunks or b"")[8:])  # behind the chunk's length and type
        elif uri.startswith("data:"):
            contents.append(base64.b64decode(uri.partition("base64,")[2]))
        else:
            contents.append(read(uri))
    return contents


def _is_texture_placed(header: Header, primitive: dict[str, Any]) -> bool:
    texture_set, transform = _placing_of_texture(header, primitive)
    return texture_set != 0 or transform is not None


def _placing_of_texture(header: Header, primitive: dict[str, Any]) -> tuple[int, NDArray[np.float64] | None]:
    """Texture coordinate set of a primitive's base texture, and the transform (2, 3) of them, None if absent.

    KHR_texture_transform: translation times rotation (counter-clockwise where v points down) times scale.
    """
    texture = base_texture(header, primitive)
    transform = texture.get("extensions", {}).get("KHR_texture_transform")
    if transform is None:
        return texture.get("texCoord", 0), None
    angle = transform.get("rotation", 0.0)
    turned = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    matrix = turned * np.asarray(transform.get("scale", (1.0, 1.0)), dtype=np.float64)
    offset = np.asarray(transform.get("offset", (0.0, 0.0)), dtype=np.float64)
    return transform.get("texCoord", texture.get("texCoord", 0)), np.column_stack([matrix, offset])
