"""A short evaluation of a generated house, as it was shown to who watched it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from robonav.envs.scenes import open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Frames
from robonav.evaluation.records import RunFolder
from robonav.evaluation.runner import Evaluation, Settings
from robonav.planners.frontier import nearest_frontier
from robonav.watching import Curve

STEPS = 40


@dataclass
class Witness:
    """A viewer that remembers what it was shown."""

    titles: list[str] = field(default_factory=list)
    frames: list[Frames] = field(default_factory=list)
    camera: Camera | None = None

    def begin(self, title: str, camera: Camera | None, frames: Frames) -> None:
        self.titles.append(title)
        self.camera = camera
        self.frames.append(frames.of(0))

    def show(self, frames: Frames, curve: Callable[[], Curve]) -> None:
        self.frames.append(frames.of(0))


@dataclass(frozen=True)
class Run:
    """The folder of the evaluation, and what its first episode looked like."""

    folder: Path
    witness: Witness


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    settings = Settings("nearest-frontier", episodes=1, steps=STEPS, num_envs=1)
    folder, witness = tmp_path_factory.mktemp("viewer") / "run", Witness()
    scenes = open_scenes(settings.scenes)
    evaluation = Evaluation(settings, nearest_frontier(), scenes, threads=1, viewer=witness)
    evaluation.run(RunFolder(folder, asdict(settings), resume=False), lambda steps: None)
    return Run(folder, witness)
