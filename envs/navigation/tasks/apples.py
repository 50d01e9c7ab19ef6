"""Apple picking (ReCuriosity's downstream task): walk up to every apple that can be found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.tasks.task import COMPLETENESS, Score, TaskConfig, TaskStep, Walk, task_rng
from robonav.envs.scenes.scene import FreeSpace, SceneError
from robonav.envs.sensors.spheres import Spheres
from robonav.envs.world import Episode, Frames

APPLES, MOST_APPLES = 5, 254
DIAMETER_M = 0.40
BELOW_CAMERA_M = 0.15
APART_M = 0.8
REACH_M = 1.5
APPLE_REWARD = 0.5
STEP_COST = 1e-4  # ReCuriosity's 0.5 * 2e-4
_RED = (190.0, 20.0, 25.0)


@dataclass(frozen=True)
class ApplesConfig(TaskConfig):
    """Pick the apples that hang on the island of the start, by walking up to them."""

    count: int = APPLES
    """Apples in an episode, 1 to 254."""

    name: ClassVar[str] = "apples"
    scores: ClassVar[tuple[Score, ...]] = (Score("apples_picked", "Apples picked"), *COMPLETENESS)
    aliases: ClassVar[Mapping[str, str]] = {"apples": "count"}
    marks_are: ClassVar[str] = "where apples hang at first"

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be hung up."""
        if not 1 <= self.count <= MOST_APPLES:
            raise SceneError(f"the count of apples is {self.count}: give 1 to {MOST_APPLES}")

    def make(self, simulator: NavigationSimulator) -> ApplePicking:
        """The task of all agents of a simulator; it hangs the apples up and picks them."""
        return ApplePicking(simulator, self.count)

    def score(self, walk: Walk, steps: Iterable[int]) -> dict[str, Any]:
        """Number of apples that were picked up to each step."""
        return {"apples_picked": {str(step): int(walk.achieved[step]) for step in sorted(steps)}, **walk.task}

    def marks(self, record: Mapping[str, Any]) -> list[tuple[float, float]]:
        """Places (x, y) of the apples at the start, picked ones included."""
        return [(x, y) for x, y in record["apples_at"]]


class ApplePicking:
    """Apples hang on the island that an agent starts on; one that is in view and within 1.5 m is picked.

    The reward is 0.5 an apple, less 0.0001 a step; the episode is over when all are picked. Agents walk
    through apples as through air.

    Args:
        simulator: Where; its instances become the apples.
        count: Apples in an episode, at most 254.

    Attributes:
        achieved: (N,) int64 apples that were picked.
    """

    def __init__(self, simulator: NavigationSimulator, count: int = APPLES) -> None:
        self._simulator, self.count = simulator, count
        self.achieved = np.zeros(simulator.num_agents, np.int64)
        self.apples = Spheres(simulator.camera, simulator.num_agents, count, DIAMETER_M / 2, _RED)
        simulator.instances = self.apples

    def spaces(self) -> dict[str, spaces.Space[Any]]:
        """Nothing: apples are to be seen."""
        return {}

    def observe(self) -> dict[str, NDArray[Any]]:
        """Nothing."""
        return {}

    def begin(self, episodes: Sequence[Episode], agents: Sequence[int]) -> None:
        """Hang up the apples of episodes."""
        for episode, agent in zip(episodes, agents, strict=True):
            free_space = self._simulator.load(episode.scene_id).free_space
            try:
                xy = scattered(free_space, episode.start, self.count, task_rng("apples", episode))
            except SceneError as error:
                raise SceneError(f"scene {episode.scene_id} {error}") from error
            z = free_space.floor_z + self._simulator.camera.height_m - BELOW_CAMERA_M
            self.apples.centres[agent] = np.column_stack([xy, np.full(self.count, z)])
            self.apples.present[agent] = True
            self.achieved[agent] = 0

    def judge(self, frames: Frames) -> TaskStep:
        """Pick what is in view and near; it is gone from the next frame on."""
        offsets = self.apples.centres - frames.T_world_camera[:, None, :3, 3]
        near = np.linalg.norm(offsets, axis=2) < REACH_M
        picked = self.apples.in_view() & near & self.apples.present
        self.apples.present &= ~picked
        count = picked.sum(axis=1)
        self.achieved += count
        reward = (APPLE_REWARD * count - STEP_COST).astype(np.float32)
        return TaskStep(reward, np.asarray(~self.apples.present.any(axis=1)))

    def facts(self, agent: int) -> dict[str, Any]:
        """Places of an agent's apples, picked ones included: x, y in metres."""
        return {"apples_at": self.apples.centres[agent, :, :2].round(3).astype(float).tolist()}


def scattered(
    free_space: FreeSpace, start: tuple[float, float, float], count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Random free places (count, 2), at least 0.8 m apart, on the island of the start.

    Raises:
        SceneError: The island is too small.
    """
    island = int(free_space.island_at(np.array(start[:2])))
    cells = free_space.centres(rng.permutation(np.argwhere(free_space.islands == island)))
    chosen = np.empty((0, 2))
    while len(cells) and len(chosen) < count:
        chosen = np.vstack([chosen, cells[:1]])
        cells = cells[np.linalg.norm(cells - cells[0], axis=1) >= APART_M]
    if len(chosen) < count:
        raise SceneError(
            f"has room for {len(chosen)} apples that are {APART_M:g} m apart, not for {count}, within reach "
            "of a start: give fewer apples, or larger scenes"
        )
    return chosen
