"""Runs episodes in batches and writes each as it finishes; the same settings give the same bytes."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Protocol

import numpy as np

from robonav.agent import Explorer, actions_given_by
from robonav.envs.actions import actions_of
from robonav.envs.navigation.episodes import sample_episode
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.tasks import TaskConfig, resolved
from robonav.envs.navigation.tasks.task import VISIBLE_COMPLETENESS
from robonav.envs.navigation.world import NavigationWorld
from robonav.envs.rollout import rollout
from robonav.envs.scenes import SceneError, SceneSet
from robonav.envs.sensors import SensorName
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.views import SENSORS
from robonav.envs.world import Episode
from robonav.errors import UsageError
from robonav.evaluation.completeness import FreeFloor, GroundTruth
from robonav.evaluation.records import RunFolder
from robonav.evaluation.tracker import EpisodeTracker
from robonav.watching import NullViewer, Viewer

METRIC_WIDTH = 128


@dataclass(frozen=True)
class Settings:
    """Settings on which the results of an evaluation depend.

    Attributes:
        explorer: Name of a baseline or checkpoint folder.
        scenes: Scenes, as `open_scenes` takes them.
        episodes: How many episodes; without a list they are spread evenly over the scenes.
        steps: Length of an episode.
        seed: Decides starts and random actions.
        num_envs: Episodes that run side by side; it decides which share a stream of random numbers.
        floor: Which floor of each scene, 0 = lowest; None = its main one.
        sensor: Renderer of the explorer's views, a key of `SENSORS`; metrics always use ours.
        task: Name of the task; None = exploring.
        task_options: Its options; None = its defaults.
    """

    explorer: str
    scenes: str = "procedural"
    episodes: int = 100
    steps: int = 1024
    seed: int = 0
    num_envs: int = 10
    floor: int | None = None
    sensor: SensorName | None = None
    task: str | None = None
    task_options: TaskConfig | None = None

    def __post_init__(self) -> None:
        for name in ("episodes", "steps", "num_envs"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}: give at least 1")
        if self.floor is not None and self.floor < 0:
            raise UsageError(f"floor is {self.floor}: give 0 for the lowest, or more")
        if self.seed < 0:
            raise UsageError(f"seed is {self.seed}: give 0 or more")
        resolved(self.task, self.task_options)


class Plan(Protocol):
    """An episode before its scene is loaded."""

    @property
    def episode_id(self) -> str:
        """Its name, unique in its run."""

    @property
    def scene_id(self) -> str:
        """Id of the episode's scene."""

    def episode(self, simulator: NavigationSimulator) -> Episode:
        """The episode with its start."""


@dataclass(frozen=True)
class Planned:
    """An episode whose start is drawn once its scene is loaded."""

    episode_id: str
    scene_id: str
    seed: int

    def episode(self, simulator: NavigationSimulator) -> Episode:
        """The episode with its start, which depends on scene and seed only."""
        return sample_episode(simulator, self.scene_id, self.seed, self.episode_id)


def plan_episodes(scene_ids: Sequence[str], episodes: int, seed: int) -> list[Planned]:
    """The episodes of a run, scene by scene.

    The k-th episode of a scene is the same whatever `episodes` is: a shorter run is a part of a longer one.
    """
    planned = []
    for index, scene_id in enumerate(scene_ids):
        for k in range((episodes - index + len(scene_ids) - 1) // len(scene_ids)):
            digest = hashlib.sha256(f"{seed}/{scene_id}/{k}".encode()).digest()
            planned.append(Planned(f"{scene_id}/{seed}-{k}", scene_id, int.from_bytes(digest[:4], "big")))
    return planned


def metric_camera(camera: Camera) -> Camera:
    """The policy's camera with 128 columns: 64 are too coarse for 5 cm beyond 2 m."""
    width = max(METRIC_WIDTH, camera.width)
    return Camera(width, round(width * camera.height / camera.width), camera.hfov_deg, camera.height_m)


class Evaluation:
    """One explorer on one set of scenes.

    Args:
        settings: Settings of the evaluation.
        explorer: The explorer; its `camera` is the one that it sees through.
        scenes: Where.
        threads: Threads for ray casting; 0 = all cores. Results do not depend on it.
        planned: The episodes; by default those that `plan_episodes` spreads over the scenes.
        viewer: Watches the first episode of each batch.

    Attributes:
        unusable_scenes: Why each scene whose episodes were left out cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        explorer: Explorer,
        scenes: SceneSet,
        threads: int = 0,
        planned: Sequence[Plan] | None = None,
        viewer: Viewer | None = None,
    ) -> None:
        self._viewer: Viewer = viewer or NullViewer()
        self.settings, self._explorer, self._scenes, self._threads = settings, explorer, scenes, threads
        drawn = plan_episodes(scenes.scene_ids, settings.episodes, settings.seed)
        self.planned: Sequence[Plan] = drawn if planned is None else planned
        self.unusable_scenes: dict[str, str] = {}
        self._metric_camera = metric_camera(explorer.camera)
        self._task = resolved(settings.task, settings.task_options)
        measured: type[GroundTruth] | type[FreeFloor] = (
            GroundTruth if VISIBLE_COMPLETENESS in self._task.scores else FreeFloor
        )
        self._truth: Callable[..., Any] = lru_cache(settings.num_envs)(measured.of)
        # A simulator has a fixed number of agents, and the last batch may be smaller.
        self._simulator = lru_cache(maxsize=1)(self._build_simulator)

    def load_first_scene(self) -> None:
        """Load the first scene, so that one that is unusable is told before anything is written.

        Raises:
            SceneError: If it cannot be used.
        """
        simulator = self._simulator(min(len(self.planned), self.settings.num_envs))
        for scene_id in dict.fromkeys(planned.scene_id for planned in self.planned):
            if self._is_usable(simulator, scene_id):
                return
        raise SceneError(next(iter(self.unusable_scenes.values())))

    def run(self, folder: RunFolder, advance: Callable[[int], None]) -> None:
        """Run every batch that is not finished yet; `advance` is told of agent steps done.

        A batch that was cut short runs again as a whole, so that its random numbers are the same.
        """
        finished = {record["episode_id"] for record in folder.records()}
        for number, batch in self._batches():
            missing = [planned for planned in batch if planned.episode_id not in finished]
            usable = self._usable(batch) if missing else []
            advance((len(batch) - len(usable)) * self.settings.steps)
            if not usable or all(planned.episode_id in finished for planned in usable):
                advance(len(usable) * self.settings.steps)
                continue
            batch = usable
            for tracker in self._run_batch(number, batch, advance):
                if tracker.episode.episode_id not in finished:
                    folder.append_with_map(*tracker.finish())

    def _usable(self, batch: Sequence[Plan]) -> Sequence[Plan]:
        """The episodes of a batch whose scenes can be loaded; the others are told and left out."""
        simulator = self._simulator(len(batch))
        return [planned for planned in batch if self._is_usable(simulator, planned.scene_id)]

    def _is_usable(self, simulator: NavigationSimulator, scene_id: str) -> bool:
        if scene_id not in self.unusable_scenes:
            try:
                simulator.load(scene_id)
            except SceneError as error:
                self.unusable_scenes[scene_id] = str(error)
                if len(self._scenes.scene_ids) > 1:
                    warnings.warn(f"episodes in scene {scene_id} are left out: {error}", stacklevel=2)
        return scene_id not in self.unusable_scenes

    def _batches(self) -> Iterator[tuple[int, Sequence[Plan]]]:
        size = self.settings.num_envs
        for number, first in enumerate(range(0, len(self.planned), size)):
            yield number, self.planned[first : first + size]

    def _run_batch(
        self, number: int, batch: Sequence[Plan], advance: Callable[[int], None]
    ) -> list[EpisodeTracker]:
        simulator = self._simulator(len(batch))
        episodes = [planned.episode(simulator) for planned in batch]
        world = NavigationWorld(simulator, max_episode_steps=None, task=self._task.make)
        seen = world.start(episodes)
        trackers = [self._track(world, agent, episode) for agent, episode in enumerate(episodes)]
        batch_seed = np.random.SeedSequence([self.settings.seed, number]).generate_state(1)[0]
        self._explorer.reset(len(batch), int(batch_seed))
        self._viewer.begin(episodes[0].episode_id, simulator.camera, world.frames)
        act = partial(self._explorer.act, camera=simulator.camera)
        for step, frames in enumerate(rollout(world, seen, act, self.settings.steps)):
            if step > 0:
                self._viewer.show(frames, trackers[0].curve)
                advance(len(batch))
            for agent, tracker in enumerate(trackers):
                yaw, collided = float(frames.yaw[agent]), bool(frames.collided[agent])
                tracker.observe(frames.position[agent], yaw, collided, int(world.task.achieved[agent]))
        return trackers

    def _track(self, world: NavigationWorld, agent: int, episode: Episode) -> EpisodeTracker:
        scene = world.simulator.world(agent)
        island = int(scene.free_space.island_at(np.array(episode.start[:2])))
        truth = self._truth(scene, self._metric_camera, island)
        return EpisodeTracker(episode, scene, truth, self.settings.steps, world.task.facts(agent), self._task)

    def _build_simulator(self, num_agents: int) -> NavigationSimulator:
        cache = self.settings.num_envs
        sensor = SENSORS[self.settings.sensor]
        camera = self._explorer.camera
        actions = actions_of(actions_given_by(self._explorer))
        return NavigationSimulator(
            self._scenes, num_agents, camera, self._threads, cache, sensor, actions=actions
        )
