"""Planners with true depth and pose: to the nearest frontier, or to the most informative view."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robonav.envs.navigation.steps import RIGHT
from robonav.envs.sensors.camera import Camera
from robonav.maps.occupancy import UNKNOWN, Frontier, OccupancyGrid
from robonav.planners.frontier_gain import InformedFrontier
from robonav.planners.path_following import (
    Chooser,
    PlanningState,
    Viewpoint,
    has_arrived,
    heading_along,
    steer,
    turn_steps,
)
from robonav.planners.planning_limits import PATIENCE, SIGHT_M

if TYPE_CHECKING:
    from robonav.envs.world import Frames

THINK_EVERY = 4
_PIECE_M = 1.5  # of a frontier that is looked at piece by piece


class FrontierExplorer:
    """Keeps an occupancy map for each agent, lets a chooser pick the next view, and drives there.

    Args:
        make_chooser: Makes a chooser; called once for each agent and episode.
    """

    camera = Camera()

    def __init__(self, make_chooser: Callable[[], Chooser]) -> None:
        self._make_chooser = make_chooser

    def reset(self, num_agents: int, seed: int) -> None:
        """Forget all maps; planners draw no random numbers."""
        self._agents = [_Agent(self._make_chooser()) for _ in range(num_agents)]

    def act(
        self, observation: dict[str, NDArray[np.generic]], frames: Frames, camera: Camera
    ) -> NDArray[np.int64]:
        """Integrate the frames and return actions (N,)."""
        directions = camera.directions()
        actions = []
        for i, agent in enumerate(self._agents):
            agent.look(frames.of(i), directions)
            xy, yaw = frames.position[i, :2].astype(np.float64), float(frames.yaw[i])
            actions.append(agent.decide(xy, yaw, bool(frames.collided[i]), np.radians(camera.hfov_deg)))
        return np.array(actions)


class NearestFrontier(Chooser):
    """Chooses the frontier that takes the fewest steps to reach (Yamauchi 1997)."""

    def __init__(self) -> None:
        self._given_up: list[NDArray[np.float64]] = []

    def choose(self, situation: PlanningState) -> Viewpoint | None:
        """The view from its nearest cell at the unknown beside its centre; turns count as steps."""
        grid = situation.grid
        # One frontier may go all around, and was looked at in its middle only: then in pieces.
        fresh = self._not_given_up(grid, np.inf) or self._not_given_up(grid, _PIECE_M)
        best, best_cost = None, np.inf
        for frontier in fresh:
            target = grid.centre(frontier.centre)
            costs = situation.steps_to(frontier.cells)
            nearest = int(np.argmin(costs))
            place = grid.centre(frontier.cells[nearest])
            yaw = self._towards_unknown(grid, frontier.centre)
            turns = turn_steps(situation, place[None], np.array([yaw]))[0, 0]
            if costs[nearest] + turns < best_cost:
                best_cost = costs[nearest] + turns
                best = Viewpoint(place, yaw, target)
        return best

    def _not_given_up(self, grid: OccupancyGrid, max_extent: float) -> list[Frontier]:
        def is_fresh(frontier: Frontier) -> bool:
            target = grid.centre(frontier.centre)
            return all(np.linalg.norm(target - other) >= 0.3 for other in self._given_up)

        return [frontier for frontier in grid.frontiers(max_extent=max_extent) if is_fresh(frontier)]

    def give_up(self, situation: PlanningState, view: Viewpoint) -> None:
        """Exclude this frontier from now on."""
        self._given_up.append(view.target)

    @staticmethod
    def _towards_unknown(grid: OccupancyGrid, cell: NDArray[np.int64]) -> float:
        low = np.maximum(cell - 5, 0)
        unknown = np.argwhere(grid.cells[low[0] : cell[0] + 6, low[1] : cell[1] + 6] == UNKNOWN) + low
        return float(np.arctan2(*(unknown.mean(axis=0) - cell)[::-1]))


class _Agent:
    """One planner in one episode."""

    def __init__(self, chooser: Chooser) -> None:
        self._chooser = chooser
        self._grid: OccupancyGrid | None = None
        self._view: Viewpoint | None = None
        self._situation: PlanningState | None = None
        self._path = np.zeros((0, 2))
        self._blocked: list[float] = []  # headings that led into something from where it stands
        self._last_xy = np.zeros(2)
        self._thought, self._pursued, self._step = -THINK_EVERY, 0, 0

    def look(self, frames: Frames, rays: NDArray[np.float32]) -> None:
        """Integrate a frame into the map."""
        xy, yaw = frames.position[0, :2].astype(np.float64), float(frames.yaw[0])
        if self._grid is None:
            self._grid = OccupancyGrid(xy, float(frames.position[0, 2]), detail_range=SIGHT_M)
        depth, pose = frames.depth[0], frames.T_world_camera[0]
        self._grid.observe(depth, pose, rays, xy, yaw, bool(frames.collided[0]))

    def decide(self, xy: NDArray[np.float64], yaw: float, collided: bool, hfov: float) -> int:
        """The next action."""
        assert self._grid is not None
        self._step += 1
        self._pursued += 1
        if collided:
            self._blocked.append(yaw)
        elif np.linalg.norm(xy - self._last_xy) > 0.01:
            self._blocked.clear()
        self._last_xy = xy
        arrived = self._view is not None and has_arrived(self._view, xy, yaw)
        if arrived or collided or self._view is None or self._step - self._thought >= THINK_EVERY:
            self._think(PlanningState(self._grid, xy, yaw, hfov), arrived)
        if self._view is None:
            return RIGHT
        assert self._situation is not None
        return steer(yaw, heading_along(self._situation, self._path, self._view, xy), self._blocked)

    def _think(self, situation: PlanningState, arrived: bool) -> None:
        previous, self._situation = self._view, situation
        if previous is not None and (arrived or self._pursued > PATIENCE):
            self._chooser.give_up(situation, previous)
        self._view = self._chooser.choose(situation)
        self._thought = self._step
        if self._view is None:
            return
        if previous is None or arrived or np.linalg.norm(previous.target - self._view.target) > 0.5:
            self._pursued = 0
        self._path = situation.grid.centre(situation.paths.path_to(situation.grid.cell(self._view.xy)))


def nearest_frontier() -> FrontierExplorer:
    """The classical baseline."""
    return FrontierExplorer(NearestFrontier)


def informed_frontier() -> FrontierExplorer:
    """The upper reference: information gain against path cost."""
    return FrontierExplorer(InformedFrontier)
