"""Selection of episodes with a reachable goal position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from robonav.envs.episode_files.episode_list import EpisodeList, ListedEpisode, ListedGoal
from robonav.envs.episode_files.placement import LeftOut, StartFloor
from robonav.envs.scenes import SceneSet
from robonav.envs.scenes.scene import FreeSpace, SceneError


def with_goals(listed: EpisodeList, scenes: SceneSet, source: str) -> tuple[EpisodeList, LeftOut]:
    """Episodes whose goal is a reachable position, and the number of the others by reason.

    A goal that is not free moves to the nearest free cell, at most 0.25 m away, as starts do.

    Args:
        listed: Episodes; each scene is loaded once more.
        scenes: Their scenes.
        source: Name of their file, for messages.

    Raises:
        SceneError: No episode has a reachable goal.
    """
    left_out: Counter[str] = Counter()
    kept: list[ListedEpisode] = []
    for scene_id, episodes in listed.by_scene().items():
        places = [episode for episode in episodes if _is_place(episode.goals)]
        left_out["has no single place as its goal"] += len(episodes) - len(places)
        if places:
            free_space = scenes.load(scene_id).free_space
            assert free_space is not None  # scene sets load scenes with it
            kept += _reachable(places, free_space, left_out)
    if not kept:
        reasons = ", ".join(f"{reason}: {count}" for reason, count in left_out.items() if count)
        raise SceneError(
            f"{source}: no episode leads to a place where a picture can be taken or an agent can go "
            f"({reasons}): give "
            "image-goal or point-goal episodes of these scenes, or a number of episodes"
        )
    hashes = {episode.scene_id: listed.scene_hashes[episode.scene_id] for episode in kept}
    return EpisodeList(hashes, kept), {reason: count for reason, count in left_out.items() if count}


def _is_place(goals: Sequence[ListedGoal]) -> bool:
    return len(goals) == 1 and goals[0].category is None


def _reachable(
    episodes: Sequence[ListedEpisode], free_space: FreeSpace, left_out: Counter[str]
) -> list[ListedEpisode]:
    snapped = StartFloor(free_space).snap([episode.goals[0].position for episode in episodes])
    starts = free_space.island_at(np.array([episode.start[:2] for episode in episodes]))
    together = free_space.island_at(snapped.xy) == starts
    kept = []
    for episode, xy, reason, reached in zip(episodes, snapped.xy, snapped.reasons, together, strict=True):
        if reason or not reached:
            left_out[reason.replace("start", "goal") or "goal cannot be reached from the start"] += 1
        else:
            x, y = xy.tolist()
            goal = msgspec.structs.replace(episode.goals[0], position=(x, y, episode.goals[0].position[2]))
            kept.append(msgspec.structs.replace(episode, goals=(goal,)))
    return kept
