"""Appearance of one trimesh geometry (colours, texture coordinates, textures) in the form of `Scene`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image

from robonav.envs.scenes.meshes.mtl_options import without_options

_DECODING_ERRORS = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
_WHITE = np.array([255, 255, 255], dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class TexturedSurface:
    """One geometry in file coordinates: vertices (V, 3), triangles (T, 3) and its appearance as in Scene."""

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]
    corner_colors: NDArray[np.uint8]
    corner_uvs: NDArray[np.float32]
    texture_id: int


@dataclass(eq=False)
class TextureAtlas:
    """Collects each image once, however many materials use it.

    Attributes:
        textures: RGB (h, w, 3) uint8.
        unreadable: Names of images that could not be decoded.
    """

    textures: list[NDArray[np.uint8]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    _known: dict[int, tuple[Image.Image, int]] = field(
        default_factory=dict
    )  # keeps the image: ids stay unique

    def decode(self, images: Iterable[Image.Image]) -> None:
        """Decode images on all cores; textures keep the order of the images."""
        new = {id(image): image for image in images if id(image) not in self._known}
        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            decoded = list(pool.map(_decoded, new.values()))
        for image, texture in zip(new.values(), decoded, strict=True):
            self._known[id(image)] = (image, self._add(texture))

    def index(self, image: Image.Image | None) -> int:
        """Texture id of an image that was decoded, -1 if there is none or it is damaged."""
        return -1 if image is None else self._known[id(image)][1]

    def _add(self, texture: NDArray[np.uint8] | str) -> int:
        if isinstance(texture, str):
            self.unreadable.append(texture)
            return -1
        self.textures.append(texture)
        return len(self.textures) - 1


def _decoded(image: Image.Image) -> NDArray[np.uint8] | str:
    """RGB (h, w, 3), or the error of the image."""
    try:
        # alpha is dropped: opaque is glTF's default, and a see-through scan texture is an artefact
        return np.asarray(image.convert("RGB"))
    except _DECODING_ERRORS as error:
        return f"a {image.format} texture ({error})"


def image_of(visual: Any) -> Image.Image | None:
    """The picture on a geometry, if it has one."""
    material = getattr(visual, "material", None)
    is_pbr = isinstance(material, trimesh.visual.material.PBRMaterial)
    image = getattr(material, "baseColorTexture" if is_pbr else "image", None)
    return image if isinstance(image, Image.Image) else None


def can_decode(path: Path) -> bool:
    """Whether an image file is whole."""
    try:
        with Image.open(path) as image:
            image.load()
    except _DECODING_ERRORS:
        return False
    return True


def surface_of(
    geometry: trimesh.Trimesh, transform: NDArray[np.floating], atlas: TextureAtlas
) -> TexturedSurface:
    """Place one geometry and read its appearance: texture times base colour times vertex colour."""
    triangles = np.asarray(geometry.faces, dtype=np.int64)
    if np.linalg.det(transform[:3, :3]) < 0:  # a mirror turns triangles inside out
        triangles = triangles[:, ::-1]
    vertices = np.asarray(geometry.vertices) @ transform[:3, :3].T + transform[:3, 3]
    visual = geometry.visual
    if isinstance(visual, trimesh.visual.TextureVisuals):
        colors, uvs, texture_id = _textured(visual, len(vertices), triangles, atlas)
    else:
        colors, uvs, texture_id = _colored(geometry, triangles), None, -1
    if uvs is None:
        uvs = np.zeros((*triangles.shape, 2), dtype=np.float32)
        texture_id = -1
    return TexturedSurface(vertices, triangles, colors, uvs, texture_id)


def _textured(
    visual: trimesh.visual.TextureVisuals,
    num_vertices: int,
    triangles: NDArray[np.int64],
    atlas: TextureAtlas,
) -> tuple[NDArray[np.uint8], NDArray[np.float32] | None, int]:
    """Corner colours (T, 3, 3), corner UVs (T, 3, 2) with v down or None, and the texture id."""
    material, image = visual.material, image_of(visual)
    if isinstance(material, trimesh.visual.material.PBRMaterial):
        factor = material.baseColorFactor
    else:
        # an MTL's diffuse colour is often a meaningless grey where it has a texture
        factor = None if image is not None else getattr(material, "diffuse", None)
    base = _WHITE if factor is None else trimesh.visual.color.to_rgba(factor)[:3]
    colors = np.broadcast_to(base, (*triangles.shape, 3))
    vertex_colors = visual.vertex_attributes.get("color")
    if vertex_colors is not None and len(vertex_colors) == num_vertices:
        corner = trimesh.visual.color.to_rgba(vertex_colors)[triangles][..., :3]
        colors = (colors.astype(np.uint16) * corner // 255).astype(np.uint8)
    uvs = None
    if visual.uv is not None and len(visual.uv) == num_vertices:
        placed = _placed_by_options(np.asarray(visual.uv, dtype=np.float64), image)
        uvs = placed.astype(np.float32)[triangles] * (1, -1) + (0, 1)  # trimesh: v up
    return np.ascontiguousarray(colors), None if uvs is None else uvs.astype(np.float32), atlas.index(image)


def _placed_by_options(uvs: NDArray[np.float64], image: Image.Image | None) -> NDArray[np.float64]:
    """Texture coordinates (V, 2), v up, with the scale -s and offset -o of an MTL's `map_Kd`."""
    _, options = without_options(str(getattr(image, "info", {}).get("file_path", "")))
    scale = np.array([*options.get("-s", []), 1.0, 1.0][:2])
    offset = np.array([*options.get("-o", []), 0.0, 0.0][:2])
    return uvs * scale + offset


def _colored(geometry: trimesh.Trimesh, triangles: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Corner colours (T, 3, 3) of vertex or face colours; a mesh without any is shaded by orientation."""
    visual: Any = geometry.visual
    if visual.kind == "vertex":
        return np.ascontiguousarray(np.asarray(visual.vertex_colors)[triangles][..., :3])
    if visual.kind == "face":
        return np.repeat(np.asarray(visual.face_colors)[:, None, :3], 3, axis=1)
    return _grey_by_orientation(np.asarray(geometry.vertices)[triangles])


def _grey_by_orientation(corners: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Greys by orientation for a mesh without appearance: plain white would hide its shape."""
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    grey = np.nan_to_num(110 + 10 * (normals @ np.array([2.0, 3.5, 4.0])))
    return np.ascontiguousarray(np.broadcast_to(grey.astype(np.uint8)[:, None, None], (len(corners), 3, 3)))
