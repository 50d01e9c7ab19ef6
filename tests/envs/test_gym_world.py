"""Environments of other people as a world: the same episodes, and the views that ours have."""

from __future__ import annotations

import gymnasium
import numpy as np

from robonav.envs.gym_env import WorldEnv
from robonav.envs.gym_world import GymWorld
from robonav.envs.vec_env import WorldVecEnv
from robonav.envs.world import Episode


def poles(count: int, seed: int = 0, first: int = 0) -> GymWorld:
    return GymWorld(lambda: gymnasium.make("CartPole-v1"), count, "pole", seed, first)


def test_its_steps_are_those_of_the_environment() -> None:
    world, alone = poles(2, seed=4), gymnasium.make("CartPole-v1")
    seen = world.reset()["observation"]
    expected, _ = alone.reset(seed=world.episodes[1].seed)
    np.testing.assert_array_equal(seen[1], expected)
    for t in range(60):
        step = world.step(np.array([t % 2, 1]))
        expected, reward, over, late, _ = alone.step(1)
        assert (step.reward[1], step.terminated[1], step.truncated[1]) == (reward, over, late)
        if over:
            np.testing.assert_array_equal(step.infos[1]["final_observation"]["observation"], expected)
            assert not np.array_equal(step.observation["observation"][1], expected)
            return
        np.testing.assert_array_equal(step.observation["observation"][1], expected)
    raise AssertionError("a pole that is pushed one way falls")


def test_agents_of_two_processes_get_the_episodes_that_one_would_give() -> None:
    whole, second = poles(4, seed=1), poles(2, seed=1, first=2)
    whole.reset(), second.reset()
    assert [e.seed for e in whole.episodes][2:] == [e.seed for e in second.episodes]


def test_a_resumed_stream_goes_on() -> None:
    world = poles(2)
    world.reset()
    for _ in range(80):
        world.step(np.ones(2, int))
    again = poles(2)
    again.restore(world.state())
    again.reset()
    assert [e.seed for e in again.episodes] == [e.seed for e in world.episodes]


def test_after_start_no_new_episode_begins() -> None:
    world = poles(1)
    episode = Episode("one", "pole", 7, (0.0, 0.0, 0.0))
    world.start([episode])
    steps = [world.step(np.ones(1, int)) for _ in range(12)]
    assert any(step.terminated[0] for step in steps)
    assert world.episodes[0] is episode


def test_the_views_take_it() -> None:
    env = WorldVecEnv(poles(3))
    assert env.reset()["observation"].shape == (3, 4)
    single = WorldEnv(poles(1))
    seen, _ = single.reset(seed=0)
    assert single.observation_space.contains(seen)
    assert single.step(1)[4] == {}
