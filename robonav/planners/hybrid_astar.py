"""Hybrid A* (Dolgov et al. 2010): ways in x, y and heading that fit a vehicle's footprint and gears."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import warp as wp
from numpy.typing import NDArray

from robonav.envs.scenes.scene import SceneError
from robonav.envs.warehouse.layout import CELL_M, UprightBox
from robonav.envs.warehouse.places import FreePlaces
from robonav.envs.warehouse.vehicle import VehicleSpec, outline_points
from robonav.planners import hybrid_astar_kernels as kernels

_TURN = 2 * math.pi / int(kernels.HEADINGS)
_SPACING_M = 0.05  # of points along the footprint, as in the simulation
_NODES, _NODES_AROUND = 2_000_000, 300_000  # of a search, and of one around boxes that may go away


class NoWayError(SceneError):
    """The footprint cannot be driven from this pose to this goal."""


@dataclass(frozen=True)
class HybridAStarConfig:
    """Settings; lengths in metres, angles in radians, costs in metres."""

    keep_m: float = 0.05
    """Clearance of every planned pose; less only if the start is nearer to something."""
    comfort_m: float = 0.35
    """Clearance below which a metre costs more."""
    nearness: float = 3.0
    """By how many metres more at contact."""
    move_m: float = 0.3
    """Length of a move."""
    largest_turn: float = math.radians(30)
    """Largest change of heading in a move."""
    curvature_shares: tuple[float, ...] = (1 / 6, 1 / 2, 1.0)
    """Curvatures of arcs, as shares of the largest."""
    curvature: float = 2.0
    """Largest curvature of a differential drive's arcs, 1/m."""
    steering_share: float = 0.9
    """Share of a tricycle's steering that is planned with; the rest is for corrections."""
    reverse: float = 2.0
    """Cost of a metre backward."""
    gear_change: float = 1.0
    """Cost of going the other way."""
    turn: float = 0.3
    """Cost of a radian on an arc, so that ways are no wider or more winding than they need."""
    turn_on_spot: float = 0.6
    """Cost of a radian on the spot."""
    steering_change: float = 0.3
    """Cost of a radian by which a tricycle's wheel is turned."""


@dataclass(frozen=True, eq=False)
class PlannedPath:
    """A way that a vehicle can drive.

    Attributes:
        poses: (K, 3) x, y, yaw, metres and radians; the first one is the start.
        gear: (K,) how a pose is come to: 1 forward, -1 backward, 0 turning on the spot; the first one is as
            the second.
        cost: Metres, with all that counts as such.
        expanded: Nodes of the search that were expanded.
    """

    poses: NDArray[np.float64]
    gear: NDArray[np.int64]
    cost: float
    expanded: int

    @property
    def length(self) -> float:
        """Metres."""
        return float(np.hypot(*np.diff(self.poses[:, :2], axis=0).T).sum())


class HybridAStar:
    """Plans for one vehicle in one hall; the goal is a place, with any heading.

    Args:
        places: The hall's free floor.
        loaded: Whether the vehicle has a load.
        config: Settings.

    Attributes:
        around: The hall and the footprint, for other kernels.
    """

    def __init__(
        self, places: FreePlaces, loaded: bool = False, config: HybridAStarConfig | None = None
    ) -> None:
        self._places, self.config = places, config or HybridAStarConfig()
        vehicle, grid = places.vehicle, places.grid
        corners = vehicle.loaded_outline if loaded else vehicle.outline
        self.around = surroundings_of(
            corners,
            grid.loaded if loaded else grid.body,
            grid.layout.origin,
            replace(self.config, keep_m=0.0),
        )
        self._body = grid.loaded if loaded else grid.body
        self._around = surroundings_of(corners, self._body, grid.layout.origin, self.config)
        self._moves = _moves(vehicle, self._around, self.config)
        self._step, self._gear = self._moves.step.numpy(), self._moves.gear.numpy()

    def plan(
        self,
        start: Sequence[float],
        goal: Sequence[float],
        reach_m: float,
        steering: float = 0.0,
        boxes: Sequence[UprightBox] = (),
    ) -> PlannedPath:
        """A cheap way from a pose (x, y, yaw) to within `reach_m` of a place (x, y).

        Args:
            start: Metres and radians.
            goal: Metres.
            reach_m: Metres.
            steering: Of a tricycle at the start, radians.
            boxes: What else stands in the hall.

        Raises:
            NoWayError: There is none, or the start is in contact.
        """
        left = self._places.left_to(goal)
        self._around.left = wp.array(left, dtype=wp.float32, device="cpu")
        self._around.body = _walled(self._with(boxes))
        self._around.keep = self._keep(start)
        memory = _memory(left.shape, _NODES_AROUND if boxes else _NODES)
        given = [self._around, self._moves, memory, wp.vec3(*map(float, start[:3]))]
        given += [wp.vec2(*map(float, goal[:2])), reach_m, steering]
        wp.launch(kernels.search, 1, given, device="cpu")
        last, too_small = (int(value) for value in memory.count.numpy()[3:5])
        if last < 0:
            raise NoWayError(self._refusal(start, goal, bool(too_small)))
        return self._path(memory, last)

    def _with(self, boxes: Sequence[UprightBox]) -> NDArray[np.float32]:
        """The distances (X, Y) to what the vehicle runs into, boxes too."""
        body, origin = self._body, self._places.grid.layout.origin
        centres = np.moveaxis(np.indices(body.shape) + 0.5, 0, -1) * CELL_M + origin if boxes else body
        for box in boxes:
            body = np.minimum(body, box.distance(centres)).astype(np.float32)
        return body

    def _keep(self, start: Sequence[float]) -> float:
        """The clearance to keep: as wanted, or a part of what there is at a start that has less."""
        clear = wp.zeros(1, dtype=wp.float32, device="cpu")
        pose = wp.vec3(*map(float, start[:3]))
        wp.launch(kernels.room_at, 1, [self._around, pose, clear], device="cpu")
        here = float(clear.numpy()[0])
        return self.config.keep_m if here >= self.config.keep_m else 0.2 * here

    def _refusal(self, start: Sequence[float], goal: Sequence[float], too_small: bool) -> str:
        x, y, yaw = start[:3]
        hall, name = self._places.grid.layout.name, self._places.vehicle.name
        why = (
            "the search gave up before it had searched all"
            if too_small
            else "all that it can reach was searched"
        )
        return (
            f"vehicle {name} cannot drive from ({x:.2f}, {y:.2f}) m, {math.degrees(yaw):.0f}°, "
            f"to ({goal[0]:.2f}, {goal[1]:.2f}) m in {hall}: "
            f"{why}; choose another goal, a smaller vehicle or wider aisles"
        )

    def _path(self, memory: kernels.SearchMemory, last: int) -> PlannedPath:
        before, move, steps = (array.numpy() for array in (memory.before, memory.move, memory.steps))
        nodes = [last]
        while before[nodes[-1]] >= 0:
            nodes.append(int(before[nodes[-1]]))
        origins = memory.pose.numpy()
        poses, gears = [origins[nodes[-1]][None].astype(float)], []
        for node in nodes[-2::-1]:
            count = int(steps[node])
            poses.append(_driven(origins[before[node]], self._step[move[node]], count))
            gears += [int(self._gear[move[node]])] * count
        cost, expanded = float(memory.cost.numpy()[last]), int(memory.count.numpy()[2])
        return PlannedPath(np.concatenate(poses), np.array([*gears[:1], *gears], np.int64), cost, expanded)


def _driven(start: NDArray[np.floating], step: NDArray[np.floating], count: int) -> NDArray[np.float64]:
    """Poses (count, 3) after each of equal small steps (metres, radians) along an arc."""
    x, y, yaw = (float(value) for value in start)
    turned = float(step[1]) * np.arange(1, count + 1)
    along = float(step[0]) * np.arange(1, count + 1)
    chord = along * np.sinc(turned / (2 * np.pi))
    heading = yaw + turned / 2
    return np.column_stack([x + chord * np.cos(heading), y + chord * np.sin(heading), yaw + turned])


def surroundings_of(
    corners: NDArray[np.float64],
    body: NDArray[np.float32],
    origin: tuple[float, float],
    config: HybridAStarConfig,
) -> kernels.Surroundings:
    """A footprint (K, 2) and the distances (X, Y) that it keeps, for kernels."""
    around = kernels.Surroundings()
    around.body = _walled(body)
    around.origin, around.corner = wp.vec2(*origin), wp.vec2(*(side - CELL_M for side in origin))
    around.outline = wp.array(outline_points(corners, _SPACING_M), dtype=wp.vec2, device="cpu")
    around.spacing = _SPACING_M
    around.radius = float(np.linalg.norm(corners, axis=1).max())
    around.keep, around.comfort, around.nearness = config.keep_m, config.comfort_m, config.nearness
    return around


def _moves(vehicle: VehicleSpec, around: kernels.Surroundings, config: HybridAStarConfig) -> kernels.Moves:
    """Arcs both ways, and for a differential drive turns on the spot."""
    is_tricycle = vehicle.drive == "tricycle"
    steered = math.tan(config.steering_share * vehicle.max_steering) / vehicle.wheelbase_m
    largest = steered if is_tricycle else config.curvature
    rows = []
    for gear in (1, -1):
        for bend in (0.0, *(side * share for share in config.curvature_shares for side in (1, -1))):
            curvature = bend * largest
            metres = min(config.move_m, config.largest_turn / max(abs(curvature), 1e-9))
            steering = math.atan(curvature * vehicle.wheelbase_m) if is_tricycle else 0.0
            cost = metres * ((1.0 if gear > 0 else config.reverse) + config.turn * abs(curvature))
            rows.append((gear * metres, gear * metres * curvature, cost, gear, steering))
    if not is_tricycle:
        turn = 3 * _TURN
        rows += [(0.0, side * turn, turn * config.turn_on_spot, 0, 0.0) for side in (1, -1)]
    whole = np.array([row[:2] for row in rows])
    farthest = np.abs(whole) @ (1.0, around.radius)
    steps = np.maximum(1, np.ceil(farthest / (2 * config.keep_m))).astype(np.int32)
    moves = kernels.Moves()
    moves.step = wp.array((whole / steps[:, None]).astype(np.float32), dtype=wp.vec2, device="cpu")
    moves.steps = wp.array(steps, dtype=wp.int32, device="cpu")
    moves.cost, moves.gear, moves.steering = (
        wp.array([row[i] for row in rows], dtype=kind, device="cpu")
        for i, kind in ((2, wp.float32), (3, wp.int32), (4, wp.float32))
    )
    moves.gear_change, moves.steering_change = config.gear_change, config.steering_change
    return moves


def _walled(body: NDArray[np.float32]) -> wp.array:
    """Distances (1, X + 2, Y + 2) within a ring of blocked cells."""
    return wp.array(np.pad(body, 1, constant_values=-CELL_M / 2)[None], dtype=wp.float32, device="cpu")


def _memory(shape: tuple[int, ...], nodes: int) -> kernels.SearchMemory:
    memory = kernels.SearchMemory()
    memory.best = wp.full((*shape, int(kernels.HEADINGS)), -1, dtype=wp.int32, device="cpu")
    memory.pose = wp.empty(nodes, dtype=wp.vec3, device="cpu")
    memory.cost, memory.key = (wp.empty(nodes, dtype=wp.float32, device="cpu") for _ in range(2))
    memory.before, memory.move, memory.steps, memory.node = (
        wp.empty(nodes, dtype=wp.int32, device="cpu") for _ in range(4)
    )
    memory.count = wp.array([0, 0, 0, -1, 0], dtype=wp.int32, device="cpu")
    return memory
