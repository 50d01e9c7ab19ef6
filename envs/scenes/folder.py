"""A user's own mesh file, or a folder of them."""

from __future__ import annotations

from pathlib import Path

from robonav.envs.scenes.dataset_config import configured_axes, is_semantic
from robonav.envs.scenes.mesh_file import MESH_SUFFIXES
from robonav.envs.scenes.mesh_scenes import Axes, SceneFile
from robonav.envs.scenes.scene import SceneError


def discover(path: Path, split: str) -> list[SceneFile]:
    """The file itself, or the meshes of a folder (of its sub-folder <split>, where there is one).

    Raises:
        SceneError: There is no mesh.
    """
    if path.is_file():
        return [SceneFile(path.name, path)]
    folder = path / split if (path / split).is_dir() else path
    meshes = sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in MESH_SUFFIXES and file.is_file() and not is_semantic(file)
    )
    if not meshes:
        raise SceneError(
            f"{folder} holds no scene: expected {' '.join(MESH_SUFFIXES)} files, or folders in the HM3D "
            "layout (<split>/00800-Name/Name.basis.glb), so check the path"
        )
    axes = configured_axes(path, default=Axes())
    return [SceneFile(mesh.name, mesh, axes) for mesh in meshes]
