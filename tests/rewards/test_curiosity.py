"""Curiosity pays once for what the map did not know, in every form, and never for what it knows."""

import numpy as np
import pytest

from robonav.envs.navigation.steps import FORWARD, LEFT
from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import NavigationVecEnv
from robonav.rewards.curiosity import GeometricSurprise, ReconstructionCuriosity, RgbSurprise, Surprise
from robonav.rewards.on_frames import OnFrames
from robonav.rewards.vec_env import IntrinsicRewardVecEnv
from tests.worlds import Rooms

CAMERA = Camera()
FULL_TURN = 24


EVERYTHING_M = 100.0


def rewards_of_turning(
    how: Surprise, turns: int, memory_frames: int | None = None, reach_m: float = EVERYTHING_M
) -> np.ndarray:
    worlds = NavigationVecEnv(Rooms(), num_envs=2, camera=CAMERA, seed=3)
    curiosity = ReconstructionCuriosity(2, CAMERA, how, reach_m=reach_m, memory_frames=memory_frames)
    env = IntrinsicRewardVecEnv(worlds, OnFrames(curiosity), normalise=False)
    env.reset()
    return np.stack([env.step(np.array([LEFT, LEFT]))[1] for _ in range(turns * FULL_TURN)])


@pytest.mark.parametrize("how", [GeometricSurprise(), RgbSurprise()])
def test_a_second_turn_on_the_spot_pays_far_less_than_the_first(how):
    rewards = rewards_of_turning(how, turns=2)
    first, second = rewards[:FULL_TURN].sum(), rewards[FULL_TURN:].sum()
    assert first > 3
    assert second < 0.1 * first


def test_geometric_surprise_pays_nothing_for_an_exact_revisit():
    assert rewards_of_turning(GeometricSurprise(), turns=3)[FULL_TURN:].max() < 0.1


def test_a_surface_beyond_the_reach_pays_nothing_and_is_not_remembered():
    worlds = NavigationVecEnv(Rooms(), num_envs=1, camera=CAMERA, seed=3)
    worlds.reset()
    frames = worlds.frames
    frames.depth[:] = 3.0
    near, far = (ReconstructionCuriosity(1, CAMERA, reach_m=reach) for reach in (2.0, 4.0))
    assert near.compute(frames)[0] == 0
    assert far.compute(frames)[0] > 0.9
    near.update(frames)
    assert near.reconstruction.num_blocks(0) == 0


def test_a_map_that_forgets_pays_for_turning_on_the_spot_for_ever():
    rewards = rewards_of_turning(GeometricSurprise(), turns=4, memory_frames=16)
    assert rewards[3 * FULL_TURN :].mean() > 0.5 * rewards[:FULL_TURN].mean()
    remembering = rewards_of_turning(GeometricSurprise(), 4)
    assert rewards[3 * FULL_TURN :].mean() > 5 * remembering[3 * FULL_TURN :].mean()


def test_taking_the_frame_in_before_it_is_judged_would_kill_the_reward():
    worlds = NavigationVecEnv(Rooms(), num_envs=1, camera=CAMERA, seed=3)
    worlds.reset()
    curiosity = ReconstructionCuriosity(1, CAMERA)
    before = curiosity.compute(worlds.frames)
    curiosity.update(worlds.frames)
    assert before[0] > 0.9
    assert curiosity.compute(worlds.frames)[0] < 0.05


def test_judging_changes_nothing():
    worlds = NavigationVecEnv(Rooms(), num_envs=1, camera=CAMERA, seed=3)
    worlds.reset()
    for how in (GeometricSurprise(), RgbSurprise()):
        curiosity = ReconstructionCuriosity(1, CAMERA, how)
        np.testing.assert_array_equal(curiosity.compute(worlds.frames), curiosity.compute(worlds.frames))


def test_a_new_episode_starts_with_an_empty_map_that_knows_its_first_frame():
    worlds = NavigationVecEnv(Rooms(1), num_envs=1, camera=CAMERA, max_episode_steps=FULL_TURN, seed=3)
    curiosity = ReconstructionCuriosity(1, CAMERA)
    env = IntrinsicRewardVecEnv(worlds, OnFrames(curiosity), normalise=False)
    env.reset()
    for _ in range(FULL_TURN):
        done = env.step(np.array([LEFT]))[2]
    assert done[0]
    assert curiosity.compute(worlds.frames)[0] < 0.05
    assert env.step(np.array([LEFT]))[1][0] > 0.3


def test_the_last_step_of_an_episode_is_paid_for_the_frame_it_led_to():
    limited = NavigationVecEnv(Rooms(1), 1, CAMERA, max_episode_steps=3, seed=3)
    endless = NavigationVecEnv(Rooms(1), 1, CAMERA, max_episode_steps=100, seed=3)
    rewards = []
    for worlds in (limited, endless):
        env = IntrinsicRewardVecEnv(worlds, OnFrames(ReconstructionCuriosity(1, CAMERA)), normalise=False)
        env.reset()
        rewards.append([float(env.step(np.array([action]))[1][0]) for action in (LEFT, FORWARD, LEFT)])
    assert rewards[0] == rewards[1]
