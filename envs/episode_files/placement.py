"""Places the starts of Habitat's episodes on robonav's free space, and counts those that do not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from robonav.envs.episode_files.episode_list import (
    SUFFIX,
    EpisodeList,
    ListedEpisode,
    ListedGoal,
    read_episode_list,
)
from robonav.envs.episode_files.habitat import HabitatEpisode, Position, read_habitat_episodes
from robonav.envs.scenes import SceneSet
from robonav.envs.scenes.meshes.placing import MESH_SUFFIXES
from robonav.envs.scenes.scene import FreeSpace, Scene, SceneError

SNAP_M = 0.25  # one step of the agent: Habitat's navmesh lets a slimmer agent nearer to walls
FLOOR_M = 0.5  # Habitat's navmesh floats up to 0.2 m above the floor; storeys are 2 m apart

MAX_EPISODES = 1_000_000  # a run of so many would take months, and they would fill a small machine

LeftOut = dict[str, int]  # reason: how many episodes


def open_episodes(path: Path, scenes: SceneSet) -> tuple[EpisodeList, LeftOut]:
    """The episodes of robonav's list (.jsonl), or of Habitat's files if they can start in `scenes`.

    Every scene is loaded once, so that errors appear before anything runs.

    Raises:
        SceneError: The file is damaged, has other scenes, or no episode can start.
    """
    if not path.exists():
        raise SceneError(
            f"{path} does not exist: expected a number of episodes, a list that `robonav scenes episodes` "
            "wrote, or Habitat's .json.gz files, so check the path"
        )
    if path.suffix != SUFFIX:
        return place_episodes(read_habitat_episodes(path), scenes, str(path))
    episodes = read_episode_list(path)
    try:
        episodes.check(scenes)
    except SceneError as error:
        raise SceneError(f"{path}: {error}") from error
    return episodes, {}


def place_episodes(
    episodes: Iterable[HabitatEpisode], scenes: SceneSet, source: str
) -> tuple[EpisodeList, LeftOut]:
    """Episodes that can start in `scenes`, scene by scene, and the number of the others by reason.

    A start that is free stays as it is; else it moves to the nearest free cell, at most 0.25 m away.

    Args:
        episodes: Episodes in any order; each scene is loaded once.
        scenes: Their scenes, recognised by file name.
        source: Name of their file, for messages.

    Raises:
        SceneError: No episode can start.
    """
    placing = _Placing(scenes)
    for name, group in groupby(episodes, key=lambda episode: scene_name(episode.scene_path)):
        placing.add(name, list(group))
        if placing.count > MAX_EPISODES:
            raise SceneError(f"{source} has more than {MAX_EPISODES:,} episodes: give fewer of its files")
    if not placing.count:
        raise SceneError(
            f"{source}: no episode can start here ({placing.reasons()}): it is for {placing.last_scene}, and "
            f"those given are {scenes.scene_ids[0]} and the like, so give the scenes that it was made for"
        )
    return placing.result(), dict(placing.left_out)


class _Placing:
    """Collects the episodes that can start, scene by scene, and counts the others."""

    def __init__(self, scenes: SceneSet) -> None:
        self._scenes, self._ids = scenes, _ids_by_name(scenes.scene_ids)
        self._grounds: dict[str, _Ground] = {}
        self._known: Counter[str] = Counter()
        self.count, self.last_scene = 0, "no scene"
        self.left_out: Counter[str] = Counter()

    def add(self, name: str, episodes: Sequence[HabitatEpisode]) -> None:
        """Place episodes of one scene."""
        self.last_scene = episodes[0].scene_path
        if name not in self._ids:
            self.left_out["scene is not among these"] += len(episodes)
            return
        scene_id = self._ids[name]
        if scene_id not in self._grounds:
            self._grounds[scene_id] = _Ground.of(self._scenes.load(scene_id))
        ground = self._grounds[scene_id]
        starts = ground.floor.snap([episode.position for episode in episodes])
        for episode, xy, reason in zip(episodes, starts.xy.tolist(), starts.reasons, strict=True):
            if reason:
                self.left_out[reason] += 1
            else:
                ground.placed.append(_listed(episode, scene_id, xy, self._known))
                self.count += 1

    def reasons(self) -> str:
        """The left-out episodes by reason, for a message."""
        return ", ".join(f"{reason}: {count}" for reason, count in self.left_out.items())

    def result(self) -> EpisodeList:
        """The list, ordered by scene so that a run loads each scene once."""
        used = {scene_id: ground for scene_id, ground in self._grounds.items() if ground.placed}
        episodes = [episode for ground in used.values() for episode in ground.placed]
        return EpisodeList({scene_id: ground.scene_hash for scene_id, ground in used.items()}, episodes)


@dataclass(frozen=True, eq=False)
class Snapped:
    """Positions on free space: xy (N, 2), and the reason why each cannot be used ("" if it can)."""

    xy: NDArray[np.float64]
    reasons: Sequence[str]


class StartFloor:
    """Finds starts on a scene's free space.

    Args:
        free_space: The free space.
    """

    def __init__(self, free_space: FreeSpace) -> None:
        self._free_space = free_space
        self._cells = free_space.centres(np.argwhere(free_space.islands > 0))
        self._tree = cKDTree(self._cells)

    def snap(self, positions: Sequence[Position]) -> Snapped:
        """Positions (x, y, z), moved to the nearest free cell where they are not free."""
        points = np.asarray(positions, dtype=np.float64)
        xy = points[:, :2].copy()
        is_blocked = self._free_space.island_at(xy) == 0
        blocked, distance = np.flatnonzero(is_blocked), np.where(is_blocked, np.inf, 0.0)
        if len(blocked) and len(self._cells):
            distance[blocked], nearest = self._tree.query(xy[blocked])
            xy[blocked] = self._cells[nearest]
        other_floor = np.abs(points[:, 2] - self._free_space.floor_z) > FLOOR_M
        reasons = np.select(
            [other_floor, distance > SNAP_M],
            ["start on another floor", f"start more than {SNAP_M:g} m from free floor"],
            default="",
        )
        return Snapped(xy, reasons.tolist())


@dataclass(frozen=True, eq=False)
class _Ground:
    """The parts of a scene that placing needs; the scene itself is too large to keep."""

    scene_hash: str
    floor: StartFloor
    placed: list[ListedEpisode]

    @classmethod
    def of(cls, scene: Scene) -> _Ground:
        assert scene.free_space is not None  # scene sets load scenes with it
        return cls(scene.content_hash, StartFloor(scene.free_space), [])


def scene_name(path: str) -> str:
    """Name of a scene independent of its folder: `TEEsavR23oF` of hm3d/val/00800-TEEsavR23oF[/...glb]."""
    name = PurePosixPath(path).name
    for suffix in MESH_SUFFIXES:
        name = name.removesuffix(suffix)
    name = name.removesuffix(".basis")
    number, dash, rest = name.partition("-")
    return rest if dash and len(number) == 5 and number.isdecimal() else name


def building_name(scene_id: str) -> str:
    """The building of a floor plan: `Angiola` of gibson_floors/Angiola_f0; other scenes keep their name."""
    name = scene_name(scene_id)
    building, _, floor = name.rpartition("_f")
    return building if building and floor.isdecimal() else name


def _ids_by_name(scene_ids: Sequence[str]) -> dict[str, str]:
    ids: dict[str, str] = {}
    for scene_id in scene_ids:
        other = ids.setdefault(scene_name(scene_id), scene_id)
        if other != scene_id:
            raise SceneError(
                f"scenes {other} and {scene_id} have the same name, so episodes cannot be told apart: "
                "give the folder of one of them"
            )
    buildings = [building_name(scene_id) for scene_id in scene_ids]
    floors = Counter(buildings)
    named = zip(buildings, scene_ids, strict=True)
    # the plan of a building's only floor stands for its scene
    return {building: scene_id for building, scene_id in named if floors[building] == 1} | ids


def _listed(
    episode: HabitatEpisode, scene_id: str, xy: tuple[float, float], known: Counter[str]
) -> ListedEpisode:
    """The episode as a line of a list; ids that repeat in a file are numbered."""
    episode_id = f"{scene_id}/{episode.episode_id}"
    known[episode_id] += 1
    if known[episode_id] > 1:
        episode_id += f"#{known[episode_id]}"
    goals = tuple(ListedGoal(goal.position, goal.category, goal.radius_m) for goal in episode.goals)
    x, y = xy
    return ListedEpisode(
        episode_id, scene_id, 0, (x, y, episode.yaw), goals, geodesic_distance_m=episode.geodesic_distance_m
    )
