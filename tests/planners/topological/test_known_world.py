"""A robot's knowledge of a room it sees: ways, frontiers, and the space ahead, in the frame of its start."""

from __future__ import annotations

import numpy as np
import pytest

from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import FORWARD_M, LEFT, TURN_RAD
from robonav.envs.odometry import in_frame_of
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Episode
from robonav.maps.occupancy import FREE, OCCUPIED
from robonav.maps.topology.sub_goals import SubGoalWeights
from robonav.planners.path_following import BODY_M
from robonav.planners.topological.candidates import FARTHEST_DETOUR_M, choices_of
from robonav.planners.topological.config import HierarchyConfig
from robonav.planners.topological.known_world import KnownWorld
from tests.evaluation.rooms import OneScene, box, free_space_around, scene_of

CAMERA = Camera(width=32, height=32)
START = (2.0, 3.0, 0.7)


def looking_around(start: tuple[float, float, float] = START) -> KnownWorld:
    """A robot that turned once around in a room of 8 x 6 m."""
    room = scene_of("room", [box((0, 0, 0), (8, 6, 2.5))], free_space_around((8, 6)))
    simulator = NavigationSimulator(OneScene(room), 1, CAMERA, threads=1)
    frames = simulator.start([Episode("e", "room", 0, start)])
    world = KnownWorld(CAMERA, HierarchyConfig())
    for turn in range(24):
        world.observe(frames.depth[0], np.array([0.0, 0.0, turn * np.pi / 12]), collided=False)
        frames = simulator.step(np.array([LEFT]))
    world.look_around()
    return world


def test_the_map_is_that_of_the_room_as_seen_from_the_start():
    world = looking_around()
    x, y = np.meshgrid(np.arange(0.35, 7.7, 0.2), np.arange(0.35, 5.7, 0.2), indexing="ij")
    inside = np.column_stack([x.ravel(), y.ravel()])
    near = inside[np.linalg.norm(inside - START[:2], axis=1) < 4.5]  # the depth camera's 5 m
    cells = world.grid.cell(in_frame_of(START, near))
    states = world.grid.cells[cells[:, 0], cells[:, 1]]
    assert (states == FREE).mean() > 0.97
    walls = np.array([[0.0, 3.0], [2.0, 0.0], [2.0, 6.0]])
    for wall in in_frame_of(START, walls):
        i, j = world.grid.cell(wall)
        assert (world.grid.cells[i - 1 : i + 2, j - 1 : j + 2] == OCCUPIED).any()


def test_known_ways_are_about_as_long_as_the_straight_line_in_an_empty_room():
    world = looking_around()
    places = np.array([[3.0, 3.0], [2.0, 1.0], [4.5, 4.5]])
    lengths, cells = world.nearest_reachable(in_frame_of(START, places))
    straight = np.linalg.norm(places - START[:2], axis=1)
    assert (lengths >= straight - 0.15).all()
    assert (lengths <= 1.1 * straight + 0.15).all()  # 8 headings
    np.testing.assert_allclose(world.grid.centre(cells), in_frame_of(START, places), atol=0.1)
    outside = in_frame_of(START, np.array([[12.0, 3.0]]))
    assert np.isinf(world.nearest_reachable(outside)[0]).all()
    assert world.path_to(outside[0]) is None


@pytest.mark.parametrize("gap", [0.0, 0.1, 0.2, 0.35, 0.5, 1.0])
def test_headings_are_shut_where_a_move_would_bring_the_body_into_the_wall(gap):
    world = looking_around((2.0, 3.0, np.pi))  # towards the wall at x = 0
    world.xy, world.yaw = np.array([2.0 - BODY_M - gap, 0.0]), 0.05
    headings = world.yaw + np.arange(-12, 12) * TURN_RAD
    room = gap - FORWARD_M * np.cos(headings)  # left to the wall after the move
    shut = np.isclose(headings[:, None], world.shut_headings()).any(axis=1)
    assert shut[room < -0.12].all()
    assert not shut[room > 0.12].any()


def test_a_bump_marks_what_is_ahead():
    world = looking_around()
    known = (world.grid.cells == OCCUPIED).sum()
    far = np.zeros((32, 32), np.float32)
    world.observe(far, np.array([0.0, 0.0, 0.0]), collided=True)
    assert (world.grid.cells == OCCUPIED).sum() == known + 1
    assert np.isclose(world.shut_headings(), 0.0).any()


def test_choices_are_reachable_far_enough_and_of_the_kinds_asked_for():
    world = looking_around()
    everything = choices_of(world, HierarchyConfig(), np.array([5.0, 0.0]))
    assert len(everything) >= 1
    assert np.isfinite(everything.lengths).all()
    assert (np.linalg.norm(everything.xy - world.xy, axis=1) >= 0.6).all()
    assert np.isfinite(everything.scores).all()
    np.testing.assert_allclose(
        everything.to_goal, np.linalg.norm(everything.xy - [5.0, 0.0], axis=1), atol=1e-9
    )
    frontiers = choices_of(world, HierarchyConfig(nodes="frontiers"), None)
    assert frontiers.is_frontier.all()
    places = choices_of(world, HierarchyConfig(nodes="places"), None)
    assert not places.is_frontier.any()
    assert len(frontiers) + len(places) == len(everything)
    assert (frontiers.to_goal == 0).all()
    for node in world.mapper.graph.frontiers.values():
        node.tries = 3
    assert not choices_of(world, HierarchyConfig(), None).is_frontier.any()


def test_the_frontier_on_the_best_way_to_the_goal_wins_and_places_lead_nowhere_new():
    world = looking_around()
    goal = in_frame_of(START, np.array([7.6, 0.4]))  # in a corner that was too far off to be seen
    only_detours = SubGoalWeights(novelty=0.0, alignment=0.0, distance=0.0, frontier=0.0, detour=1.0)
    choices = choices_of(world, HierarchyConfig(weights=only_detours), goal)
    detours = -choices.scores
    assert detours[choices.is_frontier].min() == pytest.approx(0.0, abs=1e-3)
    np.testing.assert_allclose(detours[~choices.is_frontier], FARTHEST_DETOUR_M)
    best = choices.xy[choices.is_frontier][detours[choices.is_frontier].argmin()]
    straight = (choices.lengths + choices.to_goal)[choices.is_frontier].min()
    on_way = np.linalg.norm(best - world.xy) + np.linalg.norm(best - goal)
    assert on_way < 1.2 * straight  # nothing is in the way in an empty room
    assert (choices_of(world, HierarchyConfig(weights=only_detours), None).scores == 0).all()


def test_where_frontiers_are_far_round_it_is_better_to_squeeze_through():
    world = looking_around()
    goal = in_frame_of(START, np.array([5.0, 3.0]))  # in the same room
    assert len(choices_of(world, HierarchyConfig(squeeze_m=100.0), goal)) >= 1
    assert len(choices_of(world, HierarchyConfig(squeeze_m=0.5), goal)) == 0
    no_frontiers = HierarchyConfig(nodes="places", squeeze_m=np.inf, nearest_m=0.0)
    assert len(choices_of(world, no_frontiers, goal)) >= 1  # the ablation never squeezes


def test_ways_stay_where_they_are_when_the_map_grows():
    world = looking_around()
    place = in_frame_of(START, np.array([4.5, 3.0]))
    before = world.path_to(place)
    empty = np.full((32, 32), 9.0, np.float32)
    world.grid.integrate(
        empty, CAMERA.poses(np.array([[-6.0, -6.0, 0.0]]), np.zeros(1))[0], CAMERA.directions()
    )
    assert world.grid.cells.shape[0] > 160
    np.testing.assert_allclose(world.path_to(place), before)
