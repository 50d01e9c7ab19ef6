"""robonav's episode lists: fixed starts, with content hashes of their scenes.

The file has one JSON value a line. The first is the header, each further one is an episode:

    {"format":"robonav-episodes","version":1,"scenes":{"procedural/val/000000":"0f3c5a..."}}
    {"episode_id":"procedural/val/000000/0-0","scene_id":"procedural/val/000000","seed":7,"start":[1.5,2.0,0.3]}
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np

from robonav.envs.episode_files.bounded import decode, read_bounded
from robonav.envs.episode_files.habitat_json import Metres, Name, Point
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.scenes import SceneSet
from robonav.envs.scenes.scene import SceneError
from robonav.envs.world import Episode

FORMAT, VERSION, SUFFIX = "robonav-episodes", 1, ".jsonl"


class _Header(msgspec.Struct):
    format: Name
    version: int
    scenes: dict[Name, Name]


class ListedGoal(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The goal of an episode: x, y, z in metres, category of the object, and radius of success."""

    position: Point
    category: Name | None = None
    radius_m: float | None = None


class ListedEpisode(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One line of a list.

    Attributes:
        episode_id: Unique in its list.
        scene_id: Id of the scene in its scene set.
        seed: Seed of the start; 0 where the start was given.
        start: x, y, yaw in metres and radians.
        goals: Its goals, if any.
        geodesic_distance_m: Length of the shortest path to the nearest goal, if it is known.
    """

    episode_id: Name
    scene_id: Name
    seed: Annotated[int, msgspec.Meta(ge=0)]
    start: tuple[Metres, Metres, Metres]
    goals: tuple[ListedGoal, ...] = ()
    geodesic_distance_m: float | None = None

    def episode(self, simulator: NavigationSimulator) -> Episode:
        """The episode for a simulator, exactly as listed; its goal is the first of the goals."""
        goal = self.goals[0].position[:2] if self.goals else None
        return Episode(self.episode_id, self.scene_id, self.seed, self.start, goal)


@dataclass(frozen=True)
class EpisodeList:
    """Episodes in the order in which they run.

    Attributes:
        scene_hashes: Content hash of each scene when the list was made.
        episodes: At least one.
    """

    scene_hashes: Mapping[str, str]
    episodes: Sequence[ListedEpisode]

    @property
    def digest(self) -> str:
        """16 hex digits over the whole content of the list."""
        return hashlib.sha256(self._encode()).hexdigest()[:16]

    def some(self, count: int, seed: int) -> EpisodeList:
        """At most `count` of the episodes, drawn by the seed and evenly over the scenes, in their order."""
        rng = np.random.default_rng(seed)
        ranked = [
            (rank, episode)
            for group in self.by_scene().values()
            for rank, episode in zip(rng.permutation(len(group)).tolist(), group, strict=True)
        ]
        chosen = {episode.episode_id for _, episode in sorted(ranked, key=lambda pair: pair[0])[:count]}
        episodes = [episode for episode in self.episodes if episode.episode_id in chosen]
        return EpisodeList({e.scene_id: self.scene_hashes[e.scene_id] for e in episodes}, episodes)

    def write(self, path: Path) -> None:
        """Write the list atomically.

        Raises:
            SceneError: The file exists already; lists never change.
        """
        if path.suffix != SUFFIX:
            raise SceneError(f"{path} is no name for a list: end it in {SUFFIX}")
        if path.exists():
            raise SceneError(f"{path} exists: give another name, or delete it first")
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        partial.write_bytes(self._encode())
        partial.replace(path)

    def check(self, scenes: SceneSet) -> None:
        """Load every scene of the list and check that the episodes can run in it unchanged.

        Raises:
            SceneError: A scene is missing or has changed, or a start is not free.
        """
        by_scene = self.by_scene()
        if missing := sorted(by_scene.keys() - set(scenes.scene_ids)):
            raise SceneError(
                f"{len(missing)} of the {len(by_scene)} scenes of the list of episodes are not among these, "
                f"such as {missing[0]}: give the scenes that it was made for"
            )
        for scene_id, episodes in by_scene.items():
            scene = scenes.load(scene_id)
            if scene.content_hash != self.scene_hashes[scene_id]:
                raise SceneError(
                    f"scene {scene_id} has the content {scene.content_hash}, the list of episodes was made "
                    f"for {self.scene_hashes[scene_id]}: use the scene of that time, or make a new list"
                )
            assert scene.free_space is not None  # scene sets load scenes with it
            free = scene.free_space.island_at(np.array([episode.start[:2] for episode in episodes])) > 0
            if not free.all():
                first = episodes[int(np.argmin(free))]
                raise SceneError(
                    f"episode {first.episode_id} starts at {first.start}, where the agent does not fit: "
                    "make a new list"
                )

    def by_scene(self) -> dict[str, list[ListedEpisode]]:
        """The episodes of each scene."""
        by_scene: dict[str, list[ListedEpisode]] = {}
        for episode in self.episodes:
            by_scene.setdefault(episode.scene_id, []).append(episode)
        return by_scene

    def _encode(self) -> bytes:
        header = _Header(FORMAT, VERSION, dict(self.scene_hashes))
        return msgspec.json.Encoder().encode_lines([header, *self.episodes])


def read_episode_list(path: Path) -> EpisodeList:
    """Read a list that `EpisodeList.write` or a person wrote.

    Raises:
        SceneError: The file is no list, or a line is wrong; the message names the line.
    """
    lines = read_bounded(path).splitlines()
    header = decode(lines[0] if lines else b"", _Header, f"{path} line 1")
    if (header.format, header.version) != (FORMAT, VERSION):
        raise SceneError(
            f"{path} is {header.format} version {header.version}: expected {FORMAT} version {VERSION}, "
            "so use the robonav that wrote it, or make a new list"
        )
    episodes = [
        decode(line, ListedEpisode, f"{path} line {number}")
        for number, line in enumerate(lines[1:], start=2)
        if line.strip()
    ]
    if not episodes:
        raise SceneError(f"{path} lists no episode: add some, or make a new list")
    known: set[str] = set()
    for number, episode in enumerate(episodes, start=1):
        if episode.episode_id in known:
            raise SceneError(f"{path} has the episode {episode.episode_id} twice: rename one of them")
        if episode.scene_id not in header.scenes:
            raise SceneError(
                f"{path} episode {number} is in the scene {episode.scene_id}, which the first line does not "
                "have: add its content hash there, or make a new list"
            )
        known.add(episode.episode_id)
    return EpisodeList(header.scenes, episodes)
