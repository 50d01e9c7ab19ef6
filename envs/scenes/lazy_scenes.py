"""A scene set that makes scenes on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from robonav.envs.scenes.scene import Scene, SceneError

_KEPT_SCENES = 64


class LazyScenes:
    """Scenes by name; the last few stay in memory.

    Args:
        makers: Function that makes the scene, for each id.
    """

    def __init__(self, makers: Mapping[str, Callable[[], Scene]]) -> None:
        self._makers = dict(makers)
        self._make = lru_cache(maxsize=_KEPT_SCENES)(lambda scene_id: self._makers[scene_id]())

    @property
    def scene_ids(self) -> Sequence[str]:
        """Names of all scenes, in a fixed order."""
        return tuple(self._makers)

    def load(self, scene_id: str) -> Scene:
        """The scene with its free space.

        Raises:
            SceneError: The id is unknown, the file is damaged, or nothing can stand in the scene.
        """
        if scene_id not in self._makers:
            raise SceneError(f"scene {scene_id!r} is not in this set: it has {', '.join(self._makers)}")
        return self._make(scene_id)
