"""Path following on an occupancy map in steps of 0.25 m and 15 degrees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robonav.envs.navigation.steps import FORWARD, FORWARD_M, LEFT, RIGHT, TURN_RAD
from robonav.maps.occupancy import BODY_M, FREE, OCCUPIED, OccupancyGrid
from robonav.maps.planning import ShortestPaths, clearance, line_is_passable
from robonav.planners.planning_limits import ARRIVED_M, COMFORT_M, ESCAPE_M, LOOKAHEAD_M


@dataclass(frozen=True, eq=False)
class Viewpoint:
    """A position to drive to, and the heading to take there.

    Attributes:
        xy: (2,) position, metres.
        yaw: Heading, radians.
        target: (2,) position to look at; it identifies views of the same target.
    """

    xy: NDArray[np.float64]
    yaw: float
    target: NDArray[np.float64]


class PlanningState:
    """The inputs of a planner: occupancy map, pose, and shortest paths from it.

    Args:
        escape_m: Distance from the position within which paths may cross floor that seems too narrow.

    Attributes:
        grid: The occupancy map.
        xy: (2,) position, metres.
        yaw: Heading, radians.
        hfov: Horizontal field of view, radians.
        passable: (X, Y) bool, known free cells that the body fits in.
        paths: Shortest paths from the position; costs in cells.
    """

    def __init__(
        self,
        grid: OccupancyGrid,
        xy: NDArray[np.float64],
        yaw: float,
        hfov: float,
        escape_m: float = ESCAPE_M,
    ) -> None:
        self.grid, self.xy, self.yaw, self.hfov = grid, xy, yaw, hfov
        room = clearance(grid.cells == OCCUPIED, grid.cell_size)
        free = grid.cells == FREE
        self.passable = free & (room > BODY_M)
        self._origin = grid.origin_xy  # the grid may grow later
        costs = np.where(self.passable, np.where(room < COMFORT_M, 3.0, 1.0), np.inf)
        # Rounding to cells can put the agent where its body seems not to fit: paths out of there cost more.
        here, reach = grid.cell(xy), round(escape_m / grid.cell_size)
        near = np.zeros_like(free)
        near[here[0] - reach : here[0] + reach + 1, here[1] - reach : here[1] + reach + 1] = True
        self.paths = ShortestPaths(np.where(free & near & ~self.passable, 10.0, costs), here)

    def steps_to(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        """Forward steps (K,) to cells (K, 2); inf where no path leads."""
        return self.paths.costs[cells[:, 0], cells[:, 1]] * (self.grid.cell_size / FORWARD_M)

    def is_straight(self, start: NDArray[np.float64], end: NDArray[np.float64]) -> bool:
        """Whether the body fits all along the line between two positions (2,), by the map at construction."""
        start, end = ((xy - self._origin) / self.grid.cell_size for xy in (start, end))
        return line_is_passable(self.passable, start, end)


class Chooser:
    """Chooses the next view."""

    def choose(self, situation: PlanningState) -> Viewpoint | None:
        """The next view, or None if nothing is left to see."""
        raise NotImplementedError

    def give_up(self, situation: PlanningState, view: Viewpoint) -> None:
        """Give a view up: it was reached, or cannot be reached."""
        raise NotImplementedError


def wrapped(angle: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Angles in (-pi, pi]."""
    return np.asarray(np.pi - (np.pi - np.asarray(angle)) % (2 * np.pi))


def turn_steps(
    situation: PlanningState, xy: NDArray[np.float64], headings: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Turns (P, H) to drive straight to places (P, 2) and then face headings (H,)."""
    offset = xy - situation.xy
    away = np.linalg.norm(offset, axis=1) > ARRIVED_M
    bearing = np.where(away, np.arctan2(offset[:, 1], offset[:, 0]), situation.yaw)
    before = np.abs(wrapped(bearing - situation.yaw))
    after = np.abs(wrapped(headings[None] - bearing[:, None]))
    return (before[:, None] + after) / TURN_RAD


def has_arrived(view: Viewpoint, xy: NDArray[np.float64], yaw: float) -> bool:
    """Whether the agent is at the view's position and faces its heading."""
    looks = abs(wrapped(view.yaw - yaw)) <= TURN_RAD / 2 + 1e-6
    return bool(looks and np.linalg.norm(view.xy - xy) <= ARRIVED_M)


def heading_along(
    situation: PlanningState, path: NDArray[np.float64], view: Viewpoint, xy: NDArray[np.float64]
) -> float:
    """Heading that follows a path (K, 2) of positions; at its end, the heading of the view."""
    if np.linalg.norm(view.xy - xy) <= ARRIVED_M:
        return view.yaw
    ahead = _lookahead(situation, path, xy) - xy
    return float(np.arctan2(ahead[1], ahead[0]))


def steer(yaw: float, heading: float, blocked: list[float]) -> int:
    """The next action towards a heading, blocked headings left out."""
    turns = np.arange(-12, 12)
    reachable = yaw + turns.astype(np.float64) * TURN_RAD
    away = np.abs(wrapped(reachable - heading))
    for wall in blocked:
        away[np.abs(wrapped(reachable - wall)) < TURN_RAD / 2] = np.inf
    turn = turns[np.argmin(away + 1e-6 * np.abs(turns))]
    return FORWARD if turn == 0 else LEFT if turn > 0 else RIGHT


def without_dithering(action: int, previous: int, is_open_ahead: bool) -> int:
    """The action, or forward instead of turning back at once: uncertain poses cause turns to and fro."""
    turns_back = {action, previous} == {LEFT, RIGHT}
    return FORWARD if turns_back and is_open_ahead else action


def _lookahead(
    situation: PlanningState, path: NDArray[np.float64], xy: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The farthest point of the path within 1 m that a straight line over passable cells reaches."""
    grid = situation.grid
    nearest = int(np.argmin(np.linalg.norm(path - xy, axis=1)))
    ahead = path[nearest + 1 : nearest + 1 + round(LOOKAHEAD_M / grid.cell_size)]
    for point in ahead[::-1]:
        if situation.is_straight(xy, point):
            return point
    return ahead[0] if len(ahead) else path[-1]
