"""The Replica layout: <root>/<scene>/mesh.ply in vertex colours, its navmesh in habitat/, z up."""

from __future__ import annotations

from pathlib import Path

from robonav.envs.scenes.meshes.scenes import Axes, SceneFile

_AXES = Axes(up=(0, 0, 1), front=(0, 1, 0))  # as its replica_stage.stage_config.json files say
_MESH, _NAVMESH = "mesh.ply", Path("habitat") / "mesh_semantic.navmesh"


def discover(path: Path, split: str) -> list[SceneFile] | None:
    """All scenes of the root, or the one whose folder it is; Replica has no splits."""
    folders = [path] if _is_scene(path) else sorted(filter(_is_scene, path.glob("*/")))
    files = (
        SceneFile(f"replica/{f.resolve().name}", f / _MESH, _AXES, navmesh=f / _NAVMESH) for f in folders
    )
    return list(files) or None


def _is_scene(folder: Path) -> bool:
    return (folder / _MESH).is_file() and (folder / "habitat").is_dir()
