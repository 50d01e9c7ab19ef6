"""What can be wrong with a mesh file, in one sentence each."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from robonav.envs.scenes.scene import SceneError

_MAX_TRIANGLES = 100_000_000  # Embree would want over 10 GB
_MAX_PIXELS = 1 << 30  # the sensors' offsets into them are 32-bit numbers, and their memory is 4 GB
_MAX_EXTENT_M = 200.0  # a house in centimetres is farther across


def check_container(path: Path) -> list[str]:
    """Raise SceneError if a glTF container is damaged; else the names of images in formats not read here."""
    suffix = path.suffix.lower()
    if path.stat().st_size == 0:
        raise SceneError(
            f"{path} is empty (0 bytes): expected a {suffix} mesh, so export or download it again"
        )
    if suffix not in (".glb", ".gltf"):
        return []
    images = _gltf_header(path, suffix).get("images", [])
    unread = [
        image.get("name") or image.get("uri", f"image {k}")
        for k, image in enumerate(images)
        if str(image.get("mimeType", image.get("uri", ""))).endswith("ktx2")
    ]
    return [f"{name} (KTX2/Basis)" for name in unread]


def check_images(path: Path, images: Iterable[Image.Image]) -> None:
    """Raise SceneError if the textures of a mesh are too large together; none is decoded for it."""
    unique = {id(image): image.width * image.height for image in images}
    pixels = sum(unique.values())
    if pixels > _MAX_PIXELS:
        raise SceneError(
            f"{path} has textures of {pixels / 1e6:,.0f} megapixels: expected at most "
            f"{_MAX_PIXELS / 1e6:,.0f}, so shrink them"
        )


def check_geometry(path: Path, vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> None:
    """Raise SceneError if a mesh cannot be ray-cast."""
    if len(triangles) > _MAX_TRIANGLES:
        raise SceneError(
            f"{path} has {len(triangles):,} triangles: expected at most {_MAX_TRIANGLES:,}, so decimate it"
        )
    if triangles.min() < 0 or triangles.max() >= len(vertices):
        raise SceneError(
            f"{path} is damaged: it refers to vertex {triangles.max()} of {len(vertices)}, so export it again"
        )
    bad = np.count_nonzero(~np.isfinite(vertices).all(axis=1))
    if bad:
        raise SceneError(
            f"{path} has {bad} of {len(vertices)} vertices that are NaN or infinite: expected finite "
            "numbers, so clean the mesh and export it again"
        )
    extent = np.ptp(vertices, axis=0).max()
    if not 0 < extent <= _MAX_EXTENT_M:
        raise SceneError(
            f"{path} is {extent:g} m across: expected up to {_MAX_EXTENT_M:g} m, so check its unit"
        )


def _gltf_header(path: Path, suffix: str) -> dict[str, Any]:
    """The JSON part of a glTF file."""
    data = path.read_bytes()
    if suffix == ".glb":
        if len(data) < 20 or data[:4] != b"glTF":
            raise SceneError(
                f"{path} is no GLB file: it lacks the glTF header, so export or download it again"
            )
        length, json_length = struct.unpack_from("<8xII", data)
        if len(data) < length:
            raise SceneError(
                f"{path} is truncated: {len(data):,} of {length:,} bytes are there, so download it again"
            )
        data = data[20 : 20 + json_length]
    try:
        header = json.loads(data)
    except ValueError as error:
        raise SceneError(
            f"{path} has a damaged glTF header ({error}): export or download it again"
        ) from error
    if not isinstance(header, dict):
        raise SceneError(f"{path} has a glTF header that is no JSON object: export or download it again")
    return header
