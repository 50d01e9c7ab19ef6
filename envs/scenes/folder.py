"""A user's own mesh file, or a folder of them."""

from __future__ import annotations

from pathlib import Path

from robonav.envs.scenes.dataset_config import configured_axes, is_semantic
from robonav.envs.scenes.mesh_file import MESH_SUFFIXES
from robonav.envs.scenes.mesh_placing import GUESS
from robonav.envs.scenes.mesh_scenes import Axes, SceneFile
from robonav.envs.scenes.scene import SceneError
from robonav.envs.scenes.spec import Spec


def discover(spec: Spec, split: str) -> list[SceneFile]:
    """The file itself, or the meshes of a folder (of its sub-folder <split>, where there is one).

    Axes are those that the user gives, or the folder's config; what nobody says is guessed.

    Raises:
        SceneError: There is no mesh.
    """
    path = Path(spec.path)
    axes = Axes(spec.up or GUESS)
    if path.is_file():
        return [SceneFile(path.name, path, axes, spec.scale)]
    folder = path / split if (path / split).is_dir() else path
    meshes = sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in MESH_SUFFIXES and file.is_file() and not is_semantic(file)
    )
    if not meshes:
        if spec != Spec(spec.path):
            raise SceneError(
                f"{folder} holds no mesh: --up and --scale are for {' '.join(MESH_SUFFIXES)} files "
                "and folders of them, so leave them out; other kinds say themselves how they lie"
            )
        raise SceneError(
            f"{folder} holds no scene: expected {' '.join(MESH_SUFFIXES)} files, or folders in the HM3D "
            "layout (<split>/00800-Name/Name.basis.glb), so check the path"
        )
    if spec.up is None:
        axes = configured_axes(path, default=axes)
    return [SceneFile(mesh.name, mesh, axes, spec.scale) for mesh in meshes]
