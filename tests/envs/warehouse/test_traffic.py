"""Traffic keeps to lanes, waits, is seen and touched, and follows from the episode alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from robonav.envs.scenes.scene import SceneError
from robonav.envs.warehouse.config import WarehouseConfig
from robonav.envs.warehouse.lane_graph import LaneGraph
from robonav.envs.warehouse.layout import Lane, WarehouseLayout
from robonav.envs.warehouse.layouts import make_layout
from robonav.envs.warehouse.traffic import HALF_M, Traffic
from robonav.envs.warehouse.world import WarehouseWorld
from robonav.envs.world import Episode

SITE = WarehouseConfig("site", layouts=2, traffic=6)
FAR = np.full((1, 1, 2), -90.0)


def traffic(count: int, seed: int = 0, layout: WarehouseLayout | None = None) -> Traffic:
    made = Traffic([layout or make_layout("site", "train", 0)], 1, count)
    made.begin(0, 0, FAR[0, 0], seed)
    return made


def test_vehicles_stay_on_lanes_drive_no_faster_than_allowed_and_respect_one_way() -> None:
    layout = make_layout("site", "train", 0)
    starts, ends = (
        np.array([layout.nodes[n] for n in names], float)
        for names in zip(*((lane.start, lane.end) for lane in layout.lanes), strict=True)
    )
    one_way, ways = np.array([lane.one_way for lane in layout.lanes]), ends - starts
    lengths = np.hypot(*ways.T)
    cars, moved = traffic(5), np.zeros(5)
    for _ in range(600):
        before = cars.poses
        cars.step(FAR, 0.1)
        after = cars.poses
        steps = np.hypot(*(after - before)[0, :, :2].T)
        assert steps.max() <= 1.5 * 0.1 + 1e-9
        moved += steps
        for x, y, yaw in after[0]:
            along = (((x, y) - starts) * ways).sum(-1) / lengths
            nearest = starts + (along / lengths).clip(0, 1)[:, None] * ways
            away = np.hypot(*(nearest - (x, y)).T)
            assert away.min() < 1e-6
            heading = ways @ (np.cos(yaw), np.sin(yaw)) / lengths
            inside = (away < 1e-6) & (along > 0.2) & (along < lengths - 0.2)
            assert (heading[inside & one_way] > 0.999).all()
    assert moved.min() > 5


def test_a_vehicle_waits_for_what_stands_ahead_and_drives_on() -> None:
    cars = traffic(1)
    for _ in range(4):  # between two places
        cars.step(FAR, 0.1)
    x, y, yaw = cars.poses[0, 0]
    ahead = np.array([[[x + 1.1 * np.cos(yaw), y + 1.1 * np.sin(yaw)]]])
    for _ in range(20):
        cars.step(ahead, 0.1)
    assert cars.poses[0, 0] == pytest.approx([x, y, yaw])
    cars.step(FAR, 0.1)
    assert np.hypot(*(cars.poses[0, 0, :2] - (x, y))) > 0.05


def least_gap(poses: np.ndarray) -> float:
    """Distance between the nearest two centres of poses (K, 3)."""
    return float(pdist(poses[:, :2]).min())


@pytest.mark.parametrize("count", [4, 6, 8, 32])
@pytest.mark.parametrize("seed", range(6))
def test_every_vehicle_moves_within_any_minute_and_none_touches_another(count: int, seed: int) -> None:
    assert_lively(make_layout("site", "train", seed), count, seed)


def assert_lively(layout: WarehouseLayout, count: int, seed: int, decisions: int = 6000) -> None:
    """For ten minutes every vehicle moves within any 60 s, and no two come nearer than their diagonal."""
    cars = traffic(count, seed, layout)
    stood, before = np.zeros(count), cars.poses[0]
    for _ in range(decisions):
        cars.step(FAR, 0.1)
        now = cars.poses[0]
        assert count == 1 or least_gap(now) > 2 * np.hypot(*HALF_M)
        stood = np.where(np.hypot(*(now - before)[:, :2].T) > 1e-9, 0.0, stood + 0.1)
        assert stood.max() < 60
        before = now


BRANCH = WarehouseLayout(
    "branch",
    (20.0, 20.0),
    nodes={"a": (2, 2), "b": (10, 2), "c": (10, 10), "d": (18, 2), "end": (10, 17), "sink": (2, 10)},
    lanes=[Lane("a", "b"), Lane("b", "c"), Lane("b", "d"), Lane("c", "end"), Lane("a", "sink", True)],
)
"""Two-way lanes with three dead ends, and a one-way lane from which no way leads back."""


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("seed", range(5))
def test_vehicles_that_meet_head_on_before_a_dead_end_drive_on(count: int, seed: int) -> None:
    assert_lively(BRANCH, count, seed)


def test_nobody_drives_into_a_lane_that_leads_nowhere() -> None:
    graph = LaneGraph.of(BRANCH)
    assert (graph.ends[:, 1] < 9.9).any()
    assert not (np.hypot(*(graph.ends - (2, 10)).T) < 2.4).any()


def test_lanes_refuse_more_vehicles_than_they_have_room_for() -> None:
    single = WarehouseLayout("single", (9.0, 9.0), nodes={"a": (1, 1), "b": (5, 1)}, lanes=[Lane("a", "b")])
    assert_lively(single, 1, 0, 600)
    with pytest.raises(SceneError, match="traffic 1 or less"):
        traffic(2, 0, single)
    near = WarehouseLayout("near", (9.0, 9.0), nodes={"a": (1, 1), "b": (1.5, 1)}, lanes=[Lane("a", "b")])
    with pytest.raises(SceneError, match=r"0\.50 m apart"):
        traffic(1, 0, near)


def test_a_vehicle_turns_round_where_the_agent_bars_a_two_way_lane() -> None:
    hall = WarehouseLayout("long", (24.0, 4.0), nodes={"a": (2, 2), "b": (22, 2)}, lanes=[Lane("a", "b")])
    cars = traffic(1, 0, hall)
    wall = np.stack([np.full(40, 13.2), np.linspace(1, 3, 40)], -1)[None]
    side, passed, turns = np.sign(cars.poses[0, 0, 0] - 13.2), [], 0
    for _ in range(1200):
        yaw = cars.poses[0, 0, 2]
        cars.step(wall, 0.1)
        passed.append(side * (cars.poses[0, 0, 0] - 13.2))
        turns += abs(cars.poses[0, 0, 2] - yaw) > 1
    assert min(passed) > HALF_M[0]
    assert max(passed) > 8.5
    assert turns >= 4


@pytest.mark.parametrize("heading", range(16))
@pytest.mark.parametrize("load", [0.0, 1.0])
def test_no_contact_is_charged_to_a_forklift_that_stands_across_a_lane(heading: int, load: float) -> None:
    config = WarehouseConfig("site", 1, "forklift", traffic=8, contact="continues", loaded_share=load)
    world = WarehouseWorld(config, 4)
    lanes, yaw = LaneGraph.of(make_layout("site", "train", 0)), 2 * np.pi * heading / 16
    rng, poses = np.random.default_rng(heading), []
    while len(poses) < 4:  # on lanes, on nodes, beside them: wherever no rack stands
        edge = rng.integers(len(lanes.speeds))
        at = lanes.starts[edge] + rng.choice([0.0, rng.random()]) * (lanes.ends[edge] - lanes.starts[edge])
        pose = (*(at + rng.uniform(-0.6, 0.6, 2)), yaw)
        world.simulation.place([0], [0], np.array([pose]), [load > 0])
        world.simulation.move_traffic(np.full((4, 8, 3), -90.0), world.traffic.halves)
        if world.simulation.clearance()[0] > 0:
            poses.append(pose)
    goal = world.episode(0, rng, "").goal
    world.start([Episode(f"{i}", "site/train-000", i, pose, goal) for i, pose in enumerate(poses)])
    for _ in range(600):
        world.step(np.tile(world.simulation.standstill, (4, 1)))
        assert not world.motion.touched.any()
        assert (world.motion.clearance > 0).all()


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
