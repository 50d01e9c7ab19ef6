"""Meshes as GLB for browsers, in the world frame (z up, as viser expects)."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image
from trimesh.visual.material import PBRMaterial

from robonav.envs.scenes.scene import Scene
from robonav.maps.reconstruction.mesh import Mesh

# glTF's vertex colours are linear, ours are what screens show (sRGB, IEC 61966-2-1)
_SCREEN = np.arange(256) / 255
_LINEAR = np.where(_SCREEN <= 0.04045, _SCREEN / 12.92, ((_SCREEN + 0.055) / 1.055) ** 2.4)
LINEAR = np.round(255 * _LINEAR).astype(np.uint8)


def mesh_glb(mesh: Mesh) -> bytes:
    """A coloured mesh whose back faces are hidden, so that rooms are visible from outside."""
    vertices, triangles, colors = mesh
    part = trimesh.Trimesh(vertices, triangles, vertex_colors=LINEAR[colors], process=False)
    return _bytes(trimesh.Scene([part]))


def scene_glb(scene: Scene, chosen: NDArray[np.bool_]) -> bytes:
    """Some triangles (T,) of a scene with their colours and textures."""
    parts = trimesh.Scene()
    for texture in np.unique(scene.texture_ids[chosen]).tolist():
        index = np.flatnonzero(chosen & (scene.texture_ids == texture))
        corners = scene.vertices[scene.triangles[index]].reshape(-1, 3)
        faces = np.arange(len(corners)).reshape(-1, 3)
        if texture < 0:
            colors = LINEAR[scene.corner_colors[index].reshape(-1, 3)]
            part = trimesh.Trimesh(corners, faces, vertex_colors=colors, process=False)
        else:
            part = trimesh.Trimesh(corners, faces, visual=_textured(scene, texture, index), process=False)
        parts.add_geometry(part)
    return _bytes(parts)


def _textured(scene: Scene, texture: int, index: NDArray[np.int64]) -> trimesh.visual.TextureVisuals:
    """Texture times the mean colour of the triangles that have it; glTF's v points up in trimesh."""
    uv = scene.corner_uvs[index].reshape(-1, 2) * [1, -1] + [0, 1]
    tint = LINEAR[np.round(scene.corner_colors[index].reshape(-1, 3).mean(axis=0)).astype(int)]
    image = Image.fromarray(scene.textures[texture])
    image.format = "JPEG"  # an eighth of the bytes of a PNG
    material = PBRMaterial(
        baseColorTexture=image, baseColorFactor=[*tint.tolist(), 255], metallicFactor=0.0, roughnessFactor=1.0
    )
    return trimesh.visual.TextureVisuals(uv=uv, material=material)


def _bytes(parts: trimesh.Scene) -> bytes:
    data = parts.export(file_type="glb")
    assert isinstance(data, bytes)
    return data
