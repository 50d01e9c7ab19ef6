"""Agents that act in worlds other than buildings: policies from checkpoints, and planners by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from stable_baselines3.common.preprocessing import is_image_space

from robonav.envs.world import Frames, Observation
from robonav.errors import UsageError

Act = Callable[[Observation, Frames], NDArray[Any]]


def policy_in_world(folder: Path) -> Callable[[Any, int], Act]:
    """The policy of a checkpoint or run folder; one of SB3 gives the mean of its actions, which jerks less.

    Raises:
        UsageError: It reads observations that the world does not give.
    """
    from robonav.agents.policy import load_explorer
    from robonav.agents.sb3_policy import is_sb3, load_sb3

    explorer = load_sb3(folder, deterministic=True) if is_sb3(folder) else load_explorer(folder)
    space: Any = explorer.policy.observation_space
    reads = dict(space.spaces)

    def begin(world: Any, seed: int) -> Act:
        for key, space in reads.items():
            given = world.observation_space.spaces.get(key)
            if given is None or not _reads(space, given):
                raise UsageError(
                    f"{folder} was trained to read {key!r} as {space}, and this world gives {given}: use the "
                    "vehicle, scanner and goal that it was trained with"
                )
        explorer.reset(world.num_agents, seed)
        return lambda observation, frames: explorer.act(observation, frames, explorer.camera)

    return begin


def _reads(read: Any, given: Any) -> bool:
    """Whether a policy can read what a world gives; the policies of SB3 put the channels of images first."""
    shapes = [given.shape]
    if is_image_space(given):
        height, width, channels = given.shape
        shapes.append((channels, height, width))
    return read.shape in shapes


def planner_in_world(name: str) -> Callable[[Any, int], Act]:
    """A planner that is told the map and the pose.

    Raises:
        UsageError: There is no such planner.
    """
    from robonav.planners.local_planners import DYNAMIC_WINDOW, WAIT_AND_GO, DynamicWindow
    from robonav.planners.pure_pursuit import PurePursuit
    from robonav.planners.se2_astar import Se2AStar

    known: dict[str, Callable[[Any], Any]] = {
        "pure-pursuit": PurePursuit,
        "se2-astar": Se2AStar,
        "wait-and-go": lambda world: Se2AStar(world, DynamicWindow(WAIT_AND_GO)),
        "se2-astar-dwa": lambda world: Se2AStar(world, DynamicWindow(DYNAMIC_WINDOW)),
    }
    if name not in known:
        raise UsageError(f"there is no planner {name!r}: choose one of {', '.join(known)}")
    return lambda world, seed: known[name](world).act
