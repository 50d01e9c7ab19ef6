"""Shows on a terminal which scene is being loaded: a large scan takes seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.status import Status

if TYPE_CHECKING:
    from robonav.envs.scenes import Scene, SceneSet


@dataclass(frozen=True)
class _ShownScenes:
    """A scene set that says what it is about to do."""

    scenes: SceneSet
    status: Status

    @property
    def scene_ids(self) -> Sequence[str]:
        return self.scenes.scene_ids

    def load(self, scene_id: str) -> Scene:
        self.status.update(f"loading {scene_id}")
        return self.scenes.load(scene_id)


@contextmanager
def loading_shown(scenes: SceneSet) -> Iterator[SceneSet]:
    """The same scenes; while the block runs, a terminal shows which one is being loaded."""
    with Console(stderr=True).status("reading episodes") as status:
        yield _ShownScenes(scenes, status)
