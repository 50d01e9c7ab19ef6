"""Draws the episodes of an evaluation in advance, to keep them as a list."""

from __future__ import annotations

from itertools import groupby

from robonav.envs.episode_files import EpisodeList, ListedEpisode
from robonav.envs.navigation.episodes import seeded_start
from robonav.envs.scenes import SceneSet
from robonav.evaluation.runner import plan_episodes


def draw_episodes(scenes: SceneSet, episodes: int, seed: int) -> EpisodeList:
    """The episodes that an evaluation with these settings runs.

    Args:
        scenes: Each is loaded once.
        episodes: Number of episodes, spread evenly over the scenes.
        seed: Seeds the starts.
    """
    hashes: dict[str, str] = {}
    listed: list[ListedEpisode] = []
    planned = plan_episodes(scenes.scene_ids, episodes, seed)
    for scene_id, group in groupby(planned, key=lambda plan: plan.scene_id):
        scene = scenes.load(scene_id)
        assert scene.free_space is not None  # scene sets load scenes with it
        hashes[scene_id] = scene.content_hash
        for plan in group:
            start = seeded_start(scene.free_space, plan.seed)
            listed.append(ListedEpisode(plan.episode_id, scene_id, plan.seed, start))
    return EpisodeList(hashes, listed)
