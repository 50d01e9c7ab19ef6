"""Agents move as promised, and every view of the worlds keeps the rules of its library."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from robonav.envs.gym_env import NavigationEnv, NavigationVectorEnv
from robonav.envs.navigation.episodes import sample_episode
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT
from robonav.envs.scenes.scene import SceneError
from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import NavigationVecEnv
from robonav.envs.world import Episode
from tests.worlds import RADIUS, SIZE, Rooms

CAMERA = Camera(width=16, height=16)


def simulator_at(*starts: tuple[float, float, float]) -> NavigationSimulator:
    simulator = NavigationSimulator(Rooms(), len(starts), CAMERA)
    simulator.start([Episode(str(i), "room-0", 0, start) for i, start in enumerate(starts)])
    return simulator


def test_forward_moves_a_quarter_metre_along_the_heading_and_turns_are_15_degrees():
    simulator = simulator_at((3.0, 2.0, 0.0), (3.0, 2.0, np.pi / 2), (3.0, 2.0, 0.3))
    frames = simulator.step(np.array([FORWARD, FORWARD, LEFT]))
    np.testing.assert_allclose(frames.position[:2], [[3.25, 2.0, 0.0], [3.0, 2.25, 0.0]], atol=1e-6)
    assert frames.yaw[2] == pytest.approx(0.3 + np.radians(15))
    assert simulator.step(np.array([RIGHT, RIGHT, RIGHT])).yaw[2] == pytest.approx(0.3, abs=1e-6)


def test_a_blocked_move_is_rejected_whole_and_counted():
    simulator = simulator_at((SIZE[0] - RADIUS - 0.1, 2.0, 0.0))
    before = simulator.frames.position.copy()
    frames = simulator.step(np.array([FORWARD]))
    assert frames.collided.tolist() == [True]
    np.testing.assert_array_equal(frames.position, before)
    assert simulator.step(np.array([LEFT])).collided.tolist() == [False]


def test_the_centre_pixel_measures_the_distance_to_the_wall_ahead():
    for x, yaw, expected in [(2.0, 0.0, 4.0), (2.0, np.pi, 2.0), (2.0, np.pi / 2, 2.0)]:
        depth = simulator_at((x, 2.0, yaw)).frames.depth[0]
        np.testing.assert_allclose(depth[7:9, 7:9], expected, rtol=1e-3)


def test_a_start_inside_a_wall_is_refused():
    simulator = NavigationSimulator(Rooms(), 1, CAMERA)
    with pytest.raises(SceneError, match="not on free floor"):
        simulator.start([Episode("bad", "room-0", 0, (0.05, 2.0, 0.0))])


def test_agents_do_not_see_or_touch_each_other():
    alone = simulator_at((2.0, 2.0, 0.1)).step(np.array([FORWARD]))
    together = simulator_at((2.0, 2.0, 0.1), (2.5, 2.0, 3.0)).step(np.array([FORWARD, LEFT]))
    np.testing.assert_array_equal(alone.rgb[0], together.rgb[0])
    np.testing.assert_array_equal(alone.position[0], together.position[0])


def test_an_episode_is_a_pure_function_of_its_seed():
    simulator = NavigationSimulator(Rooms(), 1, CAMERA)
    assert sample_episode(simulator, "room-1", 5) == sample_episode(simulator, "room-1", 5)
    assert sample_episode(simulator, "room-1", 5).start != sample_episode(simulator, "room-1", 6).start


def test_the_time_limit_truncates_and_hands_over_the_last_observation():
    worlds = NavigationVecEnv(Rooms(), num_envs=2, camera=CAMERA, max_episode_steps=3, seed=1)
    worlds.reset()
    for _ in range(2):
        assert not worlds.step(np.array([LEFT, RIGHT]))[2].any()
    observation, rewards, done, infos = worlds.step(np.array([LEFT, RIGHT]))
    assert done.all()
    assert not rewards.any()
    for i in range(2):
        assert infos[i]["TimeLimit.truncated"]
        np.testing.assert_array_equal(infos[i]["terminal_observation"]["rgb"], worlds.outcome.rgb[i])
        np.testing.assert_array_equal(observation["rgb"][i], worlds.frames.rgb[i])
        assert infos[i]["terminal_observation"]["previous_action"] == [LEFT, RIGHT][i] + 1
    assert observation["previous_action"].tolist() == [0, 0]


def test_after_a_blocked_move_no_action_was_carried_out_and_the_image_is_the_same():
    worlds = NavigationVecEnv(Rooms(), num_envs=2, camera=CAMERA, max_episode_steps=64, seed=1)
    before = worlds.reset()
    for _ in range(40):
        after, *_ = worlds.step(np.array([FORWARD, LEFT]))
        blocked = worlds.outcome.collided
        assert after["previous_action"].tolist() == [0 if blocked[0] else FORWARD + 1, LEFT + 1]
        assert not blocked[0] or np.array_equal(after["rgb"][0], before["rgb"][0])
        before = after
    assert blocked[0]  # the room is 6 m long


def test_observations_hold_rgb_and_the_previous_action_and_nothing_else():
    worlds = NavigationVecEnv(Rooms(), num_envs=2, camera=CAMERA)
    observation = worlds.reset()
    assert set(observation) == {"rgb", "previous_action"}
    assert observation["rgb"].dtype == np.uint8
    assert not np.shares_memory(observation["rgb"], worlds.frames.depth)


def test_the_same_seed_gives_the_same_worlds_and_another_seed_others():
    def rollout(seed: int) -> np.ndarray:
        worlds = NavigationVecEnv(Rooms(), num_envs=3, camera=CAMERA, max_episode_steps=4, seed=seed)
        frames = [worlds.reset()["rgb"]]
        frames += [worlds.step(np.array([FORWARD, LEFT, RIGHT]))[0]["rgb"] for _ in range(9)]
        return np.stack(frames)

    np.testing.assert_array_equal(rollout(3), rollout(3))
    assert not np.array_equal(rollout(3), rollout(4))


def test_a_restored_stream_repeats_the_episodes_that_follow():
    def make() -> NavigationVecEnv:
        return NavigationVecEnv(Rooms(), num_envs=2, camera=CAMERA, max_episode_steps=2, seed=7)

    first, second = make(), make()
    first.reset()
    for _ in range(4):
        first.step(np.array([LEFT, LEFT]))
    second.restore(first.state())
    np.testing.assert_array_equal(second.reset()["rgb"], first.frames.rgb)


def test_explore_v0_passes_both_environment_checkers():
    env = gymnasium.make("robonav/Explore-v0", scenes=Rooms(), camera=CAMERA, max_episode_steps=20)
    gymnasium_check_env(env.unwrapped, skip_render_check=True)
    sb3_check_env(NavigationEnv(scenes=Rooms(), camera=Camera(width=64, height=64)), warn=True)


def test_explore_v0_is_vectorised_by_gymnasium_itself():
    envs = gymnasium.make_vec("robonav/Explore-v0", num_envs=2, scenes=Rooms(), camera=CAMERA)
    assert isinstance(envs.unwrapped, NavigationVectorEnv)
    assert envs.reset(seed=1)[0]["rgb"].shape == (2, 16, 16, 3)


def test_the_gymnasium_vector_view_steps_like_the_single_one():
    vector = NavigationVectorEnv(1, scenes=Rooms(), camera=CAMERA, max_episode_steps=5)
    single = NavigationEnv(scenes=Rooms(), camera=CAMERA, max_episode_steps=5)
    batched, alone = vector.reset(seed=3)[0], single.reset(seed=3)[0]
    assert batched in vector.observation_space
    for step in range(5):
        np.testing.assert_array_equal(batched["rgb"][0], alone["rgb"])
        batched, _, _, truncated, info = vector.step(np.array([step % 3]))
        alone, _, _, over, _ = single.step(np.int64(step % 3))
        assert bool(truncated[0]) == over == (step == 4)
    np.testing.assert_array_equal(info["final_obs"][0]["rgb"], alone["rgb"])
