"""The reward from ground truth pays what evaluation counts, once."""

import numpy as np
import pytest

from robonav.envs.navigation.loaded_scenes import LoadedScene
from robonav.envs.navigation.steps import FORWARD, LEFT
from robonav.envs.scenes import open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.views import sensor_of
from robonav.envs.vec_env import NavigationVecEnv
from robonav.rewards.coverage import SurfaceCoverage, in_sight
from robonav.rewards.on_frames import OnFrames
from robonav.rewards.vec_env import IntrinsicRewardVecEnv
from tests.worlds import Rooms, box_room

FULL_TURN = 24


def test_in_an_empty_room_a_point_is_seen_if_it_lies_in_the_pyramid_of_the_image():
    scene, camera = box_room(), Camera(width=64, height=32)
    world = LoadedScene(scene, scene.free_space, sensor_of(scene, camera, 1))
    pose = camera.poses(np.array([[1.0, 2.0, 0.0]]), np.array([0.0]))[0]
    far = np.array([[6.0, 2.0, 1.25], [6.0, 3.9, 1.25], [6.0, 2.0, 2.4], [6.0, 2.0, 0.1]], np.float32)
    near = np.array([[1.3, 2.0, 0.0], [3.4, 4.0, 1.0], [0.0, 2.0, 1.25], [3.6, 2.0, 0.0]], np.float32)
    assert in_sight(world, camera, pose, far, 10.0).tolist() == [True] * 4
    assert in_sight(world, camera, pose, far, 4.0).tolist() == [False] * 4
    # too steep; 40 degrees to the left; behind; just steep enough
    assert in_sight(world, camera, pose, near, 10.0).tolist() == [False, True, False, True]


def test_what_stands_behind_something_is_not_seen():
    scenes = open_scenes("procedural", "val")
    scene, camera = scenes.load(scenes.scene_ids[0]), Camera()
    world = LoadedScene(scene, scene.free_space, sensor_of(scene, camera, 1))
    rng = np.random.default_rng(0)
    xy = scene.free_space.sample(rng)[0]
    pose = camera.poses(np.array([[*xy, scene.free_space.floor_z]]), rng.uniform(-3, 3, 1))[0]
    depth = world.sensor.render(pose[None])[1][0]
    rays = camera.directions()[16:48:4, 16:48:4].reshape(-1, 3)
    lengths = depth[16:48:4, 16:48:4].reshape(-1, 1)
    rays, lengths = rays[lengths[:, 0] > 0.2], lengths[lengths[:, 0] > 0.2]
    for share, expected in ((0.99, True), (1.05, False)):
        points = (share * lengths * rays) @ pose[:3, :3].T + pose[:3, 3]
        assert (in_sight(world, camera, pose, points.astype(np.float32), 50.0) == expected).mean() > 0.95


def test_a_second_turn_pays_nothing_at_all():
    worlds = NavigationVecEnv(Rooms(1), 1, Camera(), seed=3)
    env = IntrinsicRewardVecEnv(
        worlds, OnFrames(SurfaceCoverage(worlds.world, reach_m=10.0)), normalise=False
    )
    env.reset()
    paid = np.array([env.step(np.array([LEFT]))[1] for _ in range(2 * FULL_TURN)])
    assert paid[:FULL_TURN].sum() > 40
    assert not paid[FULL_TURN:].any()


def test_all_rewards_and_what_the_first_frame_showed_make_up_what_was_seen():
    worlds = NavigationVecEnv(Rooms(1), 2, Camera(), seed=3)
    coverage = SurfaceCoverage(worlds.world, reach_m=10.0)
    env = IntrinsicRewardVecEnv(worlds, OnFrames(coverage), normalise=False)
    env.reset()
    before = [len(points) for points in coverage._unseen]
    paid = sum(env.step(np.array([LEFT, FORWARD]))[1] for _ in range(20))
    for i in range(2):
        seen = before[i] - len(coverage._unseen[i])
        assert paid[i] == pytest.approx(100 * seen / coverage._total[i], rel=1e-4)


def test_judging_changes_nothing_and_a_new_episode_starts_anew():
    worlds = NavigationVecEnv(Rooms(1), 1, Camera(), max_episode_steps=FULL_TURN, seed=3)
    coverage = SurfaceCoverage(worlds.world, reach_m=10.0)
    env = IntrinsicRewardVecEnv(worlds, OnFrames(coverage), normalise=False)
    env.reset()
    for _ in range(FULL_TURN):
        _, last, done, _ = env.step(np.array([LEFT]))
    assert done[0]
    assert last[0] < 1.0
    np.testing.assert_array_equal(coverage.compute(worlds.frames), [0.0])
    worlds.step(np.array([LEFT]))
    first, again = coverage.compute(worlds.frames), coverage.compute(worlds.frames)
    assert first[0] > 1.0
    assert first[0] == again[0]
