"""Navigation of one robot in one episode: its maps, its sub-goal, and its priority rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robonav.envs.navigation.steps import FORWARD
from robonav.envs.sensors.camera import Camera
from robonav.planners.path_following import without_dithering, wrapped
from robonav.planners.topological.candidates import Choices, choices_of
from robonav.planners.topological.config import HierarchyConfig
from robonav.planners.topological.known_world import KnownWorld
from robonav.planners.topological.priorities import PRIORITIES, WITHOUT_GUARD, HeadingOptions, decide

ARRIVED_M = 0.3
_CLOSE_M, _LOOKS_RAD = 0.15, np.radians(30.0)
_RING_M = 0.6  # between the places where a goal is searched


@dataclass(frozen=True, eq=False)
class NavigatorInput:
    """The inputs of a navigator at one step.

    Attributes:
        depth: (H, W) float32 metres.
        pose: (3,) odometry x, y, yaw in the frame of the start.
        collided: Whether the bumper was touched.
        goal: (2,) goal in that frame, or None.
        sigma_m: Standard error of the odometry, metres.
    """

    depth: NDArray[np.float32]
    pose: NDArray[np.floating]
    collided: bool
    goal: NDArray[np.float64] | None
    sigma_m: float


class SubGoalNavigator:
    """Maps the surroundings of one robot and drives it to the sub-goals that a meta-controller chooses.

    A sub-goal ends when the robot is within 0.5 m of it, its frontier is gone, no path leads there any more,
    or `patience` is over; and when a path to the goal becomes known. Where odometry drifts and the goal is
    not where it should be, the robot searches within twice the error of the odometry. Where no frontier is
    worth its path, the robot plans as if unknown space were free, through gaps that seem too narrow: then
    the bumper decides, not the collision guard.

    Args:
        camera: The robot's depth camera.
        config: Thresholds and ablations.

    Attributes:
        world: Its maps.
        options: Number of sub-goals so far.
    """

    def __init__(self, camera: Camera, config: HierarchyConfig) -> None:
        self.world, self.config, self.options = KnownWorld(camera, config), config, 0
        self._priorities = PRIORITIES if config.guard else WITHOUT_GUARD
        self._sub_goal: tuple[int, NDArray[np.float64]] | None = None
        self._search: list[NDArray[np.float64]] | None = None  # None = was not at the goal yet
        self._goal: NDArray[np.float64] | None = None
        self._paths: dict[str, NDArray[np.float64] | None] = {}
        self._tries_gap, self._last_action = False, FORWARD
        self._step, self._planned_at, self._pursued = -1, -(10**9), 0

    def observe(self, inputs: NavigatorInput) -> None:
        """Update the maps, and drop a sub-goal that has ended."""
        self._step += 1
        self._pursued += 1
        self.world.observe(inputs.depth, inputs.pose, inputs.collided, inputs.sigma_m)
        self._follow_goal(inputs)
        arrived = self._is_at_sub_goal()
        if arrived or inputs.collided or self._step - self._planned_at >= self.config.think_every:
            self._replan(arrived)

    @property
    def needs_sub_goal(self) -> bool:
        """Whether the robot has no sub-goal and no path to follow."""
        return self._sub_goal is None and all(path is None for path in self._paths.values())

    def choices(self) -> Choices:
        """Candidates for the next sub-goal."""
        goal = self._goal if self._search is None else None
        return choices_of(self.world, self.config, goal)

    def pursue(self, choices: Choices, row: int) -> None:
        """Set the sub-goal to the node in a row of the candidates."""
        node = int(choices.ids[row])
        frontiers = self.world.mapper.graph.frontiers
        if node in frontiers:
            frontiers[node].tries += 1
        self._sub_goal, self._pursued = (node, choices.xy[row].copy()), 0
        self.options += 1
        self._paths["sub-goal"] = self.world.path_to(choices.xy[row])

    def act(self) -> int:
        """The next action: 0 forward, 1 left, 2 right."""
        if self.needs_sub_goal:
            self._paths["unknown"] = self._path_to_unknown()
        headings = {
            name: self.world.heading_along(path) for name, path in self._paths.items() if path is not None
        }
        if self._sub_goal is not None and self._is_near_sub_goal():
            headings["sub-goal"] = self._bearing(self._sub_goal[1])
        situation = HeadingOptions(
            self.world.yaw,
            () if self._tries_gap else tuple(self.world.shut_headings().tolist()),
            tuple(self.world.blocked),
            headings.get("sub-goal"),
            headings.get("goal"),
            headings.get("unknown"),
        )
        action, _ = decide(situation, self._priorities)
        is_open = not np.isclose([*situation.blocked, *situation.shut], self.world.yaw, atol=0.1).any()
        self._last_action = without_dithering(action, self._last_action, is_open)
        return self._last_action

    def _follow_goal(self, inputs: NavigatorInput) -> None:
        """Update the goal, and the places to search once the robot has been where the goal should be."""
        self._goal = inputs.goal
        if inputs.goal is None:
            return
        if self._search is None and np.linalg.norm(inputs.goal - self.world.xy) <= ARRIVED_M:
            self._search = _rings(inputs.goal, 2 * inputs.sigma_m)
            self._planned_at = -(10**9)
        if self._search and np.linalg.norm(self._search[0] - self.world.xy) <= ARRIVED_M:
            self._search.pop(0)
            self._planned_at = -(10**9)

    def _is_near_sub_goal(self) -> bool:
        """Whether the robot is within 0.5 m of the sub-goal, or at the end of the path there."""
        assert self._sub_goal is not None
        path = self._paths.get("sub-goal")
        ends = [(self._sub_goal[1], self.config.topology.reach_m)]
        ends += [(path[-1], ARRIVED_M)] if path is not None else []
        return any(np.linalg.norm(end - self.world.xy) <= reach for end, reach in ends)

    def _is_at_sub_goal(self) -> bool:
        """Whether the robot is near the sub-goal, and faces it if it is a frontier."""
        if self._sub_goal is None or not self._is_near_sub_goal():
            return False
        node, xy = self._sub_goal
        is_close = np.linalg.norm(xy - self.world.xy) < _CLOSE_M
        looks = abs(wrapped(self._bearing(xy) - self.world.yaw)) <= _LOOKS_RAD
        return bool(is_close or looks or node not in self.world.mapper.graph.frontiers)

    def _bearing(self, xy: NDArray[np.float64]) -> float:
        return float(np.arctan2(*(xy - self.world.xy)[::-1]))

    def _replan(self, arrived: bool) -> None:
        """Recompute frontiers and paths; drop the sub-goal if it has ended."""
        self._planned_at = self._step
        self.world.look_around()
        self._paths, self._tries_gap = {"goal": self._path_to_goal()}, False
        if self._sub_goal is None:
            return
        node, xy = self._sub_goal
        path = self.world.path_to(xy)
        graph = self.world.mapper.graph
        is_there = node in graph.frontiers or node in graph.places.ids
        found = self.config.interrupt and self._paths["goal"] is not None
        failed = path is None or self._pursued > self.config.patience
        if failed and not arrived and is_there:
            self.world.mapper.failed(node)
        if arrived or failed or found or not is_there:
            self._sub_goal = None
        else:
            self._paths["sub-goal"] = path

    def _path_to_goal(self) -> NDArray[np.float64] | None:
        while self._search:
            path = self.world.path_to(self._search[0])
            if path is not None:
                return path
            self._search.pop(0)
        if self._goal is None or self._search is not None:
            return None
        return self.world.path_to(self._goal)

    def _path_to_unknown(self) -> NDArray[np.float64] | None:
        if self._goal is not None and self._search is None:
            self._tries_gap = True
            return self.world.optimistic_path_to(self._goal)
        nodes = list(self.world.mapper.graph.frontiers.values())
        centres = np.array([node.xy for node in nodes if node.tries < self.config.tries]).reshape(-1, 2)
        if not len(centres):
            return None
        lengths, _ = self.world.nearest_reachable(centres)
        path = self.world.path_to(centres[int(np.argmin(lengths))])
        is_there = path is not None and np.linalg.norm(path[-1] - self.world.xy) <= ARRIVED_M
        return None if is_there else path


def _rings(centre: NDArray[np.floating], radius: float) -> list[NDArray[np.float64]]:
    """Places on rings of 0.6 m, 1.2 m ... around a position (2,), from the inside out, up to a radius."""
    places = []
    for k in range(1, int(radius / _RING_M) + 1):
        angles = np.arange(6 * k) * (2 * np.pi / (6 * k))
        places += list(centre + k * _RING_M * np.column_stack([np.cos(angles), np.sin(angles)]))
    return places
