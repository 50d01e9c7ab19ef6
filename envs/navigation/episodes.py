"""Starts of episodes: a pure function of a seed, so that any run can be repeated and resumed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.scenes.scene import FreeSpace, SceneError
from robonav.envs.world import Episode


def sample_episode(simulator: NavigationSimulator, scene_id: str, seed: int, episode_id: str = "") -> Episode:
    """One episode in one scene; the same seed gives the same start."""
    start = seeded_start(simulator.load(scene_id).free_space, seed)
    return Episode(episode_id or f"{scene_id}#{seed}", scene_id, seed, start)


def seeded_start(free_space: FreeSpace, seed: int) -> tuple[float, float, float]:
    """The start (x, y, yaw) that belongs to a seed."""
    return sample_start(free_space, np.random.default_rng(seed))


class EpisodeStream:
    """Endless training episodes: the k-th of environment i depends on (seed, i, k) and on nothing else.

    Its whole state is the counters, which is what makes a resumed run continue bit for bit. Where processes
    share a run's environments, `first` is the number of this one's first.
    """

    def __init__(self, simulator: NavigationSimulator, seed: int, first: int = 0) -> None:
        self._simulator, self.seed, self._first = simulator, seed, first
        self.started = np.zeros(simulator.num_agents, dtype=np.int64)
        self._scenes = UsableScenes(simulator)

    def next(self, agents: Sequence[int]) -> list[Episode]:
        """The next episode of each of these environments."""
        return [self._draw(agent) for agent in agents]

    def _draw(self, agent: int) -> Episode:
        count = int(self.started[agent])
        self.started[agent] += 1
        env = self._first + agent
        rng = np.random.default_rng([self.seed, env, count])
        scene_ids = self._simulator.scenes.scene_ids
        scene_id = scene_ids[int(rng.integers(len(scene_ids)))]
        while not self._scenes.has(scene_id):  # the same ones are drawn again when the run is resumed
            scene_id = scene_ids[int(rng.integers(len(scene_ids)))]
        start = sample_start(self._simulator.load(scene_id).free_space, rng)
        return Episode(f"train-{self.seed}-{env}-{count}", scene_id, self.seed, start)


class UsableScenes:
    """Scenes of a simulator that agents can walk in; one that cannot be used is reported once and left out.

    Attributes:
        unusable: Why each scene that was found to be unusable is.
    """

    def __init__(self, simulator: NavigationSimulator) -> None:
        self._simulator = simulator
        self.unusable: dict[str, str] = {}

    def has(self, scene_id: str) -> bool:
        """Whether a scene can be loaded, which it is then.

        Raises:
            SceneError: None of the scenes can be used.
        """
        if scene_id not in self.unusable:
            try:
                self._simulator.load(scene_id)
                return True
            except SceneError as error:
                self.unusable[scene_id] = str(error)
        if len(self.unusable) == len(self._simulator.scenes.scene_ids):
            raise SceneError(self.unusable[scene_id])
        warnings.warn(f"scene {scene_id} is left out: {self.unusable[scene_id]}", stacklevel=2)
        return False


def sample_start(free_space: FreeSpace, rng: np.random.Generator) -> tuple[float, float, float]:
    """A random start (x, y, yaw) on the largest indoor island."""
    x, y = free_space.sample(rng)[0]
    return float(x), float(y), float(rng.uniform(-np.pi, np.pi))
