"""Hybrid A*: ways are clear of contact by exact geometry, no longer than they must be, or refused."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from robonav.envs.warehouse.distance_grid import DistanceGrid
from robonav.envs.warehouse.layout import CELL_M, UprightBox, WarehouseLayout
from robonav.envs.warehouse.layouts import make_layout
from robonav.envs.warehouse.places import FreePlaces
from robonav.envs.warehouse.vehicle import AMR, FORKLIFT, UNDERRIDE, VehicleSpec
from robonav.planners.hybrid_astar import HybridAStar, NoWayError, PlannedPath

REACH_M = 0.15


def places_in(layout: WarehouseLayout, vehicle: VehicleSpec) -> FreePlaces:
    return FreePlaces(DistanceGrid.of(layout, vehicle), vehicle)


def dead_end() -> WarehouseLayout:
    """A hall of 6 x 6 m, and a corridor of 6 x 1.4 m that ends blind."""
    walls = [UprightBox(9, 1.15, 6, 2.3), UprightBox(9, 4.85, 6, 2.3)]
    return WarehouseLayout("dead-end", (12, 6), walls)


def narrow_bend() -> WarehouseLayout:
    """Two rooms of 5 x 5 m, joined by a corridor of 1.1 m with a corner."""
    blocked = np.ones((240, 240), bool)
    for x0, x1, y0, y1 in ((0, 5, 0, 5), (5, 8, 2, 3.1), (6.9, 8, 2, 7), (4, 9, 7, 12)):
        blocked[round(x0 / CELL_M) : round(x1 / CELL_M), round(y0 / CELL_M) : round(y1 / CELL_M)] = False
    return WarehouseLayout("bend", (12, 12), blocked=blocked)


def overlap(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether convex polygons (K, 2) overlap: no edge of either parts them."""
    for corners in (first, second):
        for along in np.roll(corners, -1, 0) - corners:
            across = np.array([along[1], -along[0]])
            a, b = first @ across, second @ across
            if a.max() <= b.min() or b.max() <= a.min():
                return False
    return True


def touches(layout: WarehouseLayout, vehicle: VehicleSpec, pose: np.ndarray) -> bool:
    c, s = math.cos(pose[2]), math.sin(pose[2])
    corners = vehicle.outline @ np.array([[c, s], [-s, c]]) + pose[:2]
    if (corners < layout.origin).any() or (corners > np.add(layout.origin, layout.size)).any():
        return True
    solid = [block for block in layout.blocks if block.bottom < vehicle.height_m]
    return any(overlap(corners, block.corners()) for block in solid)


def is_drivable(path: PlannedPath, vehicle: VehicleSpec) -> bool:
    """Whether each pose follows from the one before along an arc that the vehicle can drive."""
    steps, turned = np.diff(path.poses[:, :2], axis=0), np.diff(path.poses[:, 2])
    middle = path.poses[:-1, 2] + turned / 2
    ahead = steps[:, 0] * np.cos(middle) + steps[:, 1] * np.sin(middle)
    aside = steps[:, 1] * np.cos(middle) - steps[:, 0] * np.sin(middle)
    right_gear = np.sign(np.round(ahead, 4)) == path.gear[1:]
    if vehicle.drive == "tricycle":
        tightest = math.tan(vehicle.max_steering) / vehicle.wheelbase_m
        right_gear &= np.abs(turned) <= tightest * np.abs(ahead) * 1.1 + 1e-4
    return bool(right_gear.all() and (np.abs(aside) < 1e-3).all())


@pytest.mark.parametrize("vehicle", [AMR, UNDERRIDE, FORKLIFT], ids=lambda vehicle: vehicle.name)
@pytest.mark.parametrize("kind", ["complex", "site"])
def test_planned_ways_touch_nothing_by_exact_geometry_and_can_be_driven(
    kind: str, vehicle: VehicleSpec
) -> None:
    layout = make_layout(kind, "val", 4)
    places = places_in(layout, vehicle)
    planner, rng = HybridAStar(places), np.random.default_rng(0)
    for _ in range(3):
        start = places.start(rng)
        goal = places.goal(rng, start, 4.0)
        path = planner.plan(start, goal, REACH_M)
        assert np.hypot(*(path.poses[-1, :2] - goal)) <= REACH_M + 1e-3
        assert path.poses[0] == pytest.approx(start, abs=1e-5)
        assert is_drivable(path, vehicle)
        assert not any(touches(layout, vehicle, pose) for pose in path.poses)
        assert np.hypot(*np.diff(path.poses[:, :2], axis=0).T).max() < 0.11


def test_what_is_left_to_the_goal_is_what_dijkstra_finds() -> None:
    places = places_in(make_layout("simple", "val", 1), AMR)
    goal = places.fixed_goal()
    left = places.left_to(goal)
    free = np.isfinite(places._costs)
    number = np.where(free, np.cumsum(free).reshape(free.shape) - 1, -1)
    rows, columns, metres = [], [], []
    for di, dj in itertools.product((-1, 0, 1), repeat=2):
        shifted = np.full_like(number, -1)
        x, y = number.shape
        shifted[max(0, -di) : x - max(0, di), max(0, -dj) : y - max(0, dj)] = number[
            max(0, di) : x - max(0, -di), max(0, dj) : y - max(0, -dj)
        ]
        both = (number >= 0) & (shifted >= 0) & ((di, dj) != (0, 0))
        rows += number[both].tolist()
        columns += shifted[both].tolist()
        metres += [0.1 * math.hypot(di, dj)] * int(both.sum())
    lattice = coo_array((metres, (rows, columns)), shape=(int(free.sum()),) * 2).tocsr()
    exact = dijkstra(lattice, indices=number[places._coarse(goal)])
    assert left[free] == pytest.approx(exact, abs=1e-3)
    assert np.isfinite(left).all()


@pytest.mark.parametrize("vehicle", [AMR, FORKLIFT], ids=lambda vehicle: vehicle.name)
def test_ways_cost_hardly_more_than_a_search_without_a_heuristic_finds(
    vehicle: VehicleSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = places_in(make_layout("simple", "val", 0), vehicle)
    rng = np.random.default_rng(1)
    start = places.start(rng)
    goal = places.goal(rng, start, 4.0)
    path = HybridAStar(places).plan(start, goal, REACH_M)
    left = places.left_to(goal)
    monkeypatch.setattr(places, "left_to", lambda goal: np.zeros_like(left))
    everywhere = HybridAStar(places).plan(start, goal, REACH_M)
    assert path.cost <= 1.05 * everywhere.cost + 0.2
    assert path.expanded < everywhere.expanded / 2
    i, j = places._coarse(start)
    assert path.length >= left[i, j] / 1.083 - REACH_M - 0.2  # octile metres, from cell to cell


def test_a_forklift_backs_out_of_a_dead_end_and_a_differential_drive_turns_on_the_spot() -> None:
    start, goal = (9.5, 3.0, 0.0), (3.0, 3.0)
    backed = HybridAStar(places_in(dead_end(), FORKLIFT)).plan(start, goal, REACH_M)
    assert backed.gear[0] == -1
    assert backed.poses[backed.gear == -1, 0].min() < 8.0  # it cannot turn in there
    turned = HybridAStar(places_in(dead_end(), AMR)).plan(start, goal, REACH_M)
    assert turned.gear[0] == 0
    assert turned.gear[-1] == 1


def test_no_way_is_refused_with_the_reason() -> None:
    start, goal = (2.5, 2.5, 0.0), (6.5, 9.5)
    planner = HybridAStar(places_in(narrow_bend(), FORKLIFT))
    with pytest.raises(
        NoWayError, match=r"forklift cannot drive from .* in bend: all .* was searched; choose"
    ):
        planner.plan(start, goal, REACH_M)
    small = HybridAStar(places_in(narrow_bend(), AMR)).plan(start, goal, REACH_M)
    assert small.length > 10


def test_a_start_in_contact_is_refused_and_one_beside_a_wall_is_not() -> None:
    planner = HybridAStar(places_in(dead_end(), AMR))
    with pytest.raises(NoWayError, match="cannot drive from"):
        planner.plan((0.2, 3.0, 0.0), (3.0, 3.0), REACH_M)
    beside = planner.plan((2.0, 0.345, 0.0), (3.0, 3.0), REACH_M)
    assert beside.length > 2.5
