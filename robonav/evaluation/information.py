"""Where a camera would see the most that it has not seen, for the steps that it takes to get there."""

from __future__ import annotations

import numpy as np
import warp as wp
from numpy.typing import NDArray

from robonav.evaluation import kernels
from robonav.evaluation.pilot import STRIDE_M, TURN_RAD, Chooser, Situation, View, turn_steps, wrapped
from robonav.maps.occupancy import OCCUPIED, OccupancyGrid

SIGHT_M = 4.0  # a surface counts as seen, and is expected to be seen, from within this distance
WALL_M = 2.5  # assumed height of an occupied cell that is not seen yet
RAYS = 72  # all around a place
MIN_GAIN_M2 = 0.1
DECIDE_STEPS = 4.0  # keeps a tiny gain next door from beating a large one
TOURS = 16  # how many of the best views are looked at closely


class InformedFrontier(Chooser):
    """The way with the most unseen surface for each step of it.

    Views (24 headings at places all over the known floor) are ranked by what they show at their end; the best
    of them by all that comes into view on the way there.
    """

    def choose(self, situation: Situation) -> View | None:
        """The view at the end of the best way; None if no view shows 0.1 m² that is new."""
        places = self._places(situation)
        gains = view_gains(situation.grid, places, situation.yaw, situation.hfov)
        headings = situation.yaw + np.arange(24) * TURN_RAD
        xy = situation.grid.centre(places)
        steps = situation.steps_to(places)[:, None] + turn_steps(situation, xy, headings)
        worth = np.where(gains >= MIN_GAIN_M2, gains / (steps + DECIDE_STEPS), 0.0)
        best_heading = np.argmax(worth, axis=1)
        value = worth[np.arange(len(places)), best_heading]
        chosen = np.argsort(-value, kind="stable")[:TOURS]
        chosen = chosen[value[chosen] > 0]
        if not len(chosen):
            return None
        tours = [Tour(situation, places[k], float(headings[best_heading[k]])) for k in chosen]
        worth = tour_gains(situation, tours) / np.array([tour.steps + DECIDE_STEPS for tour in tours])
        best = chosen[int(np.argmax(worth))]
        return View(xy[best], float(headings[best_heading[best]]), xy[best])

    def give_up(self, situation: Situation, view: View) -> None:
        """What lies in the view counts as seen."""
        grid, reach = situation.grid, np.arange(1, int(SIGHT_M / situation.grid.cell_size) + 1)
        for angle in view.yaw + np.linspace(-situation.hfov / 2, situation.hfov / 2, RAYS // 2):
            ray = grid.cell(view.xy) + np.round(reach[:, None] * [np.cos(angle), np.sin(angle)]).astype(int)
            ray = ray[np.all((ray >= 0) & (ray < grid.cells.shape), axis=1)]
            blocked = np.cumsum(grid.cells[ray[:, 0], ray[:, 1]] == OCCUPIED)
            crossed = ray[: int(np.searchsorted(blocked, 1)) + 1]
            grid.detailed[crossed[:, 0], crossed[:, 1]] = True

    @staticmethod
    def _places(situation: Situation) -> NDArray[np.int64]:
        """Reachable cells on a 0.5 m lattice, and where the agent is."""
        reachable = np.argwhere(situation.passable & np.isfinite(situation.paths.costs))
        lattice = reachable[np.all(reachable % round(0.5 / situation.grid.cell_size) == 0, axis=1)]
        return np.vstack([situation.grid.cell(situation.xy)[None], lattice])


class Tour:
    """The way to a view: what the camera passes through, and how many steps it takes.

    Args:
        situation: Where the agent is.
        place: (2,) cell to go to.
        heading: Where to look there, radians.

    Attributes:
        poses: (M, 3) float32 cell x, cell y, yaw, every 0.5 m and every 45 degrees of a turn.
        steps: Moves and turns.
    """

    def __init__(self, situation: Situation, place: NDArray[np.int64], heading: float) -> None:
        path = situation.paths.path_to(place)
        every = round(0.5 / situation.grid.cell_size)
        corners = np.vstack([path[:-1:every], path[-1:]])
        along = np.diff(corners, axis=0)
        yaws = np.append(np.arctan2(along[:, 1], along[:, 0]), heading)
        turns = wrapped(np.diff(yaws, prepend=situation.yaw))
        poses = []
        for corner, yaw, turn in zip(corners, yaws, turns, strict=True):
            count = max(1, int(np.ceil(abs(turn) / (3 * TURN_RAD))))
            poses += [(*corner, yaw - turn * (1 - k / count)) for k in range(1, count + 1)]
        self.poses = np.array(poses, dtype=np.float32)
        length = np.linalg.norm(np.diff(path, axis=0), axis=1).sum() * situation.grid.cell_size
        self.steps = float(length / STRIDE_M + np.abs(turns).sum() / TURN_RAD)


def view_gains(
    grid: OccupancyGrid, places: NDArray[np.int64], yaw: float, hfov: float
) -> NDArray[np.float64]:
    """Unseen surface in m² that cameras at places (P, 2) would see at headings yaw + k 15 degrees: (P, 24).

    Floor and ceiling count once each, an occupied cell as a wall of 2.5 m; known walls end the view.
    """
    by_ray = np.zeros((len(places), RAYS), dtype=np.float32)
    wp.launch(
        kernels.unseen_along,
        dim=by_ray.shape,
        inputs=[
            *_layers(grid),
            wp.array(places.astype(np.int32), dtype=wp.int32, device="cpu"),
            *(yaw, RAYS, int(SIGHT_M / grid.cell_size), grid.cell_size, OCCUPIED, WALL_M),
            wp.array(by_ray, dtype=wp.float32, device="cpu", copy=False),
        ],
        device="cpu",
    )
    half = round(hfov / 2 / (2 * np.pi / RAYS))
    window = np.add.reduce([np.roll(by_ray, -k, axis=1) for k in range(-half, half + 1)])
    return window[:, :: RAYS // 24].astype(np.float64)


def tour_gains(situation: Situation, tours: list[Tour]) -> NDArray[np.float64]:
    """Unseen surface in m² (T,) that comes into view on each way, each cell once."""
    grid = situation.grid
    poses = np.zeros((len(tours), max(len(tour.poses) for tour in tours), 3), dtype=np.float32)
    for row, tour in zip(poses, tours, strict=True):
        row[:] = tour.poses[-1]  # the last view again adds nothing
        row[: len(tour.poses)] = tour.poses
    gains = np.zeros(len(tours), dtype=np.float32)
    wp.launch(
        kernels.unseen_on_the_way,
        dim=len(tours),
        inputs=[
            *_layers(grid),
            wp.array(poses, dtype=wp.float32, device="cpu", copy=False),
            *(situation.hfov, RAYS // 2, int(SIGHT_M / grid.cell_size), OCCUPIED),
            *(2 * grid.cell_size**2, WALL_M * grid.cell_size),
            wp.zeros((len(tours), *grid.cells.shape), dtype=wp.uint8, device="cpu"),
            wp.array(gains, dtype=wp.float32, device="cpu", copy=False),
        ],
        device="cpu",
    )
    return gains.astype(np.float64)


def _layers(grid: OccupancyGrid) -> tuple[wp.array, wp.array]:
    return (
        wp.array(grid.cells, dtype=wp.uint8, device="cpu", copy=False),
        wp.array(grid.detailed, dtype=wp.bool, device="cpu", copy=False),
    )
