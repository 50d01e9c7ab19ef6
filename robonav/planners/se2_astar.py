"""Hybrid A*, regulated pure pursuit and a local planner: AGVs that know their footprint and gears."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.warehouse.kernels import DECISION_S
from robonav.envs.warehouse.layout import UprightBox
from robonav.envs.warehouse.vehicle import VehicleSpec
from robonav.envs.warehouse.world import WarehouseWorld
from robonav.envs.world import Frames, Observation
from robonav.planners.hybrid_astar import HybridAStar, NoWayError
from robonav.planners.local_planners import Boxes, FollowOnly, LocalPlanner, LocalSituation, still_boxes
from robonav.planners.path_tracking import PathTracker, WheelCommand

_LOG = logging.getLogger(__name__)
_REACH_SHARE = 0.5  # of the distance at which a goal counts as reached; the rest is for tracking errors
_STUCK = 40  # decisions at a standstill after which it plans anew
_JUMP_M = 0.5  # in one decision: another episode began
_STANDING = WheelCommand(0.0, 0.0)


class Se2AStar:
    """Plans each vehicle's way once, on the true map and with the true pose, and anew when it has lost it.

    A vehicle without a way stands still, and the log says why.

    Args:
        world: Whose map and goals it is told, and for some local planners where others are.
        local: Gives way to others.

    Attributes:
        trackers: (N) what follows the way of each vehicle; None without a way.
    """

    def __init__(self, world: WarehouseWorld, local: LocalPlanner | None = None) -> None:
        self._world, self._local = world, local or FollowOnly()
        self._planners: dict[tuple[int, bool], HybridAStar] = {}
        self.trackers: list[PathTracker | None] = [None] * world.num_agents
        self._planned = np.full((world.num_agents, 2), np.nan)
        self._episodes = [""] * world.num_agents
        self._still, self._rest = (np.zeros(world.num_agents, np.int64) for _ in range(2))
        self._before = [_STANDING] * world.num_agents
        self._others = world.traffic.poses

    def act(self, observation: Observation, frames: Frames) -> NDArray[np.float32]:
        """Actions (N, 2): speed, and turn rate or steering, as shares of the limits."""
        boxes, loaded = self._boxes(), observation["load"][:, 0] > 0
        twist = np.abs(self._world.motion.twist)
        turns = (twist[:, 1] > 0.02) & (self._world.vehicle.drive == "differential")
        moves = (twist[:, 0] > 0.02) | turns
        self._still = np.where(moves, 0, self._still + 1)
        self._plan(loaded, boxes)
        self._before = [
            self._command(row, tracker, bool(loaded[row]), boxes[row]) if tracker else _STANDING
            for row, tracker in enumerate(self.trackers)
        ]
        return as_actions(self._before, self._world.vehicle)

    def _command(self, row: int, tracker: PathTracker, loaded: bool, boxes: Boxes) -> WheelCommand:
        motion, simulation = self._world.motion, self._world.simulation
        pose, twist, clear = motion.pose[row], motion.twist[row], float(motion.clearance[row])
        asked = tracker.command(pose, twist, clear)
        if tracker.is_done:
            return asked
        around = self._planner(row, loaded).around
        situation = LocalSituation(
            pose, twist, tracker, asked, self._before[row], around, simulation.limits, boxes, clear
        )
        return self._local.choose(situation)

    def _plan(self, loaded: NDArray[np.bool_], boxes: list[Boxes]) -> None:
        """Plan the ways of vehicles that have another goal, have lost their way, or came to its end."""
        world = self._world
        names = [episode.episode_id for episode in world.episodes]
        moved = (self._planned != world.goals.xy).any(axis=1)
        for row, tracker in enumerate(self.trackers):
            if moved[row] or names[row] != self._episodes[row]:
                self._before[row] = _STANDING
                self.trackers[row] = self._tracker(row, bool(loaded[row]), [])
            elif tracker and self._is_due(row, tracker):
                around = still_boxes(boxes[row], world.motion.pose[row], self._local.goes_around_m)
                self.trackers[row] = self._tracker(row, bool(loaded[row]), around.upright()) or tracker
        self._planned, self._episodes = world.goals.xy.copy(), names

    def _is_due(self, row: int, tracker: PathTracker) -> bool:
        """Whether a vehicle needs another way, and tried long enough ago to find one."""
        self._rest[row] -= 1
        return self._rest[row] < 0 and (tracker.is_lost or tracker.is_done or bool(self._still[row] > _STUCK))

    def _planner(self, row: int, loaded: bool) -> HybridAStar:
        hall = int(self._world.simulation.layouts[row])
        if (hall, loaded) not in self._planners:
            self._planners[hall, loaded] = HybridAStar(self._world.places[hall], loaded)
        return self._planners[hall, loaded]

    def _tracker(self, row: int, loaded: bool, boxes: list[UprightBox]) -> PathTracker | None:
        world, motion = self._world, self._world.motion
        steering = float(motion.twist[row, 1]) if world.vehicle.drive == "tricycle" else 0.0
        reach = _REACH_SHARE * world.config.reach_m
        self._still[row], self._rest[row] = 0, _STUCK
        try:
            path = self._planner(row, loaded).plan(
                motion.pose[row], world.goals.xy[row], reach, steering, boxes
            )
        except NoWayError as error:
            (_LOG.debug if boxes else _LOG.warning)("%s", error)  # boxes may go away
            return None
        return PathTracker(path, world.vehicle, loaded)

    def _boxes(self) -> list[Boxes]:
        """The others around each vehicle, and how they moved since the last decision."""
        traffic = self._world.traffic
        poses = traffic.poses
        moved = poses[..., :2] - self._others[..., :2]
        moved[np.linalg.norm(moved, axis=-1) > _JUMP_M] = 0.0
        self._others = poses
        return [Boxes(*row) for row in zip(poses, traffic.halves, moved / DECISION_S, strict=True)]


def as_actions(commands: list[WheelCommand], vehicle: VehicleSpec) -> NDArray[Any]:
    """Commands of N vehicles as actions (N, 2) of the warehouse."""
    speed, side = np.array([(command.speed, command.side) for command in commands]).T
    most = vehicle.max_steering if vehicle.drive == "tricycle" else vehicle.max_turn
    ahead = 2 * (speed + vehicle.max_reverse) / (vehicle.max_speed + vehicle.max_reverse) - 1
    return np.column_stack([ahead, side / most]).clip(-1, 1).astype(np.float32)
