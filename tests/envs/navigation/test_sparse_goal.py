"""A sparse goal is far, told by odometry alone, paid on arrival only; obstacles never cut it off."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from scipy import ndimage
from skimage.graph import route_through_array
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from robonav.envs.gym_env import NavigationEnv
from robonav.envs.navigation.episodes import sample_episode
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import FORWARD, RIGHT
from robonav.envs.navigation.tasks import SparseGoal
from robonav.envs.navigation.tasks.obstacles import RADIUS_M, REACH_M, Obstacles, obstacles_on_the_way
from robonav.envs.navigation.tasks.sparse_goal import goal_place
from robonav.envs.odometry import in_frame_of
from robonav.envs.scenes import open_scenes
from robonav.envs.scenes.geodesics import FreeSpaceGeodesics
from robonav.envs.scenes.scene import SceneError
from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import NavigationVecEnv
from robonav.envs.world import Episode
from tests.evaluation.rooms import OneScene, box, free_space_around, scene_of
from tests.worlds import Rooms

CAMERA = Camera(width=32, height=32)
HOUSES = open_scenes("procedural", "val")


@pytest.fixture(scope="module")
def houses() -> NavigationSimulator:
    return NavigationSimulator(HOUSES, 1, CAMERA, threads=1)


def test_goals_are_8_to_25_metres_of_way_off_and_depend_on_the_episode_alone(houses):
    drawn = {}
    for k in range(4):
        episode = sample_episode(houses, HOUSES.scene_ids[k], k)
        free = houses.load(episode.scene_id).free_space
        drawn[k] = goal = goal_place(free, episode)
        np.testing.assert_array_equal(goal_place(free, episode), goal)
        # scikit-image's 8-connected way on the same cells is up to 8 % longer
        costs = np.where(free.islands > 0, 1.0, -1.0)
        ends = [tuple(free.cells(np.array(xy))) for xy in (episode.start[:2], goal)]
        length = route_through_array(costs, *ends, fully_connected=True, geometric=True)[1] * free.cell_size
        assert 8.0 - 0.1 <= length <= 25.0 * 1.09
    assert len({tuple(goal) for goal in drawn.values()}) == 4


def test_in_a_small_room_the_goal_is_among_the_farthest_places():
    simulator = NavigationSimulator(Rooms(), 1, CAMERA)
    free = simulator.load("room-0").free_space
    for k in range(10):
        episode = Episode(str(k), "room-0", 0, (0.5, 0.5, 0.0))
        assert np.linalg.norm(goal_place(free, episode) - [0.5, 0.5]) > 0.75 * np.hypot(5.3, 3.3)


def test_worlds_without_far_places_and_goals_in_walls_are_refused_in_a_sentence():
    closet = free_space_around((1.5, 1.5))
    with pytest.raises(SceneError, match=r"nothing farther than 1\.\d m"):
        goal_place(closet, Episode("e", "closet", 0, (0.4, 0.4, 0.0)))
    room = free_space_around((6, 4))
    given = Episode("e", "room", 0, (1.0, 1.0, 0.0), goal=(5.0, 1.0))
    np.testing.assert_array_equal(goal_place(room, given), [5.0, 1.0])
    with pytest.raises(SceneError, match=r"goal \(5.95, 1.0\) cannot be reached"):
        goal_place(room, Episode("e", "room", 0, (1.0, 1.0, 0.0), goal=(5.95, 1.0)))


def test_only_arrival_within_half_a_metre_is_paid_once_and_ends_the_episode():
    simulator = NavigationSimulator(Rooms(), 1, CAMERA)
    task = SparseGoal(simulator)
    episode = Episode("e", "room-0", 0, (1.0, 2.0, 0.0), goal=(4.0, 2.0))
    task.begin([episode], [0])
    frames = simulator.start([episode])
    paid, told = [], [task.observe()["point_goal"][0]]
    for _ in range(12):
        frames = simulator.step(np.array([FORWARD]))
        judged = task.judge(frames)
        paid.append(float(judged.reward[0]))
        told.append(task.observe()["point_goal"][0])
        assert judged.terminated[0] == (frames.position[0, 0] >= 3.5 - 1e-6)
    assert paid == [0.0] * 9 + [1.0, 0.0, 0.0]  # 2.5 m of 3 m are gone after ten steps
    np.testing.assert_allclose([distance for distance, _ in told], 3.0 - 0.25 * np.arange(13), atol=1e-5)


def test_the_goal_that_is_told_is_the_true_one_without_drift_and_another_with():
    def told_errors(drift: float) -> np.ndarray:
        worlds = NavigationVecEnv(
            Rooms(), 4, CAMERA, 400, seed=2, task=lambda simulator: SparseGoal(simulator, drift=drift)
        )
        worlds.reset()
        rng, errors = np.random.default_rng(1), []
        for _ in range(60):
            observation = worlds.step(rng.choice([FORWARD, FORWARD, RIGHT], 4))[0]
            for agent, (distance, bearing) in enumerate(observation["point_goal"]):
                goal = worlds.task.facts(agent)["goal"]
                pose = (*worlds.frames.position[agent, :2], float(worlds.frames.yaw[agent]))
                true = in_frame_of(pose, np.array([goal["x"], goal["y"]]))
                believed = distance * np.array([np.cos(bearing), np.sin(bearing)])
                errors.append(np.linalg.norm(true - believed))
        return np.array(errors)

    assert told_errors(0.0).max() < 1e-3
    assert told_errors(0.03).max() > 0.1


def corridor_with_a_way_around() -> OneScene:
    """A block in the middle of a room of 10 x 6 m; above it 1 m of room, below it 2 m."""
    block = (2.0, 2.0, 8.0, 5.0)
    free = free_space_around((10, 6), [block])
    meshes = [box((0, 0, 0), (10, 6, 2.5)), box((2, 2, 0), (8, 5, 2.5))]
    return OneScene(scene_of("ring", meshes, free))


def test_obstacles_lie_on_the_shortest_way_and_leave_another():
    free = corridor_with_a_way_around().load("ring").free_space
    geodesics = FreeSpaceGeodesics(free)
    start, goal = np.array([1.0, 5.4]), np.array([9.0, 5.4])
    for seed in range(5):
        rng = np.random.default_rng(seed)
        places, around = obstacles_on_the_way(free, geodesics, start, goal, 3, rng)
        assert 1 <= len(places) <= 3
        way = geodesics.way(start, goal)
        for place in places:
            assert np.linalg.norm(way - place, axis=1).min() < 1e-9
            assert min(np.linalg.norm(place - start), np.linalg.norm(place - goal)) >= 1.5
        # by brute force: an agent that keeps off every ball can still get there
        X, Y = np.meshgrid(*[(np.arange(n) + 0.5) * 0.05 for n in free.islands.shape], indexing="ij")
        open_cells = free.islands > 0
        for x, y in places:
            open_cells &= np.hypot(X - x, Y - y) >= REACH_M
        labels, _ = ndimage.label(open_cells)
        reached = labels[tuple(free.cells(start))]
        assert reached == labels[tuple(free.cells(goal))] > 0
        assert not (around & ~(labels == reached)).any()


def test_where_the_only_way_would_be_closed_there_is_no_obstacle():
    free = free_space_around((12, 1.2))  # a corridor: a ball and a body fill it
    found = obstacles_on_the_way(
        free,
        FreeSpaceGeodesics(free),
        np.array([1.0, 0.6]),
        np.array([11.0, 0.6]),
        3,
        np.random.default_rng(0),
    )
    assert len(found[0]) == 0


def test_obstacles_appear_when_it_is_time_are_seen_and_stop_whoever_walks_into_them():
    simulator = NavigationSimulator(corridor_with_a_way_around(), 1, CAMERA)
    task = SparseGoal(simulator, obstacles=1, appear_step=3)
    episode = Episode("e", "ring", 0, (1.0, 5.4, 0.0), goal=(9.0, 5.4))
    task.begin([episode], [0])
    (place,) = task.facts(0)["obstacles_at"]
    before = simulator.start([episode])
    for _ in range(3):
        task.judge(simulator.step(np.array([RIGHT])))
    for _ in range(3):  # back to where it looked
        after = simulator.step(np.array([1]))
        task.judge(after)
    changed = before.depth[0] != after.depth[0]
    assert 0 < changed.mean() < 0.3
    assert (after.depth[0][changed] < before.depth[0][changed]).all()
    heading = np.arctan2(place[1] - 5.4, place[0] - 1.0)
    assert abs(heading) < 0.2
    collided = False
    for _ in range(40):
        frames = simulator.step(np.array([FORWARD]))
        collided |= bool(frames.collided[0])
        away = np.linalg.norm(frames.position[0, :2] - place)
        assert away >= REACH_M - 1e-6
    assert collided
    assert away < REACH_M + 0.26


def test_an_obstacle_waits_while_an_agent_stands_where_it_would_be():
    simulator = NavigationSimulator(corridor_with_a_way_around(), 1, CAMERA)
    task = SparseGoal(simulator, obstacles=1, appear_step=0)
    episode = Episode("e", "ring", 0, (1.0, 5.4, 0.0), goal=(9.0, 5.4))
    task.begin([episode], [0])
    place = np.array(task.facts(0)["obstacles_at"][0])
    frames = simulator.start([episode])
    frames.position[0, :2] = place
    task.judge(frames)
    assert not task._obstacles.present.any()
    frames.position[0, :2] = (1.0, 5.4)
    task.judge(frames)
    assert task._obstacles.present.sum() == 1


def test_a_move_is_blocked_if_it_passes_the_ball_too_near_and_not_if_it_leads_away():
    obstacles = Obstacles(CAMERA, 1, 2)
    obstacles.prepare(0, np.array([[0.0, 0.0]]), 0.0)
    ahead, passing = ((-1.0, 0.0), (-0.4, 0.0)), ((-1.0, 0.3), (1.0, 0.3))
    assert not obstacles.blocks(0, *map(np.array, ahead))  # not there yet
    obstacles.appear(0)
    assert obstacles.blocks(0, *map(np.array, ahead))
    assert obstacles.blocks(0, *map(np.array, passing))
    assert not obstacles.blocks(0, np.array([-1.0, 0.5]), np.array([1.0, 0.5]))
    assert not obstacles.blocks(0, np.array([-0.4, 0.0]), np.array([-0.6, 0.0]))  # out of it
    assert obstacles.centres[0, 0, 2] == pytest.approx(RADIUS_M)  # on the floor


def test_sparse_goal_v0_passes_both_environment_checkers():
    env = gymnasium.make("robonav/SparseGoal-v0", scenes=Rooms(), camera=CAMERA, obstacles=2, drift=0.01)
    gymnasium_check_env(env.unwrapped, skip_render_check=True)
    sb3_check_env(NavigationEnv("sparse-goal", scenes=Rooms(), camera=Camera(width=40, height=40)), warn=True)
    envs = gymnasium.make_vec("robonav/SparseGoal-v0", 2, scenes=Rooms(), camera=CAMERA)
    assert envs.reset(seed=1)[0]["point_goal"].shape == (2, 2)
