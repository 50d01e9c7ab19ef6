"""The scene set of floor plans: each is read and built when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from robonav.envs.scenes.floorplans.plan import FloorPlan
from robonav.envs.scenes.floorplans.world import build_world
from robonav.envs.scenes.free_space import AgentShape
from robonav.envs.scenes.lazy_scenes import LazyScenes
from robonav.envs.scenes.scene import Scene


def plan_scenes(readers: Mapping[str, Callable[[AgentShape], FloorPlan]], agent: AgentShape) -> LazyScenes:
    """Scenes extruded from floor plans.

    Args:
        readers: Function that reads the plan, for each scene id.
        agent: Shape that the free space is for.
    """

    def make(scene_id: str) -> Scene:
        return build_world(readers[scene_id](agent), agent, scene_id)

    return LazyScenes({scene_id: partial(make, scene_id) for scene_id in readers})
