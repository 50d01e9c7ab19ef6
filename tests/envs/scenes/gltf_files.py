"""Small glTF files written by hand from the specification, so that the loader is held to it alone."""

from __future__ import annotations

import base64
import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from PIL import Image

# An upright 2 m x 2 m square 3 m in front of the viewer: front is -z, up is y. glTF's texture
# coordinates start at the top left corner of the image.
SQUARE = np.array([[-1, 1, -3], [1, 1, -3], [1, -1, -3], [-1, -1, -3]], dtype=np.float32)
SQUARE_UVS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32)
SQUARE_INDICES = np.array([0, 3, 2, 0, 2, 1], dtype=np.uint16)


def png(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="PNG")
    return stream.getvalue()


def square_header(image_uri: str | None = None, **node: Any) -> dict[str, Any]:
    """A glTF header with the square in one node; its buffer is inlined."""
    parts = [SQUARE.tobytes(), SQUARE_UVS.tobytes(), SQUARE_INDICES.tobytes()]
    offsets = np.cumsum([0, *map(len, parts)])
    material: dict[str, Any] = {"pbrMetallicRoughness": {"baseColorFactor": [0.2, 0.4, 0.6, 1.0]}}
    header: dict[str, Any] = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, **node}],
        "meshes": [
            {"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}]}
        ],
        "materials": [material],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3", "min": [-1, -1, -3],
             "max": [1, 1, -3]},
            {"bufferView": 1, "componentType": 5126, "count": 4, "type": "VEC2"},
            {"bufferView": 2, "componentType": 5123, "count": 6, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": int(offset), "byteLength": len(part)}
            for offset, part in zip(offsets, parts, strict=False)
        ],
        "buffers": [{"byteLength": int(offsets[-1]), "uri": data_uri(b"".join(parts))}],
    }  # fmt: skip
    if image_uri is not None:
        header |= {"images": [{"uri": image_uri}], "textures": [{"source": 0}]}
        material["pbrMetallicRoughness"] = {"baseColorTexture": {"index": 0}}
    return header


def data_uri(data: bytes) -> str:
    return "data:application/octet-stream;base64," + base64.b64encode(data).decode()


def write_gltf(path: Path, header: dict[str, Any]) -> Path:
    path.write_text(json.dumps(header))
    return path


def write_glb(path: Path, header: dict[str, Any]) -> Path:
    """The same as one binary file (its buffer stays inlined in the header)."""
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    path.write_bytes(struct.pack("<4sIIII", b"glTF", 2, 20 + len(text), len(text), 0x4E4F534A) + text)
    return path


def write_room(path: Path, up: str = "y", size: tuple[float, float, float] = (6.0, 4.0, 2.5)) -> Path:
    """A closed room (x forward, y left, z up) whose corner is the origin, in a file with y or z up."""
    room = trimesh.creation.box(extents=size)
    room.apply_translation(np.array(size) / 2)
    if up == "y":
        room.vertices = np.stack([-room.vertices[:, 1], room.vertices[:, 2], -room.vertices[:, 0]], axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    room.export(path)
    return path
