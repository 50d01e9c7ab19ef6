"""Scenes: procedural houses, meshes, floor plans, room scans, and kinds of other packages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from robonav.envs.scenes.datasets import gibson, habitat_dataset, hm3d, replica
from robonav.envs.scenes.floorplans import gibson_floors, kth_floorplans, ros_map
from robonav.envs.scenes.free_space import DEFAULT_AGENT, AgentShape, free_space_of
from robonav.envs.scenes.meshes import folder
from robonav.envs.scenes.meshes.scenes import MeshScenes, SceneFile
from robonav.envs.scenes.plugins import plugged_in
from robonav.envs.scenes.room_scans import room_scan
from robonav.envs.scenes.scene import FreeSpace, Scene, SceneError
from robonav.envs.scenes.spec import Spec

__all__ = [
    "AgentShape",
    "FileScenes",
    "FreeSpace",
    "Scene",
    "SceneError",
    "SceneSet",
    "Spec",
    "free_space_of",
    "open_scenes",
]


class SceneSet(Protocol):
    """Scenes that can be loaded by name."""

    @property
    def scene_ids(self) -> Sequence[str]:
        """Names of all scenes, in a fixed order."""

    def load(self, scene_id: str) -> Scene:
        """The scene, with its free space."""


@runtime_checkable
class FileScenes(Protocol):
    """A scene set whose scenes are files."""

    def file_of(self, scene_id: str) -> Path:
        """The file of a scene."""


# What opens the scenes that a user names, for a split and an agent, if they are of its kind, else says None.
OpenKind = Callable[[str, str, AgentShape], SceneSet | None]


def _procedural(spec: str, split: str, agent: AgentShape) -> SceneSet | None:
    if spec != "procedural":
        return None
    from robonav.envs.scenes.procedural.houses import ProceduralHouses

    return ProceduralHouses(split=split, radius_m=agent.radius_m, height_m=agent.height_m)


def _meshes(discover: Callable[[Path, str], list[SceneFile] | None]) -> OpenKind:
    def open_kind(spec: str, split: str, agent: AgentShape) -> SceneSet | None:
        files = discover(Path(spec), split)
        return None if files is None else MeshScenes(files, agent)

    return open_kind


# A new kind is one file and one line here, or an entry point of another package; the first answer counts.
KINDS: tuple[OpenKind, ...] = (
    _procedural,
    _meshes(hm3d.discover),
    _meshes(gibson.discover),
    _meshes(replica.discover),
    _meshes(habitat_dataset.discover),
    ros_map.open_kind,
    gibson_floors.open_kind,
    kth_floorplans.open_kind,
    room_scan.open_kind,
)


def open_scenes(spec: str, split: str = "val", agent: AgentShape = DEFAULT_AGENT) -> SceneSet:
    """Open a scene set by path or name.

    Args:
        spec: "procedural", a mesh file, a folder of meshes, a folder in the HM3D, Gibson or Replica layout,
            any other with a scene_dataset_config.json that lists stages, a floor plan (a map.yaml of
            ROS, a folder of gibson_floors or kth_floorplans), a room scan (.json) or a folder of
            them, or a path that an installed plug-in opens. Behind a mesh or a folder of meshes may stand
            how they lie: ",up=y", ",scale=0.01" (see `Spec`); else that is guessed.
        split: Split of a data set that has splits.
        agent: Shape that the free space is computed for.

    Raises:
        SceneError: No scene was found.
    """
    parsed = Spec.parse(spec)
    if parsed == Spec(spec):  # to the kinds that know how they lie
        for open_kind in (*KINDS, *plugged_in()):
            scenes = open_kind(spec, split, agent)
            if scenes is not None:
                return scenes
    if not Path(parsed.path).exists():
        raise SceneError(
            f"{parsed.path} does not exist: expected 'procedural', a mesh, a map.yaml, a room scan or a "
            "folder of scenes; check the path"
        )
    return MeshScenes(folder.discover(parsed, split), agent)
