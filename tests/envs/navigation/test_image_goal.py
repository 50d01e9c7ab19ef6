"""An image goal is reached where the picture's points are seen again from near, and nowhere else."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from robonav.envs.gym_env import NavigationEnv
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import FORWARD, LEFT
from robonav.envs.navigation.tasks import ImageGoal
from robonav.envs.navigation.tasks.image_goal import GoalView, goal_view, visible_share
from robonav.envs.scenes.scene import SceneError
from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import NavigationVecEnv
from robonav.envs.world import Episode
from tests.evaluation.rooms import OneScene, box, free_space_around, scene_of
from tests.worlds import SIZE, Rooms

CAMERA = Camera(width=32, height=32)
ROOM = NavigationSimulator(Rooms(), 1, CAMERA).load("room-0")

inside = st.tuples(st.floats(0.3, SIZE[0] - 0.3), st.floats(0.3, SIZE[1] - 0.3), st.floats(-np.pi, np.pi))


def pose_at(x: float, y: float, yaw: float) -> np.ndarray:
    return CAMERA.poses(np.array([[x, y, 0.0]]), np.array([yaw]))[0]


@settings(max_examples=50)
@given(inside, inside)
def test_in_an_empty_room_what_is_seen_again_is_what_lies_in_both_fields_of_view(goal, place):
    view, T = GoalView.take(ROOM, CAMERA, goal), pose_at(*place)
    # in a convex room nothing hides anything: project with OpenCV's pinhole matrix
    K = np.array([[CAMERA.focal, 0, 16], [0, CAMERA.focal, 16], [0, 0, 1]])
    homogeneous = np.column_stack([view.points, np.ones(len(view.points))]).T.astype(np.float64)
    u, v, z = K @ (np.linalg.inv(T.astype(np.float64)) @ homogeneous)[:3]
    with np.errstate(divide="ignore", invalid="ignore"):
        seen = (z > 0) & (u / z >= 0) & (u / z <= 32) & (v / z >= 0) & (v / z <= 32)
    found = visible_share(view.points, ROOM, CAMERA, T)
    assert found == pytest.approx(seen.mean(), abs=1.5 / len(seen))  # rounding at the edge of the picture


@settings(max_examples=50)
@given(inside)
def test_the_points_of_a_picture_lie_on_the_walls_and_are_all_seen_from_where_it_was_taken(goal):
    view = GoalView.take(ROOM, CAMERA, goal)
    to_wall = np.minimum(view.points, SIZE - view.points).min(axis=1)
    assert len(view.points) == 64
    assert to_wall.min() > 0
    assert to_wall.max() < 0.02
    assert visible_share(view.points, ROOM, CAMERA, pose_at(*goal)) == 1


def run_at(place: tuple[float, float, float], goal: tuple[float, float, float]) -> bool:
    """Whether an agent at a place has reached a goal of our own choice."""
    simulator = NavigationSimulator(Rooms(), 1, CAMERA)
    task = ImageGoal(simulator)
    episode = Episode("e", "room-0", 0, place)
    task.begin([episode], [0])
    task._views[0] = GoalView.take(simulator.load("room-0"), CAMERA, goal)
    judged = task.judge(simulator.start([episode]))
    assert judged.terminated[0] == (task.achieved[0] == 1) == (judged.reward[0] > 0)
    return bool(judged.terminated[0])


@pytest.mark.parametrize(
    ("place", "reached"),
    [
        ((3.0, 2.0, 0.0), True),  # there
        ((3.0, 2.0, 0.3), True),  # looking a little aside
        ((2.0, 2.0, 0.0), True),  # 1 m behind: all of it is in view
        ((1.4, 2.0, 0.0), False),  # 1.6 m behind: all of it is in view, too far
        ((3.0, 2.0, np.pi), False),  # looking back
        ((3.0, 2.0, np.pi / 2), False),  # aside
    ],
)
def test_success_needs_the_view_and_the_place(place, reached):
    assert run_at(place, (3.0, 2.0, 0.0)) == reached


def test_behind_a_wall_nothing_of_the_picture_is_seen():
    room = scene_of(
        "wall", [box((0, 0, 0), (6, 4, 2.5)), box((2.95, 0, 0), (3.05, 4, 2.5))], free_space_around((6, 4))
    )
    world = NavigationSimulator(OneScene(room), 1, CAMERA).load("wall")
    view = GoalView.take(world, CAMERA, (3.3, 2.0, 0.0))
    assert visible_share(view.points, world, CAMERA, pose_at(2.7, 2.0, 0.0)) == 0
    assert visible_share(view.points, world, CAMERA, pose_at(3.3, 2.0, 0.0)) == 1


def test_drawn_goals_are_a_metre_away_on_free_floor_and_depend_on_the_episode_alone():
    def drawn(name: str, start: tuple[float, float, float]) -> tuple[float, float, float]:
        return goal_view(ROOM, CAMERA, Episode(name, "room-0", 5, start)).place

    places = [drawn(str(k), (3.0, 2.0, 0.0)) for k in range(20)]
    assert len(set(places)) == 20
    assert drawn("7", (3.0, 2.0, 0.0)) == places[7]
    away = np.linalg.norm(np.array(places)[:, :2] - [3.0, 2.0], axis=1)
    assert away.min() >= 1
    assert (ROOM.free_space.island_at(np.array(places)[:, :2]) == 1).all()


def test_a_picture_shows_more_than_a_wall_where_there_is_more():
    depths = [
        goal_view(ROOM, CAMERA, Episode(str(k), "room-0", 0, (3.0, 2.0, 0.0), goal=(0.4, 2.0))).median_depth_m
        for k in range(20)
    ]
    assert min(depths) >= 1.0  # half of all headings there would show the wall 0.4 m ahead


def test_a_goal_that_is_given_is_kept_and_one_inside_a_wall_is_refused():
    given_goal = Episode("e", "room-0", 0, (3.0, 2.0, 0.0), goal=(5.0, 1.0))
    assert goal_view(ROOM, CAMERA, given_goal).place[:2] == (5.0, 1.0)
    with pytest.raises(SceneError, match=r"episode bad has no goal that can be reached from its start"):
        goal_view(ROOM, CAMERA, Episode("bad", "room-0", 0, (3.0, 2.0, 0.0), goal=(5.95, 1.0)))


def test_the_picture_is_what_the_agent_would_see_there_and_is_shown_all_the_time():
    worlds = NavigationVecEnv(Rooms(), 2, CAMERA, max_episode_steps=8, seed=1, task=ImageGoal)
    first = worlds.reset()["goal"]
    for agent in range(2):
        goal = worlds.task.facts(agent)["goal"]
        place = (goal["x"], goal["y"], goal["yaw"])
        simulator = NavigationSimulator(worlds.simulator.scenes, 1, CAMERA)
        scene = worlds.simulator.world(agent).scene.scene_id
        there = simulator.start([Episode("goal", scene, 0, place)]).rgb[0]
        assert np.abs(there.astype(int) - first[agent]).max() <= 2  # facts are rounded
    for _ in range(5):
        observation, _, done, _ = worlds.step(np.array([LEFT, FORWARD]))
        for agent in np.flatnonzero(~done):
            np.testing.assert_array_equal(observation["goal"][agent], first[agent])


def test_image_goal_v0_passes_both_environment_checkers():
    env = gymnasium.make("robonav/ImageGoal-v0", scenes=Rooms(), camera=CAMERA)
    gymnasium_check_env(env.unwrapped, skip_render_check=True)
    sb3_check_env(NavigationEnv("image-goal", scenes=Rooms(), camera=Camera(width=40, height=40)), warn=True)
    envs = gymnasium.make_vec("robonav/ImageGoal-v0", 2, scenes=Rooms(), camera=CAMERA)
    assert envs.reset(seed=1)[0]["goal"].shape == (2, 32, 32, 3)
