"""Apples hang where they can be reached, are picked when seen from near, and pay once."""

from __future__ import annotations

from functools import partial

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from scipy.spatial.distance import pdist
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from robonav.envs.gym_env import NavigationEnv, NavigationVectorEnv
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT
from robonav.envs.navigation.tasks import ApplePicking
from robonav.envs.scenes.scene import SceneError
from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import NavigationVecEnv
from robonav.envs.world import Episode
from tests.evaluation.rooms import OneScene, box, free_space_around, scene_of
from tests.worlds import Rooms

CAMERA = Camera(width=32, height=32)


def picker_at(start: tuple[float, float, float], apples: list[tuple[float, float]]):
    """One agent in a 6 x 4 m room with apples of our own choice."""
    simulator = NavigationSimulator(Rooms(), 1, CAMERA)
    task = ApplePicking(simulator, len(apples))
    episode = Episode("e", "room-0", 0, start)
    task.begin([episode], [0])
    task.apples.centres[0] = [(*xy, 1.1) for xy in apples]
    simulator.start([episode])
    return simulator, task


def two_closets():
    """A large and a small room without a door between them."""
    free = free_space_around((8, 4), [(4.95, 0, 5.05, 4)])
    free.islands[free.centres(np.indices(free.islands.shape).transpose(1, 2, 0))[..., 0] > 5] *= 2
    return OneScene(
        scene_of("closets", [box((0, 0, 0), (8, 4, 2.5)), box((4.95, 0, 0), (5.05, 4, 2.5))], free)
    )


@pytest.mark.parametrize("count", [1, 3, 5])
def test_apples_hang_on_the_island_of_the_start_apart_and_below_the_camera(count):
    simulator = NavigationSimulator(two_closets(), 1, CAMERA)
    task = ApplePicking(simulator, count)
    for number in range(10):
        task.begin([Episode(str(number), "closets", number, (6.5, 2.0, 0.0))], [0])
        centres = task.apples.centres[0]
        assert (centres[:, 0] > 5.05).all()
        np.testing.assert_allclose(centres[:, 2], 1.25 - 0.15, rtol=1e-6)
        assert count == 1 or pdist(centres[:, :2]).min() >= 0.8 - 1e-6


def test_apples_depend_on_the_episode_and_on_nothing_else():
    def hung(agent: int, agents: int, name: str) -> np.ndarray:
        task = ApplePicking(NavigationSimulator(Rooms(), agents, CAMERA), 3)
        task.begin([Episode(name, "room-0", 7, (3.0, 2.0, 0.0))], [agent])
        return task.apples.centres[agent]

    np.testing.assert_array_equal(hung(0, 1, "a"), hung(2, 3, "a"))
    assert not np.array_equal(hung(0, 1, "a"), hung(0, 1, "b"))


def test_more_apples_than_there_is_room_for_are_refused_in_one_sentence():
    task = ApplePicking(NavigationSimulator(Rooms(), 1, CAMERA), 100)
    with pytest.raises(
        SceneError, match=r"scene room-0 has room for \d+ apples .* not for 100.*fewer apples"
    ):
        task.begin([Episode("e", "room-0", 0, (3.0, 2.0, 0.0))], [0])


def test_an_apple_is_picked_once_when_in_view_and_within_one_and_a_half_metres():
    simulator, task = picker_at((2.0, 2.0, 0.0), [(3.7, 2.0), (0.9, 2.0)])
    assert task.judge(simulator.frames).reward[0] == pytest.approx(-1e-4)  # one too far, one behind
    judged = task.judge(simulator.step(np.array([FORWARD])))
    assert judged.reward[0] == pytest.approx(0.5 - 1e-4)
    assert not judged.terminated[0]
    assert task.achieved[0] == 1
    frames = simulator.step(np.array([LEFT]))
    assert task.judge(frames).reward[0] == pytest.approx(-1e-4)  # it is gone
    for _ in range(11):
        judged = task.judge(simulator.step(np.array([LEFT])))
    assert judged.terminated[0]  # the one behind, once the agent has turned round
    assert task.achieved[0] == 2


def test_an_apple_behind_a_wall_is_not_picked():
    simulator = NavigationSimulator(two_closets(), 1, CAMERA)
    task = ApplePicking(simulator, 1)
    episode = Episode("e", "closets", 0, (4.5, 2.0, 0.0))
    task.begin([episode], [0])
    task.apples.centres[0] = [(5.5, 2.0, 1.1)]
    assert not task.judge(simulator.start([episode])).terminated[0]
    task.apples.centres[0] = [(4.2, 2.0, 1.1)]
    for _ in range(12):
        judged = task.judge(simulator.step(np.array([RIGHT])))
    assert judged.terminated[0]  # nearly as far, on this side


def test_an_episode_ends_with_its_last_apple_and_all_end_together_at_the_limit():
    task = partial(ApplePicking, count=1)
    worlds = NavigationVecEnv(Rooms(), 4, CAMERA, max_episode_steps=64, seed=2, task=task)
    worlds.reset()
    ends, rewards = [], np.zeros(4)
    for step in range(1, 65):
        _, reward, done, infos = worlds.step(np.random.default_rng(step).integers(0, 3, 4))
        rewards += reward
        for i in np.flatnonzero(done):
            assert infos[i]["TimeLimit.truncated"] == (infos[i]["achieved"] == 0)
            ends.append((step, int(i), infos[i]["achieved"]))
    found = sum(achieved for *_, achieved in ends)
    assert found > 0
    assert {i for step, i, _ in ends if step == 64} == {0, 1, 2, 3}
    assert rewards.sum() == pytest.approx(0.5 * found - 4 * 64 * 1e-4, abs=1e-4)


def test_apple_picking_v0_passes_both_environment_checkers():
    env = gymnasium.make("robonav/ApplePicking-v0", apples=3, scenes=Rooms(), camera=CAMERA)
    gymnasium_check_env(env.unwrapped, skip_render_check=True)
    sb3_check_env(NavigationEnv("apples", scenes=Rooms(), camera=Camera(width=40, height=40)), warn=True)


def test_the_vector_view_says_which_episodes_were_finished_and_which_were_cut():
    envs = gymnasium.make_vec("robonav/ApplePicking-v0", 3, apples=1, scenes=Rooms(), camera=CAMERA)
    assert isinstance(envs.unwrapped, NavigationVectorEnv)
    envs.reset(seed=1)
    rng, finished = np.random.default_rng(0), 0
    for _ in range(60):
        _, reward, terminated, truncated, info = envs.step(rng.integers(0, 3, 3))
        np.testing.assert_array_equal(terminated, reward > 0)
        assert not truncated.any()
        assert ("final_obs" in info) == terminated.any()
        finished += int(terminated.sum())
    assert finished


def test_the_last_observation_of_a_finished_episode_is_its_own():
    env = NavigationEnv("apples", apples=1, scenes=Rooms(), camera=CAMERA)
    env.reset(seed=3)
    rng = np.random.default_rng(0)
    for _ in range(500):
        observation, _, terminated, _, _ = env.step(rng.integers(0, 3))
        if terminated:
            break
    np.testing.assert_array_equal(observation["rgb"], env.worlds.outcome.rgb[0])
    assert not np.array_equal(observation["rgb"], env.worlds.frames.rgb[0])
