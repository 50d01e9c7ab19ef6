"""Maps a scene from true depth and pose while an agent explores it."""

from __future__ import annotations

from functools import partial

from tqdm import tqdm

from robonav.agent import Explorer, actions_given_by
from robonav.envs.actions import actions_of
from robonav.envs.navigation.episodes import sample_episode
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.world import NavigationWorld
from robonav.envs.rollout import rollout
from robonav.envs.scenes import SceneSet
from robonav.mapping.agent_maps import AgentMaps
from robonav.maps.topology.mapper import TopologyConfig


def map_scene(scenes: SceneSet, explorer: Explorer, steps: int, seed: int, cell_size: float) -> AgentMaps:
    """The maps of one agent after a number of steps in the first scene.

    Args:
        scenes: Scene set; the first scene is mapped.
        explorer: The agent, with its camera.
        steps: Number of steps.
        seed: Seeds the start and random actions.
        cell_size: Edge of a cell of the occupancy map, metres.
    """
    actions = actions_of(actions_given_by(explorer))
    world = NavigationWorld(NavigationSimulator(scenes, 1, explorer.camera, actions=actions))
    maps = AgentMaps(1, explorer.camera, TopologyConfig(), cell_size, stride=1)
    seen = world.start([sample_episode(world.simulator, scenes.scene_ids[0], seed)])
    explorer.reset(1, seed)
    walk = rollout(world, seen, partial(explorer.act, camera=explorer.camera), steps)
    for frames in tqdm(walk, total=steps + 1, desc=scenes.scene_ids[0], unit="step"):
        maps.update(frames)
    maps.see_frontiers(0)
    return maps
