"""Traffic keeps to lanes, waits, is seen and touched, and follows from the episode alone."""

from __future__ import annotations

import numpy as np
import pytest

from robonav.envs.scenes.scene import SceneError
from robonav.envs.warehouse.config import WarehouseConfig
from robonav.envs.warehouse.layouts import make_layout
from robonav.envs.warehouse.traffic import HALF_M, LaneGraph, Traffic
from robonav.envs.warehouse.world import WarehouseWorld

SITE = WarehouseConfig("site", layouts=2, traffic=6)
FAR = np.array([[-90.0, -90.0, 0.0]])


def traffic(count: int, seed: int = 0) -> Traffic:
    made = Traffic([make_layout("site", "train", 0)], 1, count)
    made.begin(0, 0, FAR[0], seed)
    return made


def distance_to_lanes(graph: LaneGraph, place: np.ndarray) -> float:
    way = graph.ends - graph.starts
    share = ((place - graph.starts) * way).sum(-1) / (way**2).sum(-1)
    nearest = graph.starts + share.clip(0, 1)[:, None] * way
    return float(np.hypot(*(nearest - place).T).min())


def test_vehicles_stay_on_lanes_drive_no_faster_than_allowed_and_respect_one_way() -> None:
    layout = make_layout("site", "train", 0)
    graph, cars = LaneGraph.of(layout), traffic(5)
    one_way = {(lane.end, lane.start) for lane in layout.lanes if lane.one_way}
    nodes = {place: name for name, place in layout.nodes.items()}
    moved = np.zeros(5)
    for _ in range(600):
        before = cars.poses
        cars.step(FAR, 0.1)
        after = cars.poses
        steps = np.hypot(*(after - before)[0, :, :2].T)
        assert steps.max() <= 1.5 * 0.1 + 1e-9
        moved += steps
        for k in range(5):
            assert distance_to_lanes(graph, after[0, k, :2]) < 1e-6
            lane = cars._lane[0, k]
            ends = tuple(nodes[tuple(side[lane])] for side in (graph.starts, graph.ends))
            assert ends not in one_way
    assert moved.min() > 5


def test_a_vehicle_waits_for_what_stands_ahead_and_drives_on() -> None:
    cars = traffic(1)
    x, y, yaw = cars.poses[0, 0]
    ahead = np.array([[x + 1.2 * np.cos(yaw), y + 1.2 * np.sin(yaw), 0.0]])
    for _ in range(20):
        cars.step(ahead, 0.1)
    assert cars.poses[0, 0] == pytest.approx([x, y, yaw])
    cars.step(FAR, 0.1)
    assert np.hypot(*(cars.poses[0, 0, :2] - (x, y))) > 0.05


def test_vehicles_do_not_drive_through_each_other_on_a_lane() -> None:
    cars = traffic(8, seed=2)
    for _ in range(1200):
        cars.step(FAR, 0.1)
        poses = cars.poses[0]
        for a in range(8):
            for b in range(a):
                if cars._lane[0, a] == cars._lane[0, b]:
                    assert np.hypot(*(poses[a, :2] - poses[b, :2])) > 2 * HALF_M[0]


def test_the_same_episode_has_the_same_traffic_whoever_is_beside() -> None:
    alone, beside = WarehouseWorld(SITE, 1, seed=5), WarehouseWorld(SITE, 3, seed=5)
    alone.reset(), beside.reset()
    for _ in range(60):
        a = alone.step(np.zeros((1, 2)))
        b = beside.step(np.zeros((3, 2)))
        np.testing.assert_array_equal(a.observation["scan"][0], b.observation["scan"][0])


def test_scans_see_traffic_and_it_starts_apart_from_the_agent() -> None:
    busy, empty = WarehouseWorld(SITE, 8), WarehouseWorld(WarehouseConfig("site", layouts=2), 8)
    seen, free = busy.reset()["scan"], empty.reset()["scan"]
    assert (seen < free - 0.05).any()
    assert (busy.simulation.clearance() > 0).all()
    away = np.hypot(*(busy.traffic.poses[..., :2] - busy.motion.pose[:, None, :2]).transpose(2, 0, 1))
    assert away.min() > 1.5


def test_driving_into_traffic_is_contact() -> None:
    world = WarehouseWorld(SITE, 1)
    world.reset()
    pose = world.motion.pose[0]
    ahead = pose + np.array([1.1 * np.cos(pose[2]), 1.1 * np.sin(pose[2]), 0.0])
    world._drive_traffic = lambda: None  # type: ignore[method-assign]
    world.simulation.move_traffic(np.tile(ahead, (1, 6, 1)), world.traffic.halves)
    steps = [world.step(np.array([[1.0, 0.0]])) for _ in range(15)]
    assert any(step.terminated[0] for step in steps)


def test_halls_without_lanes_refuse_traffic() -> None:
    with pytest.raises(SceneError, match="no lanes for traffic"):
        WarehouseWorld(WarehouseConfig("complex", layouts=1, traffic=2))
    with pytest.raises(SceneError, match="traffic 99"):
        WarehouseConfig("site", traffic=99)
