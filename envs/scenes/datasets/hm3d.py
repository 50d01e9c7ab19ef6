"""The HM3D layout: <root>/<split>/<number>-<name>/<name>.basis.glb, z up by the data set's config."""

from __future__ import annotations

import re
from pathlib import Path

from robonav.envs.scenes.datasets.dataset_config import configured_axes
from robonav.envs.scenes.meshes.scenes import Axes, SceneFile
from robonav.envs.scenes.scene import SceneError

SPLITS = ("train", "val", "minival", "test")
_SCENE_FOLDER = re.compile(r"\d{5}-\w+")
_AXES = Axes(up=(0, 0, 1), front=(0, 1, 0))  # the official hm3d_basis.scene_dataset_config.json


def discover(path: Path, split: str) -> list[SceneFile] | None:
    """Scenes of one split; `path` may be the root, its parent, a split's folder or one scene's folder.

    `minival`, the official excerpt, replaces an absent `val`.

    Raises:
        SceneError: The layout is HM3D's but the split is absent.
    """
    if not path.is_dir():
        return None
    path = path.resolve()
    if _SCENE_FOLDER.fullmatch(path.name) and _mesh_in(path):
        return [_scene_file(path)]
    if _scene_folders(path):
        return [_scene_file(folder) for folder in _scene_folders(path)]
    present = [name for name in SPLITS if _scene_folders(path / name)]
    if not present:
        inside = path / "hm3d"  # as habitat's downloader lays it out: versioned_data/hm3d-0.2/hm3d
        return discover(inside, split) if inside.is_dir() else None
    if split == "val" and "val" not in present:
        split = "minival"
    if split not in present:
        raise SceneError(
            f"{path} has no HM3D split {split!r}: it has {', '.join(present)}, so ask for one of these"
        )
    return [_scene_file(folder) for folder in _scene_folders(path / split)]


def _scene_folders(folder: Path) -> list[Path]:
    candidates = folder.glob("[0-9]*-*")
    return sorted(path for path in candidates if _SCENE_FOLDER.fullmatch(path.name) and _mesh_in(path))


def _mesh_in(folder: Path) -> Path | None:
    """The textured mesh of a scene folder: .basis.glb before .glb, never the .semantic.glb."""
    name = folder.name.split("-", 1)[1]
    return next((path for end in (".basis.glb", ".glb") if (path := folder / (name + end)).is_file()), None)


def _scene_file(folder: Path) -> SceneFile:
    mesh = _mesh_in(folder)
    assert mesh is not None  # only folders with a mesh come here
    return SceneFile(
        f"hm3d/{folder.parent.name}/{folder.name}", mesh, configured_axes(folder.parent.parent, default=_AXES)
    )
