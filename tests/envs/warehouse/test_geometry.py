"""Distances, contacts and scans of the warehouse against exact geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest

from robonav.envs.scenes.scene import SceneError
from robonav.envs.warehouse.distance_grid import DistanceGrid, distances
from robonav.envs.warehouse.layout import CELL_M, UprightBox, WarehouseLayout
from robonav.envs.warehouse.layouts import KINDS, make_layout
from robonav.envs.warehouse.simulation import WarehouseSimulation
from robonav.envs.warehouse.vehicle import AMR, FORKLIFT, UNDERRIDE, Scanner, VehicleSpec, outline_points

NO_NOISE = Scanner(noise_m=0.0, height_m=0.5)


def exact_clearance(layout: WarehouseLayout, points: np.ndarray) -> float:
    """The least distance of points from blocks and from the walls of the hall."""
    walls = np.concatenate([points - layout.origin, np.add(layout.origin, layout.size) - points], 1).min()
    return min(float(walls), *(float(block.distance(points).min()) for block in layout.blocks))


def placed(layout: WarehouseLayout, vehicle: VehicleSpec, poses: np.ndarray) -> WarehouseSimulation:
    simulation = WarehouseSimulation([DistanceGrid.of(layout, vehicle)], vehicle, len(poses))
    simulation.place(range(len(poses)), [0] * len(poses), poses, [False] * len(poses))
    return simulation


def test_distances_to_a_straight_wall_are_exact() -> None:
    blocked = np.zeros((40, 40), bool)
    blocked[30:] = True
    found = distances(blocked)[:, 20]
    assert found[29] == pytest.approx(CELL_M / 2)
    assert found[25] == pytest.approx(4.5 * CELL_M)
    assert found[30] == pytest.approx(-CELL_M / 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("vehicle", [AMR, FORKLIFT], ids=lambda v: v.name)
def test_clearance_of_the_footprint_agrees_with_the_blocks_to_a_cell(kind: str, vehicle: VehicleSpec) -> None:
    layout = make_layout(kind, "train", 0)
    rng = np.random.default_rng(0)
    poses = np.column_stack(
        [rng.uniform([0.5, 0.5], np.array(layout.size) - 0.5, (400, 2)), rng.uniform(-3, 3, 400)]
    )
    found = placed(layout, vehicle, poses).clearance()
    outline = outline_points(vehicle.outline)
    solid = WarehouseLayout("solid", layout.size, [b for b in layout.blocks if b.bottom < vehicle.height_m])
    compared = 0
    for pose, clearance in zip(poses, found, strict=True):
        c, s = math.cos(pose[2]), math.sin(pose[2])
        exact = exact_clearance(solid, outline @ np.array([[c, s], [-s, c]]) + pose[:2])
        if 0 < exact < 1.5:
            assert clearance == pytest.approx(exact, abs=1.5 * CELL_M)
            compared += 1
        if exact < -CELL_M:  # contact in one is contact in the other
            assert clearance < CELL_M
    assert compared > 50


def exact_scan(layout: WarehouseLayout, start: np.ndarray, angle: float, most: float) -> float:
    """Distance along a ray to blocks and walls, by edges of polygons."""
    way = np.array([math.cos(angle), math.sin(angle)])
    (w, h), seen = layout.size, most
    outlines = [block.corners() for block in layout.blocks if block.bottom <= 0.5 < block.top]
    outlines.append(np.array([[0, 0], [w, 0], [w, h], [0, h]]))
    for corners in outlines:
        for a, b in zip(corners, np.roll(corners, -1, 0), strict=True):
            along = b - a
            cross = way[0] * along[1] - way[1] * along[0]
            if abs(cross) > 1e-12:
                t = ((a - start)[0] * along[1] - (a - start)[1] * along[0]) / cross
                u = ((a - start)[0] * way[1] - (a - start)[1] * way[0]) / cross
                if t > 0 and 0 <= u <= 1:
                    seen = min(seen, float(t))
    return seen


@pytest.mark.parametrize("kind", ["simple", "complex", "site"])
def test_scans_agree_with_exact_rays(kind: str) -> None:
    vehicle = VehicleSpec("sensor", scanner=NO_NOISE)
    layout = make_layout(kind, "train", 1)
    grid = DistanceGrid.of(layout, vehicle)
    rng = np.random.default_rng(0)
    free = np.argwhere(grid.scan > 0.5)
    xy = (free[rng.integers(len(free), size=30)] + 0.5) * CELL_M
    poses = np.column_stack([xy, rng.uniform(-3, 3, 30)])
    scans = placed(layout, vehicle, poses).scan(np.zeros(30, np.int32))
    exact = np.array(
        [
            [exact_scan(layout, pose[:2], pose[2] + angle, NO_NOISE.range_m) for angle in NO_NOISE.angles()]
            for pose in poses
        ]
    )
    error = np.abs(scans - exact)
    assert np.quantile(error, 0.9) < CELL_M
    assert (error < 3 * CELL_M).mean() > 0.97  # rays that graze an edge may pass it


def test_movers_are_seen_and_touched() -> None:
    layout = WarehouseLayout("hall", (10.0, 10.0))
    vehicle = VehicleSpec("sensor", scanner=NO_NOISE)
    simulation = WarehouseSimulation([DistanceGrid.of(layout, vehicle)], vehicle, 1, max_movers=1)
    simulation.place([0], [0], np.array([[3.0, 5.0, 0.0]]), [False])
    simulation.move_traffic(np.array([[[6.0, 5.0, math.pi / 4]]]), np.array([[[0.5, 0.5]]]))
    ahead = int(np.argmin(np.abs(NO_NOISE.angles())))
    assert simulation.scan(np.zeros(1, np.int32))[0, ahead] == pytest.approx(3 - math.sqrt(0.5), abs=1e-3)
    assert simulation.clearance()[0] == pytest.approx(3 - 0.45 - math.sqrt(0.5), abs=0.02)
    touched = [simulation.drive(np.ones((1, 2)) * (1, 0)).touched[0] for _ in range(60)]
    assert any(touched)
    assert simulation.pose[0, 0] < 6 - 0.45 - math.sqrt(0.5) + 0.01


def test_a_low_vehicle_passes_below_racks_and_a_loaded_one_does_not() -> None:
    layout = make_layout("site", "train", 0)
    decks = [block for block in layout.blocks if block.bottom > 0]
    bays = np.array([[deck.x + 2.7 * i, deck.y, 0.0] for deck in decks for i in range(-2, 3)])
    simulation = WarehouseSimulation([DistanceGrid.of(layout, UNDERRIDE)], UNDERRIDE, len(bays))
    simulation.place(range(len(bays)), [0] * len(bays), bays, [False] * len(bays))
    under = simulation.clearance() > 0
    pallets = sum(block.top == 1.2 for block in layout.blocks)
    assert under.sum() == len(bays) - pallets
    simulation.place(range(len(bays)), [0] * len(bays), bays, [True] * len(bays))
    assert (simulation.clearance() <= 0).all()
    assert (placed(layout, AMR, bays).clearance() <= 0).all()


def test_a_hall_without_free_floor_is_refused() -> None:
    with pytest.raises(SceneError, match="no free floor"):
        DistanceGrid.of(WarehouseLayout("full", (2.0, 2.0), [UprightBox(1, 1, 4, 4)]), AMR)


def test_rasters_of_halls_of_other_sizes_stay_apart() -> None:
    small, large = (
        WarehouseLayout("small", (4.0, 4.0)),
        WarehouseLayout("large", (12.0, 9.0), origin=(-3.0, 2.0)),
    )
    grids = [DistanceGrid.of(layout, AMR) for layout in (small, large)]
    simulation = WarehouseSimulation(grids, AMR, 2)
    simulation.place([0, 1], [0, 1], np.array([[2.0, 2.0, 0.0], [3.0, 4.0, 0.0]]), [False, False])
    assert simulation.clearance() == pytest.approx([2 - 0.45, 2 - 0.3], abs=0.01)
