"""Hybrid A* and regulated pure pursuit in the warehouse: it arrives, plans anew, or stands without a way."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
import pytest

from robonav.envs.warehouse.config import WarehouseConfig
from robonav.envs.warehouse.vehicle import AMR, FORKLIFT, VehicleSpec
from robonav.envs.warehouse.world import WarehouseWorld
from robonav.envs.world import Episode
from robonav.planners.hybrid_astar import PlannedPath
from robonav.planners.path_tracking import PathTracker
from robonav.planners.se2_astar import Se2AStar

DEAD_END = "\n".join(
    ["cell: 0.1", *["." * 60 + "#" * 60] * 23, *["." * 120] * 14, *["." * 60 + "#" * 60] * 23]
)


def drive(world: WarehouseWorld, episodes: list[Episode]) -> tuple[np.ndarray, np.ndarray]:
    """Which vehicles arrive without contact, and their speeds (T, N)."""
    observation, planner = world.start(episodes), Se2AStar(world)
    arrived, over, speeds = np.zeros(len(episodes), bool), np.zeros(len(episodes), bool), []
    for _ in range(world.config.max_steps):
        step = world.step(planner.act(observation, world.frames))
        observation = step.observation
        speeds.append(np.where(over, 0, world.motion.twist[:, 0]))
        arrived |= world.goals.arrived & ~over & (world.goals.contacts == 0)
        over |= step.terminated | step.truncated
        if over.all():
            break
    return arrived, np.array(speeds)


@pytest.mark.parametrize(
    ("layout", "vehicle", "loaded"),
    [
        ("complex", "amr", 0.0),
        ("complex", "underride", 1.0),
        ("complex", "forklift", 0.0),
        ("site", "forklift", 1.0),
    ],
)
def test_each_vehicle_arrives_without_contact(layout: str, vehicle: str, loaded: float) -> None:
    options = WarehouseConfig(
        layout=layout, layouts=2, vehicle=vehicle, goal="told", loaded_share=loaded, episode_steps=2000
    )
    world = options.make(4, "val")
    arrived, _ = drive(world, options.episodes(world, 4, 3))
    assert arrived.all()


def test_a_forklift_backs_out_of_a_dead_end_in_the_simulation(tmp_path: Path) -> None:
    hall = tmp_path / "dead-end.txt"
    hall.write_text(DEAD_END)
    options = WarehouseConfig(layout=str(hall), vehicle="forklift", goal="told")
    world = options.make(1, "val")
    arrived, speeds = drive(world, [Episode("out", world.scene_ids[0], 0, (9.5, 3.0, 0.0), (3.0, 3.0))])
    assert arrived.all()
    assert speeds.min() < -0.2


def test_a_goal_that_is_put_elsewhere_is_planned_for_anew() -> None:
    options = WarehouseConfig(layout="simple", layouts=1, goal="told", replace_every=30, episode_steps=2000)
    world = options.make(2, "val")
    observation = world.start(options.episodes(world, 2, 0))
    planner, first = Se2AStar(world), world.goals.xy.copy()
    for _ in range(31):
        observation = world.step(planner.act(observation, world.frames)).observation
    planner.act(observation, world.frames)
    assert (world.goals.xy != first).any(axis=1).all()
    ends = [tracker.path.poses[-1, :2] for tracker in planner.trackers if tracker]
    assert np.hypot(*(np.array(ends) - world.goals.xy).T).max() < options.reach_m


def test_a_vehicle_without_a_way_stands_still_and_the_log_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    west, east = "." * 50, "." * 50  # two rooms, and a corridor of 1.1 m that bends between them
    bent = [
        *[west + "#" * 30 + east] * 18,
        *[west + "." * 21 + "#" * 9 + east] * 11,
        *[west + "#" * 10 + "." * 11 + "#" * 9 + east] * 6,
        *[west + "#" * 10 + "." * 20 + east] * 11,
        *[west + "#" * 30 + east] * 8,
    ]
    hall = tmp_path / "bends.txt"
    hall.write_text("\n".join(["cell: 0.1", *bent]))
    options = WarehouseConfig(layout=str(hall), vehicle="forklift", goal="told", episode_steps=20)
    world = options.make(1, "val")
    with caplog.at_level(logging.WARNING):
        arrived, speeds = drive(world, [Episode("no", world.scene_ids[0], 0, (2.5, 2.7, 0.0), (10.5, 2.7))])
    assert not arrived.any()
    assert np.abs(speeds).max() < 0.01
    assert caplog.text.count("forklift cannot drive from") == 1


def straight(metres: float, gear: int) -> PlannedPath:
    along = np.linspace(0, gear * metres, 60)
    poses = np.column_stack([along, np.zeros((60, 2))])
    return PlannedPath(poses, np.full(60, gear), metres, 1)


@pytest.mark.parametrize("vehicle", [AMR, FORKLIFT], ids=lambda vehicle: vehicle.name)
@pytest.mark.parametrize("gear", [1, -1])
def test_the_tracker_comes_back_to_the_path_in_both_gears_and_stops_at_its_end(
    gear: int, vehicle: VehicleSpec
) -> None:
    tracker, pose, twist = PathTracker(straight(6.0, gear), vehicle), np.array([0.0, 0.15, 0.0]), np.zeros(2)
    trip = []
    for _ in range(600):
        command = tracker.command(pose, twist, 2.0)
        if tracker.is_done:
            break
        trip.append([*pose, command.speed])
        twist = np.array([command.speed, command.side])
        rate = command.side
        if vehicle.drive == "tricycle":
            rate = command.speed * math.tan(command.side) / vehicle.wheelbase_m
        pose = pose + 0.1 * np.array([twist[0] * math.cos(pose[2]), twist[0] * math.sin(pose[2]), rate])
    assert tracker.is_done
    assert pose == pytest.approx([gear * 6.0, 0.0, 0.0], abs=0.06)
    driven = np.array(trip)
    assert np.abs(driven[len(driven) // 2 :, 1]).max() < 0.02
    assert np.abs(driven[:, 3]).max() == pytest.approx(vehicle.max_speed if gear > 0 else vehicle.max_reverse)
    assert abs(driven[-1, 3]) < 0.3
    assert (gear * driven[:, 3] >= 0).all()


def test_obstacles_nearby_slow_the_tracker_and_a_vehicle_far_aside_is_lost() -> None:
    tracker = PathTracker(straight(6.0, 1), AMR)
    free = tracker.command(np.array([2.0, 0.0, 0.0]), np.zeros(2), 2.0)
    tight = tracker.command(np.array([2.0, 0.0, 0.0]), np.zeros(2), 0.1)
    assert tight.speed < 0.5 * free.speed
    assert not tracker.is_lost
    tracker.command(np.array([2.0, 0.5, 0.0]), np.zeros(2), 2.0)
    assert tracker.is_lost
