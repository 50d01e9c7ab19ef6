"""Scene sets of mesh files."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from robonav.envs.scenes.array_cache import ArrayCache
from robonav.envs.scenes.free_space import DEFAULT_AGENT, AgentShape, all_floors_of
from robonav.envs.scenes.meshes.placing import Direction, Placing
from robonav.envs.scenes.scene import MeshSource, Scene, SceneError


@dataclass(frozen=True)
class Axes:
    """Directions in file coordinates that become world z and world x; None = the file format's default.

    Up may also be "y" or "z", or `GUESS`.
    """

    up: Direction | str | None = None
    front: Direction | None = None


@dataclass(frozen=True)
class SceneFile:
    """One scene of a set: its name, its mesh, its axes, and metres in a unit of the file (None = guess)."""

    scene_id: str
    path: Path
    axes: Axes = Axes()
    scale: float | None = 1.0
    navmesh: Path | None = None

    @property
    def navmesh_path(self) -> Path | None:
        """Habitat's navmesh where the data set has it, else NAME.navmesh beside NAME.glb, or None."""
        navmesh = self.navmesh or self.path.with_suffix(".navmesh")
        return navmesh if navmesh.is_file() else None


class MeshScenes:
    """Scenes from mesh files; each gets its free space when it is loaded.

    Args:
        files: The scenes; their ids must be unique.
        agent: Shape that the free space is computed for.
        entries: Cache of loaded scenes; the user's cache by default.
    """

    def __init__(
        self,
        files: Sequence[SceneFile],
        agent: AgentShape = DEFAULT_AGENT,
        entries: ArrayCache | None = None,
    ) -> None:
        self._files = {file.scene_id: file for file in files}
        self._agent = agent
        self._entries = entries or ArrayCache.of_user()
        # several agents share the scene; it is freed with the last reference
        self._loaded: weakref.WeakValueDictionary[str, Scene] = weakref.WeakValueDictionary()

    @property
    def scene_ids(self) -> Sequence[str]:
        """Names of all scenes, in a fixed order."""
        return tuple(self._files)

    def load(self, scene_id: str) -> Scene:
        """The scene with its free space.

        Raises:
            SceneError: The id is unknown, the file is unusable, or it has no free space.
        """
        if scene_id not in self._files:
            raise SceneError(f"scene {scene_id!r} is not in this set: it has {', '.join(self._files)}")
        scene = self._loaded.get(scene_id)
        if scene is None:
            file = self._files[scene_id]
            scene = self._load(file)
            if scene.source is not None:  # else the mesh was moved, and its navmesh was not
                scene = replace(scene, navmesh_path=file.navmesh_path)
            self._loaded[scene_id] = scene
        return scene

    def file_of(self, scene_id: str) -> Path:
        """The file of a scene."""
        return self._files[scene_id].path

    def _load(self, file: SceneFile) -> Scene:
        from robonav.envs.scenes.meshes.mesh_file import check_is_mesh  # trimesh takes half a second
        from robonav.envs.scenes.scene_cache import cached_scene

        check_is_mesh(file.path)
        anonymous = replace(file, scene_id="", path=Path(file.path.suffix.lower()), navmesh=None)
        recipe = f"{anonymous} {self._agent}"
        scene = cached_scene(file.path, recipe, lambda: self._build(file), self._entries)
        facts = {**scene.metadata, "file": str(file.path)}  # a copy of the file elsewhere has the same entry
        placing = Placing(**facts["placing"])
        if placing.said:
            warnings.warn(f"{file.path}: {placing.said}", stacklevel=3)
        is_moved = any(facts["moved_by"])  # then other simulators have it elsewhere
        path = file.path.resolve()
        source = None if is_moved else MeshSource(path, placing.up, placing.front, placing.scale)
        return replace(scene, scene_id=file.scene_id, metadata=facts, source=source)

    def _build(self, file: SceneFile) -> Scene:
        from robonav.envs.scenes.meshes.mesh_file import load_mesh_file

        scene = load_mesh_file(file.path, file.scene_id, file.axes.up, file.axes.front, file.scale)
        try:
            free_space, floors = all_floors_of(scene.vertices, scene.triangles, self._agent)
        except SceneError as error:
            raise SceneError(f"{file.path}: {error}{_placed(scene)}") from error
        return replace(scene, free_space=free_space, floors=tuple(floors))


def _placed(scene: Scene) -> str:
    """The assumed axes and unit of a mesh, for error messages."""
    placing = Placing(**scene.metadata["placing"])
    size = " x ".join(f"{side:.3g}" for side in np.ptp(scene.vertices, axis=0))
    axis = {(0.0, 1.0, 0.0): "y", (0.0, 0.0, 1.0): "z"}.get(placing.up, str(placing.up))
    return f" (it was taken with {axis} up and is then {size} m; --up and --scale change that)"
