"""Local planners: what they foresee is what the simulation does, and they give way to others."""

from __future__ import annotations

import numpy as np
import pytest

from robonav.agents.in_world import planner_in_world
from robonav.envs.warehouse.config import WarehouseConfig
from robonav.envs.warehouse.distance_grid import DistanceGrid
from robonav.envs.warehouse.layout import WarehouseLayout
from robonav.envs.warehouse.places import FreePlaces
from robonav.envs.warehouse.simulation import DECISION_S, WarehouseSimulation
from robonav.envs.warehouse.vehicle import AMR, FORKLIFT, VehicleSpec
from robonav.planners.hybrid_astar import HybridAStar, PlannedPath
from robonav.planners.local_planners import (
    DYNAMIC_WINDOW,
    WAIT_AND_GO,
    Boxes,
    DynamicWindow,
    FollowOnly,
    LocalSituation,
    still_boxes,
)
from robonav.planners.path_tracking import PathTracker, WheelCommand
from robonav.planners.se2_astar import as_actions

HALL = WarehouseLayout("empty", (20, 12))
NOBODY = Boxes(np.zeros((0, 3)), np.zeros((0, 2)), np.zeros((0, 2)))


def box(x: float, y: float, velocity: tuple[float, float] = (0.0, 0.0)) -> Boxes:
    return Boxes(np.array([[x, y, 0.0]]), np.array([[0.45, 0.3]]), np.array([velocity]))


def situation(
    vehicle: VehicleSpec, boxes: Boxes, speed: float, asked: WheelCommand, clearance: float = 2.0
) -> LocalSituation:
    """A vehicle at (4, 6) on a straight path to (16, 6)."""
    grid = DistanceGrid.of(HALL, vehicle)
    along = np.linspace(4, 16, 121)
    path = PlannedPath(np.column_stack([along, np.full(121, 6.0), np.zeros(121)]), np.ones(121, int), 12, 1)
    around = HybridAStar(FreePlaces(grid, vehicle)).around
    limits = WarehouseSimulation([grid], vehicle, 1).limits
    pose, twist, tracker = np.array([4.0, 6.0, 0.0]), np.array([speed, 0.0]), PathTracker(path, vehicle)
    before = WheelCommand(speed, 0.0)
    return LocalSituation(pose, twist, tracker, asked, before, around, limits, boxes, clearance)


@pytest.mark.parametrize("vehicle", [AMR, FORKLIFT], ids=lambda vehicle: vehicle.name)
def test_what_is_foreseen_is_what_the_simulation_does(vehicle: VehicleSpec) -> None:
    commands = np.array([[0.8, 0.3], [0.4, -0.5], [-0.15, 0.2]])
    here = situation(vehicle, NOBODY, 0.0, WheelCommand(0.0, 0.0))
    ends, _ = DynamicWindow(DYNAMIC_WINDOW)._foresee(here, commands)
    simulation = WarehouseSimulation([DistanceGrid.of(HALL, vehicle)], vehicle, 3)
    simulation.place(range(3), [0] * 3, np.tile(here.pose, (3, 1)), [False] * 3)
    actions = as_actions([WheelCommand(*command) for command in commands], vehicle)
    for _ in range(round(DYNAMIC_WINDOW.hold_s / DECISION_S) + 1):
        motion = simulation.drive(actions)
    assert np.hypot(*(ends - motion.pose)[:, :2].T).max() < 0.04
    assert np.abs((ends - motion.pose)[:, 2]).max() < 0.06


def test_clearance_to_others_is_that_of_the_boxes_where_they_will_be() -> None:
    planner, commands = DynamicWindow(DYNAMIC_WINDOW), np.array([[0.0, 0.0]])
    foreseen_s = DYNAMIC_WINDOW.hold_s + DYNAMIC_WINDOW.brake_s
    for speed in (0.0, 0.1):
        here = situation(AMR, box(5.4, 6.0, (-speed, 0.0)), 0.0, WheelCommand(0.0, 0.0))
        _, room = planner._foresee(here, commands)
        assert room[0, 1] == pytest.approx(5.4 - 0.45 - 4.45 - speed * foreseen_s, abs=0.02)
    far = situation(AMR, box(9.0, 6.0), 0.0, WheelCommand(0.0, 0.0))
    assert planner._foresee(far, commands)[1][0, 1] == pytest.approx(DYNAMIC_WINDOW.others_m)


@pytest.mark.parametrize("config", [WAIT_AND_GO, DYNAMIC_WINDOW], ids=["wait", "window"])
@pytest.mark.parametrize("vehicle", [AMR, FORKLIFT], ids=lambda vehicle: vehicle.name)
def test_nobody_changes_nothing_and_somebody_in_the_way_stops_the_vehicle(
    config: object, vehicle: VehicleSpec
) -> None:
    asked, planner = WheelCommand(1.0, 0.0), DynamicWindow(config)  # type: ignore[arg-type]
    assert planner.choose(situation(vehicle, NOBODY, 0.8, asked)) == asked
    assert planner.choose(situation(vehicle, box(14.0, 6.0), 0.8, asked)) == asked
    front = 4.0 + vehicle.outline[:, 0].max()
    blocked = situation(vehicle, box(front + 0.45 + 0.2, 6.0), 0.0, asked, clearance=0.2)
    assert planner.choose(blocked).speed < 0.5
    crossing = box(front + 1.0, 6.0 - 1.2, (0.0, 1.0))
    assert planner.choose(situation(vehicle, crossing, 0.8, asked)).speed < asked.speed
    assert FollowOnly().choose(blocked) == asked


def test_boxes_that_stand_nearby_are_planned_around() -> None:
    places = FreePlaces(DistanceGrid.of(HALL, FORKLIFT), FORKLIFT)
    planner = HybridAStar(places)
    stands = still_boxes(box(10.0, 6.0), (4.0, 6.0), 8.0)
    path = planner.plan((4.0, 6.0, 0.0), (16.0, 6.0), 0.15, 0.0, stands.upright())
    assert np.abs(path.poses[:, 1] - 6.0).max() > 0.7
    again = planner.plan((4.0, 6.0, 0.0), (16.0, 6.0), 0.15)
    assert np.abs(again.poses[:, 1] - 6.0).max() < 0.1
    assert not still_boxes(box(10.0, 6.0, (0.5, 0.0)), (4.0, 6.0), 8.0).upright()
    assert not still_boxes(box(10.0, 6.0), (1.0, 6.0), 8.0).upright()


@pytest.mark.parametrize("name", ["wait-and-go", "se2-astar-dwa"])
def test_in_traffic_vehicles_arrive_without_contact(name: str) -> None:
    options = WarehouseConfig(layout="site", layouts=4, goal="told", traffic=6, episode_steps=320)
    world = options.make(8, "val")
    observation = world.start(options.episodes(world, 8, 0))
    act = planner_in_world(name)(world, 0)
    arrived, over = np.zeros(8, bool), np.zeros(8, bool)
    for _ in range(options.max_steps):
        step = world.step(act(observation, world.frames))
        observation = step.observation
        arrived |= world.goals.arrived & ~over
        over |= step.terminated
    assert not (over & ~arrived).any()
    assert arrived.sum() >= 6
