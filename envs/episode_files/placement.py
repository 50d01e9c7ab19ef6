"""Puts the starts of Habitat's episodes on robonav's free space, and says which ones do not fit and why."""

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
from robonav.envs.episode_files.habitat import HabitatEpisode, read_habitat_episodes
from robonav.envs.scenes import SceneSet
from robonav.envs.scenes.mesh_file import MESH_SUFFIXES
from robonav.envs.scenes.scene import FreeSpace, SceneError

SNAP_M = 0.25  # one step of the agent: Habitat's navmesh lets a slimmer agent nearer to walls
FLOOR_M = 0.5  # Habitat's navmesh floats up to 0.2 m above the floor; storeys are 2 m apart

LeftOut = dict[str, int]  # reason: how many episodes


def open_episodes(path: Path, scenes: SceneSet) -> tuple[EpisodeList, LeftOut]:
    """The episodes of a list of robonav's (.jsonl), or those of Habitat's files that can start in `scenes`.

    Every scene is loaded once, so that what is wrong is told before anything runs.

    Raises:
        SceneError: The file is damaged, its scenes are others than these, or no episode can start.
    """
    if not path.exists():
        raise SceneError(
            f"{path} does not exist: expected a number of episodes, a list that `robonav scenes episodes` "
            "wrote, or Habitat's .json.gz files, so check the path"
        )
    if path.suffix != SUFFIX:
        return place_episodes(read_habitat_episodes(path), scenes, str(path))
    episodes = read_episode_list(path)
    episodes.check(scenes)
    return episodes, {}


def place_episodes(
    episodes: Iterable[HabitatEpisode], scenes: SceneSet, source: str
) -> tuple[EpisodeList, LeftOut]:
    """Those of the episodes that can start in `scenes`, in their order, and how many cannot and why.

    A start that is free stays as it is; else it moves to the nearest free cell, at most 0.25 m away.

    Args:
        episodes: Episodes; those of one scene follow each other, or their scene is loaded again.
        scenes: Where to place them; a scene is recognised by the name of its file.
        source: Where they are from, for messages.

    Raises:
        SceneError: None of them can start.
    """
    ids = _ids_by_name(scenes.scene_ids)
    placed: list[ListedEpisode] = []
    hashes: dict[str, str] = {}
    left_out: Counter[str] = Counter()
    known: Counter[str] = Counter()
    example = "no scene"
    for name, group in groupby(episodes, key=lambda episode: scene_name(episode.scene_path)):
        batch = list(group)
        example = batch[0].scene_path
        if name not in ids:
            left_out["scene is not among these"] += len(batch)
            continue
        scene = scenes.load(ids[name])
        assert scene.free_space is not None  # scene sets load scenes with it
        hashes[ids[name]] = scene.content_hash
        starts = snap([episode.position for episode in batch], scene.free_space)
        for episode, xy, reason in zip(batch, starts.xy.tolist(), starts.reasons, strict=True):
            if reason:
                left_out[reason] += 1
            else:
                placed.append(_listed(episode, ids[name], xy, known))
    if not placed:
        found = ", ".join(f"{reason}: {count}" for reason, count in left_out.items())
        raise SceneError(
            f"{source}: no episode can start here ({found}): it is for {example}, and the scenes given are "
            f"{scenes.scene_ids[0]} and the like, so give the scenes that it was made for"
        )
    return EpisodeList(hashes, placed), dict(left_out)


@dataclass(frozen=True, eq=False)
class Snapped:
    """Places on free space: xy (N, 2), and why one cannot be used ("" if it can)."""

    xy: NDArray[np.float64]
    reasons: Sequence[str]


def snap(positions: Sequence[tuple[float, float, float]], free_space: FreeSpace) -> Snapped:
    """Positions (x, y, z) as they are where they are free, else at the nearest free cell."""
    points = np.asarray(positions, dtype=np.float64)
    xy = points[:, :2].copy()
    is_blocked = free_space.island_at(xy) == 0
    blocked, distance = np.flatnonzero(is_blocked), np.where(is_blocked, np.inf, 0.0)
    cells = free_space.centres(np.argwhere(free_space.islands > 0))
    if len(blocked) and len(cells):
        distance[blocked], nearest = cKDTree(cells).query(xy[blocked])
        xy[blocked] = cells[nearest]
    other_floor = np.abs(points[:, 2] - free_space.floor_z) > FLOOR_M
    reasons = np.select(
        [other_floor, distance > SNAP_M],
        ["start on another floor", f"start more than {SNAP_M:g} m from free floor"],
        default="",
    )
    return Snapped(xy, reasons.tolist())


def scene_name(path: str) -> str:
    """What a scene is called wherever its file lies: `TEEsavR23oF` of hm3d/val/00800-TEEsavR23oF[/...glb]."""
    name = PurePosixPath(path).name
    for suffix in MESH_SUFFIXES:
        name = name.removesuffix(suffix)
    name = name.removesuffix(".basis")
    number, dash, rest = name.partition("-")
    return rest if dash and len(number) == 5 and number.isdecimal() else name


def _ids_by_name(scene_ids: Sequence[str]) -> dict[str, str]:
    ids: dict[str, str] = {}
    for scene_id in scene_ids:
        other = ids.setdefault(scene_name(scene_id), scene_id)
        if other != scene_id:
            raise SceneError(
                f"scenes {other} and {scene_id} have the same name, so episodes cannot be told apart: "
                "give the folder of one of them"
            )
    return ids


def _listed(
    episode: HabitatEpisode, scene_id: str, xy: tuple[float, float], known: Counter[str]
) -> ListedEpisode:
    """The episode as a list has it; ids that come again in a file are numbered."""
    episode_id = f"{scene_id}/{episode.episode_id}"
    known[episode_id] += 1
    if known[episode_id] > 1:
        episode_id += f"#{known[episode_id]}"
    goals = tuple(ListedGoal(goal.position, goal.category, goal.radius_m) for goal in episode.goals)
    x, y = xy
    return ListedEpisode(
        episode_id, scene_id, 0, (x, y, episode.yaw), goals, geodesic_distance_m=episode.geodesic_distance_m
    )
