"""Dead reckoning follows the simulator, and stepping it is the same as reckoning a whole sequence."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import NavigationVecEnv
from robonav.policies.odometry import PoseEmbedding, advance, dead_reckon
from tests.worlds import Rooms


def test_it_ends_where_the_simulator_has_put_the_agent_blocked_moves_included():
    worlds = NavigationVecEnv(Rooms(), num_envs=3, camera=Camera(8, 8), max_episode_steps=1000)
    worlds.reset()
    start, yaw = worlds.frames.position[:, :2].copy(), worlds.frames.yaw.copy()
    pose, none = torch.zeros(3, 3), torch.zeros(3, dtype=torch.bool)
    rng, blocked = np.random.default_rng(0), 0
    for _ in range(150):
        observation, *_ = worlds.step(rng.choice(3, 3, p=(0.7, 0.15, 0.15)))
        blocked += int(worlds.outcome.collided.sum())
        pose = advance(pose, torch.as_tensor(observation["previous_action"]), none)
    assert blocked > 10
    cos, sin = np.cos(yaw), np.sin(yaw)
    x, y, heading = pose.numpy().T
    there = start + np.stack([cos * x - sin * y, sin * x + cos * y], axis=1)
    np.testing.assert_allclose(there, worlds.frames.position[:, :2], atol=1e-3)
    np.testing.assert_allclose(np.cos(heading + yaw), np.cos(worlds.frames.yaw), atol=1e-3)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), length=st.integers(1, 60), start_rate=st.sampled_from([0.0, 0.1, 0.5]))
def test_whole_sequences_and_single_steps_agree_across_episode_boundaries(seed, length, start_rate):
    generator = torch.Generator().manual_seed(seed)
    actions = torch.randint(0, 4, (3, length), generator=generator)
    starts = torch.rand(3, length, generator=generator) < start_rate
    pose, poses = torch.zeros(3, 3), []
    for t in range(length):
        pose = advance(pose, actions[:, t], starts[:, t])
        poses.append(pose)
    torch.testing.assert_close(dead_reckon(actions, starts), torch.stack(poses, 1), atol=1e-4, rtol=1e-4)


def test_the_same_place_looks_the_same_and_another_room_does_not():
    torch.manual_seed(0)
    embed = PoseEmbedding(32)
    here, turned_once, elsewhere = embed(
        torch.tensor([[1.0, 2.0, 0.5], [1.0, 2.0, 0.5 + 2 * torch.pi], [6, 2, 0.5]])
    )
    torch.testing.assert_close(here, turned_once, atol=1e-4, rtol=1e-4)
    assert (here - elsewhere).norm() > 0.5
