"""The Gibson layout: <root>/<name>.glb with <name>.navmesh beside it, y up, no splits on disk."""

from __future__ import annotations

from pathlib import Path

from robonav.envs.scenes.datasets.dataset_config import configured_axes
from robonav.envs.scenes.meshes.scenes import Axes, SceneFile

_AXES = Axes(up=(0, 1, 0), front=(0, 0, -1))


def discover(path: Path, split: str) -> list[SceneFile] | None:
    """All scenes of the folder: Gibson's splits are lists in its episode files, not folders."""
    if not path.is_dir():
        return None
    meshes = [mesh for mesh in sorted(path.glob("*.glb")) if mesh.with_suffix(".navmesh").is_file()]
    if not meshes:
        return None
    axes = configured_axes(path, default=_AXES)
    return [SceneFile(f"gibson/{mesh.stem}", mesh, axes) for mesh in meshes]
