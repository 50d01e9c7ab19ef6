"""Worlds: procedural houses, and meshes from a file, a folder, or a data set folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from robonav.envs.scenes import folder, gibson, habitat_dataset, hm3d
from robonav.envs.scenes.free_space import DEFAULT_AGENT, AgentShape, free_space_of
from robonav.envs.scenes.mesh_scenes import MeshScenes
from robonav.envs.scenes.scene import FreeSpace, Scene, SceneError

__all__ = ["AgentShape", "FreeSpace", "Scene", "SceneError", "SceneSet", "free_space_of", "open_scenes"]

# Each says which scenes a path holds, or None if it is not laid out in its way; the first answer counts.
LAYOUTS = (hm3d.discover, gibson.discover, habitat_dataset.discover, folder.discover)


class SceneSet(Protocol):
    """Scenes that can be loaded by name."""

    @property
    def scene_ids(self) -> Sequence[str]:
        """Names of all scenes, in a fixed order."""

    def load(self, scene_id: str) -> Scene:
        """The scene, with its free space."""


def open_scenes(spec: str, split: str = "val", agent: AgentShape = DEFAULT_AGENT) -> SceneSet:
    """Open the scenes that a user names.

    Args:
        spec: "procedural", a mesh file, a folder of meshes, a folder in the HM3D or Gibson layout, or
            any other folder (or file) with a scene_dataset_config.json that lists stages.
        split: Which part of a data set that has splits.
        agent: Shape that the free space is computed for.

    Raises:
        SceneError: There is no scene.
    """
    if spec == "procedural":
        from robonav.envs.scenes.procedural import ProceduralHouses

        return ProceduralHouses(split=split, radius_m=agent.radius_m, height_m=agent.height_m)
    path = Path(spec)
    if not path.exists():
        raise SceneError(
            f"{spec} does not exist: expected 'procedural', a mesh file or a folder of scenes; check the path"
        )
    found = (discover(path, split) for discover in LAYOUTS)
    return MeshScenes(next(files for files in found if files is not None), agent)
