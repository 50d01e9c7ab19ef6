"""Hybrid A* and regulated pure pursuit: the planner of AGVs that knows their footprint and gears."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.warehouse.vehicle import VehicleSpec
from robonav.envs.warehouse.world import WarehouseWorld
from robonav.envs.world import Frames, Observation
from robonav.planners.hybrid_astar import HybridAStar, NoWayError
from robonav.planners.path_tracking import DriveCommand, PathTracker

_LOG = logging.getLogger(__name__)
_REACH_SHARE = 0.5  # of the distance at which a goal counts as reached; the rest is for tracking errors
_STUCK = 20  # decisions at a standstill after which it plans anew


class Se2AStar:
    """Plans each vehicle's way once, on the true map and with the true pose, and anew when it has lost it.

    A vehicle without a way stands still, and the log says why.

    Args:
        world: Whose map and goals it is told.

    Attributes:
        trackers: (N) what follows the way of each vehicle; None without a way.
    """

    def __init__(self, world: WarehouseWorld) -> None:
        self._world = world
        self._planners: dict[tuple[int, bool], HybridAStar] = {}
        self.trackers: list[PathTracker | None] = [None] * world.num_agents
        self._planned = np.full((world.num_agents, 2), np.nan)
        self._episodes = [""] * world.num_agents
        self._still = np.zeros(world.num_agents, np.int64)

    def act(self, observation: Observation, frames: Frames) -> NDArray[np.float32]:
        """Actions (N, 2): speed, and turn rate or steering, as shares of the limits."""
        self._plan(observation)
        motion = self._world.motion
        moves = np.abs(motion.twist[:, 0]) > 0.02
        self._still = np.where(moves, 0, self._still + 1)
        commands = [
            tracker.command(pose, twist, float(clear)) if tracker else DriveCommand(0.0, 0.0)
            for tracker, pose, twist, clear in zip(
                self.trackers, motion.pose, motion.twist, motion.clearance, strict=True
            )
        ]
        return as_actions(commands, self._world.vehicle)

    def _plan(self, observation: Observation) -> None:
        """Plan the ways of vehicles that have another goal, have lost their way, or came to its end."""
        world = self._world
        names = [episode.episode_id for episode in world.episodes]
        moved = (self._planned != world.goals.xy).any(axis=1)
        for row, tracker in enumerate(self.trackers):
            is_new = bool(moved[row]) or names[row] != self._episodes[row]
            if is_new or (tracker and (tracker.is_lost or tracker.is_done or self._still[row] > _STUCK)):
                self.trackers[row] = self._tracker(row, bool(observation["load"][row, 0]))
                self._still[row] = 0
        self._planned, self._episodes = world.goals.xy.copy(), names

    def _tracker(self, row: int, loaded: bool) -> PathTracker | None:
        world, motion = self._world, self._world.motion
        hall = int(world.simulation.layouts[row])
        if (hall, loaded) not in self._planners:
            self._planners[hall, loaded] = HybridAStar(world.places[hall], loaded)
        steering = float(motion.twist[row, 1]) if world.vehicle.drive == "tricycle" else 0.0
        reach = _REACH_SHARE * world.config.reach_m
        try:
            path = self._planners[hall, loaded].plan(motion.pose[row], world.goals.xy[row], reach, steering)
        except NoWayError as error:
            _LOG.warning("%s", error)
            return None
        return PathTracker(path, world.vehicle, loaded)


def as_actions(commands: list[DriveCommand], vehicle: VehicleSpec) -> NDArray[Any]:
    """Commands of N vehicles as actions (N, 2) of the warehouse."""
    speed, side = np.array([(command.speed, command.side) for command in commands]).T
    most = vehicle.max_steering if vehicle.drive == "tricycle" else vehicle.max_turn
    ahead = 2 * (speed + vehicle.max_reverse) / (vehicle.max_speed + vehicle.max_reverse) - 1
    return np.column_stack([ahead, side / most]).clip(-1, 1).astype(np.float32)
