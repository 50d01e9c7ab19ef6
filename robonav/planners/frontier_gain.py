"""The view with the most unseen surface for each step of the path to it (information gain)."""

from __future__ import annotations

import numpy as np
import warp as wp
from numpy.typing import NDArray

from robonav.envs.navigation.steps import TURN_RAD
from robonav.maps.occupancy import OCCUPIED, OccupancyGrid
from robonav.planners.path_following import Chooser, PlanningState, Viewpoint, turn_steps
from robonav.planners.planning_limits import DECIDE_STEPS, LATTICE_M, MIN_GAIN_M2, SIGHT_M, WALL_M
from robonav.planners.view_gain_kernel import unseen_along

RAYS = 72  # all around a place


class InformedFrontier(Chooser):
    """Chooses the view with the most unseen surface for each step of the path to it."""

    def choose(self, situation: PlanningState) -> Viewpoint | None:
        """Score 24 headings at places on the known floor; None if no view shows 0.1 m² of unseen surface."""
        places = self._places(situation)
        gains = view_gains(situation.grid, places, situation.yaw, situation.hfov)
        headings = situation.yaw + np.arange(24, dtype=np.float64) * TURN_RAD
        xy = situation.grid.centre(places)
        steps = situation.steps_to(places)[:, None] + turn_steps(situation, xy, headings)
        worth = np.where(gains >= MIN_GAIN_M2, gains / (steps + DECIDE_STEPS), 0.0)
        place, heading = np.unravel_index(np.argmax(worth), worth.shape)
        if worth[place, heading] <= 0:
            return None
        return Viewpoint(xy[place], float(headings[heading]), xy[place])

    def give_up(self, situation: PlanningState, view: Viewpoint) -> None:
        """Count the surface in the view as seen."""
        grid, reach = situation.grid, np.arange(1, int(SIGHT_M / situation.grid.cell_size) + 1)
        for angle in view.yaw + np.linspace(-situation.hfov / 2, situation.hfov / 2, RAYS // 2):
            ray = grid.cell(view.xy) + np.round(reach[:, None] * [np.cos(angle), np.sin(angle)]).astype(int)
            ray = ray[np.all((ray >= 0) & (ray < grid.cells.shape), axis=1)]
            blocked = np.cumsum(grid.cells[ray[:, 0], ray[:, 1]] == OCCUPIED)
            crossed = ray[: int(np.searchsorted(blocked, 1)) + 1]
            grid.detailed[crossed[:, 0], crossed[:, 1]] = True

    @staticmethod
    def _places(situation: PlanningState) -> NDArray[np.int64]:
        """Reachable cells on a 0.5 m lattice, and the agent's own cell."""
        reachable = np.argwhere(situation.passable & np.isfinite(situation.paths.costs))
        lattice = reachable[np.all(reachable % round(LATTICE_M / situation.grid.cell_size) == 0, axis=1)]
        return np.vstack([situation.grid.cell(situation.xy)[None], lattice])


def view_gains(
    grid: OccupancyGrid, places: NDArray[np.int64], yaw: float, hfov: float
) -> NDArray[np.float64]:
    """Unseen surface (P, 24), m², in view from places (P, 2) at headings yaw + k 15 degrees.

    Floor and ceiling count once each, an occupied cell as a wall of 2.5 m; known walls end the view.
    """
    by_ray = np.zeros((len(places), RAYS), dtype=np.float32)
    wp.launch(
        unseen_along,
        dim=by_ray.shape,
        inputs=[
            wp.array(grid.cells, dtype=wp.uint8, device="cpu", copy=False),
            wp.array(grid.detailed, dtype=wp.bool, device="cpu", copy=False),
            wp.array(places.astype(np.int32), dtype=wp.int32, device="cpu"),
            *(yaw, RAYS, int(SIGHT_M / grid.cell_size), grid.cell_size, OCCUPIED, WALL_M),
            wp.array(by_ray, dtype=wp.float32, device="cpu", copy=False),
        ],
        device="cpu",
    )
    half = round(hfov / 2 / (2 * np.pi / RAYS))
    window = np.add.reduce([np.roll(by_ray, -k, axis=1) for k in range(-half, half + 1)])
    return window[:, :: RAYS // 24].astype(np.float64)
