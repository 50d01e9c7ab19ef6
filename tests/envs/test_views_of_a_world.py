"""SB3's and Gymnasium's views of one world show the same, whatever its agents can be told."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from robonav.envs.actions import ActionsName, actions_of
from robonav.envs.gym_env import WorldEnv, WorldVectorEnv
from robonav.envs.navigation.episodes import sample_episode
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.tasks import Exploring, ImageGoal, TaskMaker
from robonav.envs.navigation.world import NavigationWorld
from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import NavigationVecEnv, WorldVecEnv
from tests.worlds import Rooms

CAMERA = Camera(width=40, height=40)
both = pytest.mark.parametrize("actions", ["steps", "velocities"])


def world(
    num_agents: int, actions: ActionsName, limit: int | None = None, task: TaskMaker = Exploring
) -> NavigationWorld:
    simulator = NavigationSimulator(Rooms(), num_agents, CAMERA, 1, actions=actions_of(actions))
    return NavigationWorld(simulator, limit, seed=1, task=task)


def drawn(space: gymnasium.Space, seed: int, steps: int) -> list[np.ndarray]:
    space.seed(seed)
    return [np.asarray(space.sample()) for _ in range(steps)]


@both
def test_both_environment_checkers_pass(actions: ActionsName) -> None:
    gymnasium_check_env(WorldEnv(world(1, actions), 20), skip_render_check=True)
    sb3_check_env(WorldEnv(world(1, actions), 20), warn=True)
    made = gymnasium.make("robonav/Explore-v0", scenes=Rooms(), camera=CAMERA, actions=actions)
    gymnasium_check_env(made.unwrapped, skip_render_check=True)


@both
def test_all_views_show_the_same_episodes(actions: ActionsName) -> None:
    sb3, vector = WorldVecEnv(world(2, actions, 5)), WorldVectorEnv(world(2, actions, 5))
    shown, seen = sb3.reset(), vector.reset()[0]
    assert seen in vector.observation_space
    for step, action in enumerate(drawn(vector.action_space, 0, 10)):
        for key, value in shown.items():
            np.testing.assert_array_equal(value, seen[key])
        shown, _, done, infos = sb3.step(action)
        seen, _, terminated, truncated, info = vector.step(action)
        assert done.tolist() == (terminated | truncated).tolist() == [step % 5 == 4] * 2
    for agent in range(2):
        assert infos[agent]["TimeLimit.truncated"]
        last = infos[agent]["terminal_observation"]
        for key, value in last.items():
            np.testing.assert_array_equal(value, info["final_obs"][agent][key])
        assert last in sb3.observation_space


@both
def test_the_last_action_is_told_unless_it_was_blocked(actions: ActionsName) -> None:
    one = world(1, actions)
    first = one.reset()["previous_action"]
    ahead = {"steps": np.array([0]), "velocities": np.array([[1.0, 0.0]])}[actions]
    told = {"steps": 1, "velocities": [1.0, 0.0]}[actions]
    for _ in range(40):
        observation = one.step(ahead).observation["previous_action"]
        blocked = bool(one.outcome.collided[0])
        np.testing.assert_array_equal(observation[0], 0 * np.array(told) if blocked else told)
    assert blocked  # rooms are 6 m long
    np.testing.assert_array_equal(first, np.zeros_like(first))


def test_given_episodes_are_walked_to_their_end_and_no_others_begin() -> None:
    two = world(2, "steps", limit=3, task=ImageGoal)
    episodes = [sample_episode(two.simulator, f"room-{k}", k) for k in range(2)]
    two.start(episodes)
    assert [episode.scene_id for episode in two.episodes] == ["room-0", "room-1"]
    truncated = [two.step(np.array([1, 2])).truncated.tolist() for _ in range(3)]
    assert truncated == [[False] * 2, [False] * 2, [True] * 2]
    assert two.episodes == episodes
    np.testing.assert_array_equal(two.frames.rgb, two.outcome.rgb)
    two.reset()
    assert two.episodes[0].episode_id == "train-1-0-0"


def test_a_world_of_two_is_not_one_environment() -> None:
    with pytest.raises(ValueError, match="2 agents: give one of 1"):
        WorldEnv(world(2, "steps"))


@pytest.mark.parametrize(("algorithm", "actions"), [(PPO, "steps"), (PPO, "velocities"), (SAC, "velocities")])
def test_plain_sb3_algorithms_run(algorithm: type, actions: ActionsName) -> None:
    worlds = NavigationVecEnv(Rooms(), 2, CAMERA, max_episode_steps=8, threads=1, actions=actions)
    options = {"n_steps": 16, "batch_size": 32, "n_epochs": 1} if algorithm is PPO else {"buffer_size": 100}
    if algorithm is SAC:
        options["learning_starts"] = 8
    learner = algorithm("MultiInputPolicy", worlds, device="cpu", **options).learn(32)
    actions_taken = learner.predict(worlds.reset(), deterministic=True)[0]
    assert all(action in worlds.action_space for action in actions_taken)
