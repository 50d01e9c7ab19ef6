"""Files of episodes: Habitat's (PointNav, ImageNav, ObjectNav, InstanceImageNav) and robonav's own lists."""

from __future__ import annotations

from robonav.envs.episode_files.episode_list import EpisodeList, ListedEpisode, read_episode_list
from robonav.envs.episode_files.goals import with_goals
from robonav.envs.episode_files.habitat import Goal, GoalCamera, HabitatEpisode, read_habitat_episodes
from robonav.envs.episode_files.placement import LeftOut, open_episodes, place_episodes

__all__ = [
    "EpisodeList",
    "Goal",
    "GoalCamera",
    "HabitatEpisode",
    "LeftOut",
    "ListedEpisode",
    "open_episodes",
    "place_episodes",
    "read_episode_list",
    "read_habitat_episodes",
    "with_goals",
]
