"""Mesh files (.glb .gltf .ply .obj) as scenes in robonav's world frame."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from robonav.envs.scenes.meshes.appearance import TextureAtlas, TexturedSurface, image_of, surface_of
from robonav.envs.scenes.meshes.check import (
    check_extent,
    check_geometry,
    check_images,
    check_not_empty,
    check_triangles,
)
from robonav.envs.scenes.meshes.gltf import OpenedGltf, open_gltf
from robonav.envs.scenes.meshes.older_formats import opened_text, remarks_on
from robonav.envs.scenes.meshes.origin import moved_to_origin
from robonav.envs.scenes.meshes.placing import MESH_SUFFIXES, place
from robonav.envs.scenes.meshes.side_files import SideFiles
from robonav.envs.scenes.scene import Scene, SceneError


def load_mesh_file(
    path: str | Path,
    scene_id: str | None = None,
    up: str | ArrayLike | None = None,
    front: ArrayLike | None = None,
    scale: float | None = 1.0,
) -> Scene:
    """Load one mesh file with its textures and turn it into the world frame (x forward, z up, metres).

    Args:
        path: A .glb, .gltf, .ply or .obj file; textures are read from its folder or below.
        scene_id: Name of the scene; the file's name by default.
        up: "y", "z" or a direction in file coordinates. By default y for glTF (its standard) and z for
            .ply and .obj; `GUESS` asks the mesh.
        front: Direction in file coordinates that becomes world x. By default -z where y is up (Habitat's
            convention) and x where z is up (then the coordinates stay as they are).
        scale: Metres in a unit of the file; None asks the mesh.

    Raises:
        SceneError: The file is absent, damaged, empty or not a mesh.
    """
    path = Path(path)
    check_is_mesh(path)
    check_not_empty(path)
    atlas = TextureAtlas()
    side_files = SideFiles(path)
    opened = _open(path, side_files)
    with opened.file:
        surfaces = _read_surfaces(path, opened, side_files, atlas)
    vertices, triangles = _join_geometry(surfaces)
    check_geometry(path, vertices, triangles)
    placing = place(path, vertices, triangles, up, front, scale)
    vertices *= placing.scale
    check_extent(path, vertices)
    moved, far = moved_to_origin(vertices)
    damaged = atlas.unreadable and (side_files.damaged_images() or atlas.unreadable)
    unread = list(dict.fromkeys(side_files.missing + damaged + opened.unread_textures))
    remarks = [*opened.remarks, *remarks_on(path, surfaces), *far]
    warn_of_what_is_not_shown(path, unread, remarks)
    facts = {
        "file": str(path),
        "side_files": side_files.digests(side_files.asked),
        "unread_textures": unread,
        "remarks": remarks,
        "moved_by": list(moved),
        "placing": asdict(placing),
    }
    return Scene(
        scene_id=scene_id or path.stem,
        vertices=(vertices @ placing.rotation.T).astype(np.float32),
        triangles=triangles.astype(np.int32),
        corner_colors=np.concatenate([surface.corner_colors for surface in surfaces]),
        corner_uvs=np.concatenate([surface.corner_uvs for surface in surfaces]),
        texture_ids=np.concatenate([np.full(len(s.triangles), s.texture_id, np.int32) for s in surfaces]),
        textures=tuple(atlas.textures),
        metadata=facts,
    )


def _open(path: Path, side_files: SideFiles) -> OpenedGltf:
    suffix = path.suffix.lower()
    if suffix not in (".glb", ".gltf"):
        return OpenedGltf(opened_text(path, suffix), suffix, [], [])
    try:
        return open_gltf(path, side_files)
    except FileNotFoundError as error:
        raise _unreadable(path, side_files, error) from error


def _read_surfaces(
    path: Path, opened: OpenedGltf, side_files: SideFiles, atlas: TextureAtlas
) -> list[TexturedSurface]:
    """Every triangle geometry of the file, placed by the file's own scene graph."""
    try:
        kind = opened.suffix.lstrip(".")
        scene = trimesh.load_scene(opened.file, file_type=kind, resolver=side_files, process=False)
        return _placed_surfaces(path, scene, atlas)
    except SceneError:
        raise
    except Exception as error:  # trimesh raises whatever the damage leads to
        raise _unreadable(path, side_files, error) from error


def _unreadable(path: Path, side_files: SideFiles, error: Exception) -> SceneError:
    missing = [name for name in side_files.missing if not name.lower().endswith(".mtl")]
    reason = f"its side file {missing[0]} is missing" if missing else f"{type(error).__name__}: {error}"
    return SceneError(
        f"{path} cannot be read as {path.suffix} mesh ({reason[:120]}): export or download it again"
    )


def _placed_surfaces(path: Path, scene: trimesh.Scene, atlas: TextureAtlas) -> list[TexturedSurface]:
    placed = [scene.graph[node] for node in scene.graph.nodes_geometry]
    parts = [(scene.geometry[name], transform) for transform, name in placed]
    parts = [part for part in parts if isinstance(part[0], trimesh.Trimesh) and len(part[0].faces)]
    if not parts:
        raise SceneError(
            f"{path} has no triangles: expected a triangle mesh, so export the surface, not points"
        )
    check_triangles(path, sum(len(part.faces) for part, _ in parts))
    images = [image for part, _ in parts if (image := image_of(part.visual)) is not None]
    check_images(path, images)
    atlas.decode(images)
    return [surface_of(part, transform, atlas) for part, transform in parts]


def _join_geometry(surfaces: list[TexturedSurface]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    starts = np.cumsum([0, *(len(surface.vertices) for surface in surfaces)])
    triangles = [surface.triangles + start for surface, start in zip(surfaces, starts, strict=False)]
    return np.concatenate([surface.vertices for surface in surfaces]), np.concatenate(triangles)


def check_is_mesh(path: Path) -> None:
    """Raise SceneError if there is no file, or one of a kind that is not read."""
    if path.suffix.lower() not in MESH_SUFFIXES:
        raise SceneError(f"{path} is no mesh file: expected one of {' '.join(MESH_SUFFIXES)}")
    if not path.is_file():
        raise SceneError(f"{path} does not exist: check the path")


def warn_of_what_is_not_shown(path: Path, textures: Sequence[str], others: Sequence[str]) -> None:
    """Say once which images of a mesh could not be read, and what else of it is left out."""
    if textures:
        warnings.warn(
            f"{path}: cannot read {', '.join(textures)}: these surfaces show their plain colour; "
            "give it readable PNG or JPEG files",
            stacklevel=3,
        )
    if others:
        warnings.warn(f"{path}: {'; '.join(others)}", stacklevel=3)
