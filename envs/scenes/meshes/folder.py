"""The user's own mesh file, or a folder of them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from robonav.envs.scenes.datasets.dataset_config import configured_axes, is_semantic
from robonav.envs.scenes.meshes.placing import GUESS, MESH_SUFFIXES, usual_front
from robonav.envs.scenes.meshes.scenes import Axes, SceneFile
from robonav.envs.scenes.scene import SceneError
from robonav.envs.scenes.spec import Spec

_LIKELY = (*MESH_SUFFIXES, ".yaml", ".npy", ".json")
_MOST_LOOKED_AT = 1000


def discover(spec: Spec, split: str) -> list[SceneFile]:
    """The file itself, or the meshes of a folder (of its sub-folder <split>, where there is one).

    Axes come from the user or the folder's config; otherwise they are guessed.

    Raises:
        SceneError: There is no mesh.
    """
    path = Path(spec.path)
    if path.is_file():
        return [SceneFile(path.name, path, _axes(spec, path), spec.scale)]
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
            f"{folder} holds no scene: expected {' '.join(MESH_SUFFIXES)} files, ROS maps (.yaml), room "
            "scans (.json), or a data set as `robonav scenes expected hm3d` shows it, so check the path"
            f"{_elsewhere(folder)}"
        )
    configured = configured_axes(path, default=Axes())
    told = spec.up is None and configured != Axes()
    return [
        SceneFile(mesh.name, mesh, configured if told else _axes(spec, mesh), spec.scale) for mesh in meshes
    ]


def _elsewhere(folder: Path) -> str:
    """A hint at the first folder below that has what looks like a scene."""
    below = islice(folder.glob("*/*"), _MOST_LOOKED_AT)
    found = next((file for file in below if file.suffix.lower() in _LIKELY and file.is_file()), None)
    return "" if found is None else f"; there is {found.name} in {found.parent}, say"


def _axes(spec: Spec, mesh: Path) -> Axes:
    return Axes(GUESS) if spec.up is None else Axes(spec.up, usual_front(mesh, spec.up))
