"""Checks of a mesh file; each error is one sentence."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from robonav.envs.scenes.scene import SceneError

_MAX_TRIANGLES = 50_000_000  # Embree would want over 5 GB, and so would the scene
_MAX_PIXELS = 1 << 30  # the sensors' offsets into them are 32-bit numbers, and their memory is 4 GB
_MAX_EXTENT_M = 200.0  # a house in centimetres is farther across


def check_not_empty(path: Path) -> None:
    """Raise SceneError if there is nothing in a file."""
    if path.stat().st_size == 0:
        raise SceneError(
            f"{path} is empty (0 bytes): expected a {path.suffix.lower()} mesh, "
            "so export or download it again"
        )


def check_triangles(path: Path, count: int) -> None:
    """Raise SceneError if there are too many triangles, those of a mesh placed twice counted twice."""
    if count > _MAX_TRIANGLES:
        raise SceneError(
            f"{path} has {count:,} triangles: expected at most {_MAX_TRIANGLES:,}, so decimate it"
        )


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


def check_extent(path: Path, vertices: NDArray[np.floating]) -> None:
    """Raise SceneError if a mesh, in metres, is a point or larger than any building."""
    extent = np.ptp(vertices, axis=0).max()
    if not 0 < extent <= _MAX_EXTENT_M:
        raise SceneError(
            f"{path} is {extent:g} m across: expected up to {_MAX_EXTENT_M:g} m, so give its "
            "unit, such as --scale 0.01 for centimetres"
        )
