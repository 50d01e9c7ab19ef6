"""Scene sets restricted to one floor."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from robonav.envs.scenes.scene import FreeSpace, Scene, SceneError


class Scenes(Protocol):
    """A scene set."""

    @property
    def scene_ids(self) -> Sequence[str]:
        """Names of all scenes."""

    def load(self, scene_id: str) -> Scene:
        """The scene, with its free space."""


def floors_of(scene: Scene) -> tuple[FreeSpace, ...]:
    """Free space of each floor of a scene, lowest first."""
    return scene.floors or tuple(space for space in (scene.free_space,) if space is not None)


def floor_name(floors: Sequence[FreeSpace], floor: int) -> str:
    """Name of a floor in reports, such as "floor 1 at 2.7 m"."""
    return f"floor {floor} at {round(floors[floor].floor_z, 1) + 0.0:.1f} m"


class OnFloor:
    """The scenes of a set that have a certain floor, with the free space of that floor.

    Every scene is loaded once to find them.

    Args:
        scenes: The set.
        floor: Index of the floor, 0 = lowest.

    Raises:
        SceneError: No scene has that floor, or one cannot be loaded.
    """

    def __init__(self, scenes: Scenes, floor: int) -> None:
        self._scenes, self._floor = scenes, floor
        lacking = {}
        for scene_id in scenes.scene_ids:
            floors = floors_of(scenes.load(scene_id))
            if floor >= len(floors):
                lacking[scene_id] = ", ".join(floor_name(floors, k) for k in range(len(floors)))
        self.scene_ids: Sequence[str] = [name for name in scenes.scene_ids if name not in lacking]
        if not self.scene_ids:
            name, found = next(iter(lacking.items()))
            raise SceneError(f"no scene has a floor {floor}: {name} has {found}, so ask for one of these")
        if lacking:
            warnings.warn(
                f"{len(lacking)} of {len(scenes.scene_ids)} scenes have no floor {floor} and are left out: "
                f"{', '.join(lacking)}",
                stacklevel=2,
            )

    def load(self, scene_id: str) -> Scene:
        """The scene with the free space of the floor; its metadata name the floor.

        Raises:
            SceneError: It has no such floor, or cannot be loaded.
        """
        scene = self._scenes.load(scene_id)
        floors = floors_of(scene)
        if self._floor >= len(floors):
            raise SceneError(f"scene {scene_id} has {len(floors)} floors, so none numbered {self._floor}")
        metadata = {**scene.metadata, "floor": floor_name(floors, self._floor)}
        return replace(scene, free_space=floors[self._floor], metadata=metadata)
