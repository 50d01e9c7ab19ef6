"""Explorers with a point goal reach it, look at no true pose, and do not walk into things."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from robonav.agent import Explorer
from robonav.agents.registry import TO_GOALS, make_explorer
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import previous_action
from robonav.envs.navigation.tasks import SparseGoal
from robonav.envs.odometry import in_frame_of
from robonav.envs.world import Episode
from robonav.errors import UsageError
from robonav.maps.occupancy import FREE
from robonav.planners.topological.config import HierarchyConfig
from robonav.planners.topological.explorer import DEPTH_CAMERA, NavigatorInputs, TopologicalExplorer
from robonav.planners.topological.navigator import NavigatorInput, SubGoalNavigator
from robonav.planners.topological.rules import Greedy, LeastDetour
from tests.evaluation.rooms import OneScene, box, free_space_around, scene_of

WALLS = [(4.0, 0.0, 4.1, 5.0), (8.0, 2.0, 8.1, 7.0)]  # a way that bends twice
START, GOAL = (1.0, 1.0, 0.0), (11.0, 6.0)


def bent_hall() -> OneScene:
    meshes = [box((0, 0, 0), (12, 7, 2.5)), *(box((a, b, 0), (c, d, 2.5)) for a, b, c, d in WALLS)]
    return OneScene(scene_of("hall", meshes, free_space_around((12, 7), WALLS)))


class Walked:
    """One episode in the hall, to the goal or 300 steps long."""

    def __init__(self, explorer: Explorer, obstacles: int = 0, drift: float = 0.0, steps: int = 300) -> None:
        simulator = NavigationSimulator(bent_hall(), 1, explorer.camera, threads=1)
        task = SparseGoal(simulator, obstacles, drift, appear_step=10)
        episode = Episode("e", "hall", 0, START, GOAL)
        task.begin([episode], [0])
        frames = simulator.start([episode])
        explorer.reset(1, 0)
        previous, self.collisions, self.steps, self.actions = np.zeros(1, np.int64), 0, 0, []
        while not task.achieved[0] and self.steps < steps:
            observation: dict[str, Any] = {"rgb": frames.rgb, "previous_action": previous, **task.observe()}
            actions = explorer.act(observation, frames, simulator.camera)
            frames = simulator.step(actions)
            task.judge(frames)
            previous = previous_action(actions, frames)
            self.collisions += int(frames.collided[0])
            self.steps += 1
            self.actions.append(int(actions[0]))
        self.true_xy = in_frame_of(START, frames.position[0, :2])
        self.odometry_xy = task.observe()["odometry"][0, :2]
        self.arrived, self.obstacles = bool(task.achieved[0]), len(task.facts(0)["obstacles_at"])


@pytest.mark.parametrize("name", ["topological", "goal-planner", "goal-frontier"])
def test_planners_reach_a_goal_behind_two_bends(name):
    walked = Walked(make_explorer(name, "sparse-goal"))
    assert walked.arrived
    assert walked.steps < 200  # 17 m of way are 68 moves


def test_a_bumper_alone_does_not_get_there_as_soon():
    by_bumper = Walked(make_explorer("goal-bumper", "sparse-goal"))
    assert by_bumper.steps > 1.5 * Walked(make_explorer("topological")).steps


@pytest.mark.parametrize("name", ["topological", "goal-planner"])
def test_obstacles_that_appear_are_walked_around(name):
    walked = Walked(make_explorer(name, "sparse-goal"), obstacles=2)
    assert walked.obstacles >= 1
    assert walked.arrived


def test_with_drift_the_goal_is_searched_where_odometry_may_be_wrong():
    arrived = [Walked(TopologicalExplorer(Greedy()), drift=drift).arrived for drift in (0.01, 0.03)]
    assert all(arrived)


def test_with_drift_a_robot_knows_better_than_its_odometry_where_it_is():
    explorer = TopologicalExplorer(Greedy())
    walked = Walked(explorer, drift=0.05)
    assert walked.arrived
    by_odometry = np.linalg.norm(walked.odometry_xy - walked.true_xy)
    by_sight = np.linalg.norm(explorer.robots[0].world.xy - walked.true_xy)
    assert by_odometry > 0.3
    assert by_sight < 0.5 * by_odometry


def test_the_guard_spares_collisions():
    def collisions(guard: bool) -> int:
        return Walked(TopologicalExplorer(Greedy(), HierarchyConfig(guard=guard)), obstacles=2).collisions

    assert collisions(guard=True) <= collisions(guard=False)


def test_true_poses_are_not_looked_at():
    class Blindfolded(TopologicalExplorer):
        def act(self, observation, frames, camera):
            hidden = replace(
                frames,
                T_world_camera=np.full_like(frames.T_world_camera, np.nan),
                position=np.full_like(frames.position, np.nan),
                yaw=np.full_like(frames.yaw, np.nan),
            )
            return super().act(observation, hidden, camera)

    assert Walked(Blindfolded(Greedy())).actions == Walked(TopologicalExplorer(Greedy())).actions


def test_without_a_task_steps_are_counted_and_the_room_is_explored():
    explorer = make_explorer("topological")
    simulator = NavigationSimulator(bent_hall(), 1, DEPTH_CAMERA, threads=1)
    frames = simulator.start([Episode("e", "hall", 0, START)])
    explorer.reset(1, 0)
    previous = np.zeros(1, np.int64)
    for _ in range(250):
        actions = explorer.act({"rgb": frames.rgb, "previous_action": previous}, frames, DEPTH_CAMERA)
        frames = simulator.step(actions)
        previous = previous_action(actions, frames)
    world = explorer.robots[0].world
    observation = {"rgb": frames.rgb, "previous_action": previous}
    explorer.act(observation, frames, DEPTH_CAMERA)
    np.testing.assert_allclose(world.xy, in_frame_of(START, frames.position[0, :2]), atol=1e-4)
    free_m2 = 12 * 7
    known_free_m2 = np.count_nonzero(world.grid.cells == FREE) * world.grid.cell_size**2
    assert known_free_m2 > 0.85 * free_m2


def test_a_told_goal_is_the_place_in_the_frame_of_the_start():
    inputs = NavigatorInputs(1).batch(
        {
            "previous_action": np.zeros(1, np.int64),
            "odometry": np.array([[1.0, 2.0, np.pi / 2, 0.1]]),
            "point_goal": np.array([[3.0, -np.pi / 2]]),
        },
        np.zeros((1, 4, 4), np.float32),
        np.zeros(1, bool),
    )
    np.testing.assert_allclose(inputs[0].goal, [4.0, 2.0], atol=1e-9)
    assert inputs[0].sigma_m == pytest.approx(0.1)


def test_a_sub_goal_that_cannot_be_got_at_is_given_up_after_patience():
    simulator = NavigationSimulator(bent_hall(), 1, DEPTH_CAMERA, threads=1)
    frames = simulator.start([Episode("e", "hall", 0, START)])
    robot = SubGoalNavigator(DEPTH_CAMERA, HierarchyConfig(patience=12))
    stands_still = NavigatorInput(frames.depth[0], np.zeros(3), False, None, 0.0)
    robot.observe(stands_still)
    assert robot.needs_sub_goal
    robot.pursue(robot.choices(), 0)
    needs = []
    for _ in range(24):
        robot.observe(stands_still)
        needs.append(robot.needs_sub_goal)
    assert not any(needs[:11])
    assert any(needs)


def test_least_detour_looks_at_lengths_and_greedy_at_scores():
    robot = SubGoalNavigator(DEPTH_CAMERA, HierarchyConfig())
    simulator = NavigationSimulator(bent_hall(), 1, DEPTH_CAMERA, threads=1)
    frames = simulator.start([Episode("e", "hall", 0, START)])
    robot.observe(NavigatorInput(frames.depth[0], np.zeros(3), False, np.array([10.0, 5.0]), 0.0))
    choices = robot.choices()
    assert len(choices) > 1
    assert Greedy().choose([choices]) == [int(choices.scores.argmax())]
    assert LeastDetour().choose([choices]) == [int((choices.lengths + choices.to_goal).argmin())]


@pytest.mark.parametrize("name", TO_GOALS)
def test_who_needs_a_goal_asks_for_the_task_in_a_sentence(name):
    with pytest.raises(UsageError, match="add --task sparse-goal"):
        make_explorer(name)


def test_where_no_frontier_is_worth_it_a_robot_feels_its_way_to_the_goal():
    robot = SubGoalNavigator(DEPTH_CAMERA, HierarchyConfig(squeeze_m=-100.0))
    goal = np.array([6.0, 1.0])  # beyond what is seen
    robot.observe(NavigatorInput(np.full((32, 32), 3.0, np.float32), np.zeros(3), False, goal, 0.0))
    assert len(robot.choices()) == 0
    robot.act()
    assert not robot.needs_sub_goal  # it is on its way
    np.testing.assert_allclose(robot._paths["unknown"][-1], goal, atol=0.1)
