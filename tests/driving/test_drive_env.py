"""`robonav/Drive-v0`: velocities in, what the robot has out; the map pays, and falling over ends it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from gymnasium.wrappers import RescaleAction
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from robonav.driving.drive_env import DriveEnv
from robonav.envs.robots.robot import RobotError
from robonav.envs.robots.spec import HUSKY, TURTLEBOT
from robonav.envs.sensors.camera import Camera
from robonav.errors import UsageError
from robonav.rewards.curiosity import GeometricSurprise, ReconstructionCuriosity
from tests.worlds import SIZE, Rooms

pytestmark = pytest.mark.usefixtures("engine")

CAMERA = Camera(16, 16)
AHEAD, ROUND = np.array([0.31, 0.0], np.float32), np.array([0.0, 1.0], np.float32)


@pytest.fixture
def env() -> Iterator[DriveEnv]:
    env = in_a_room()
    yield env
    env.close()


def in_a_room(**options: Any) -> DriveEnv:
    return DriveEnv(**{"scenes": Rooms(1), "noise": False, "camera": CAMERA, "threads": 1, **options})


@pytest.mark.parametrize("robot", ["turtlebot", "husky"])
@pytest.mark.parametrize("noise", [True, False])
def test_it_passes_both_environment_checkers(robot: str, noise: bool) -> None:
    options = {"scenes": Rooms(), "robot": robot, "noise": noise, "threads": 1}
    made = gymnasium.make("robonav.driving:robonav/Drive-v0", camera=CAMERA, **options)
    gymnasium_check_env(made.unwrapped, skip_render_check=True)
    made.close()
    scaled = RescaleAction(DriveEnv(camera=Camera(64, 64), **options), -1.0, 1.0)
    sb3_check_env(scaled, warn=True)
    scaled.close()


def test_it_is_known_under_its_name_to_whoever_imports_driving() -> None:
    program = "import gymnasium, robonav.driving; print(gymnasium.spec('robonav/Drive-v0').entry_point)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "robonav.driving.drive_env:DriveEnv"


@pytest.mark.parametrize(("robot", "spec"), [("turtlebot", TURTLEBOT), ("husky", HUSKY)])
def test_actions_are_metres_and_radians_a_second_within_the_robots_limits(robot: str, spec: Any) -> None:
    env = in_a_room(robot=robot)
    np.testing.assert_allclose(env.action_space.high, [spec.limits.forward, spec.limits.turn])
    np.testing.assert_array_equal(env.action_space.low, -env.action_space.high)
    env.close()


def test_a_velocity_is_held_for_a_fifth_of_a_second(env: DriveEnv) -> None:
    env.reset(seed=4)
    began = env.robot.now()
    for _ in range(5):
        seen, *_ = env.step(ROUND)
    assert env.robot.now() - began == pytest.approx(1.0)
    yaw = env.robot.true_pose[2]
    for _ in range(5):
        seen, *_ = env.step(ROUND)
    turned = (env.robot.true_pose[2] - yaw) % (2 * np.pi)
    assert turned == pytest.approx(1.0, abs=0.02)  # a second at 1 rad/s
    np.testing.assert_allclose(seen["twist"], ROUND, atol=0.05)
    np.testing.assert_array_equal(seen["previous_action"], ROUND)


def test_what_is_beyond_the_limits_is_cut(env: DriveEnv) -> None:
    env.reset(seed=4)
    seen, *_ = env.step(np.array([9.0, -9.0], np.float32))
    np.testing.assert_allclose(seen["previous_action"], [0.31, -1.9])
    assert seen in env.observation_space


def test_a_velocity_that_is_not_finite_is_refused(env: DriveEnv) -> None:
    env.reset(seed=0)
    with pytest.raises(ValueError, match="two finite numbers"):
        env.step(np.array([np.nan, 0.0], np.float32))


def test_the_policy_is_given_nothing_privileged(env: DriveEnv) -> None:
    seen, info = env.reset(seed=0)
    assert set(seen) == {"rgb", "previous_action", "twist"}
    assert info == {}
    assert set(env.step(AHEAD)[4]) == {"contact_s"}


def test_measured_speed_is_noisy_where_the_robot_is() -> None:
    def measured(noise: bool) -> np.ndarray:
        env = in_a_room(noise=noise)
        env.reset(seed=4)
        twists = np.array([env.step(ROUND)[0]["twist"] for _ in range(10)])
        env.close()
        return twists[5:]

    assert measured(False).std(axis=0)[1] < 0.005 < measured(True).std(axis=0)[1]


def test_the_reward_is_the_surprise_of_the_map_at_the_true_pose() -> None:
    """A map of its own, fed with frames that are rendered at the true poses, expects the same."""
    camera = Camera(32, 32)
    env = in_a_room(camera=camera, noise=True)
    env.reset(seed=2)
    ours = ReconstructionCuriosity(1, camera, GeometricSurprise(), reach_m=4.0)
    ours.update(env._true_frames(0.0))
    paid, expected = [], []
    for _ in range(70):  # two turns
        paid.append(env.step(ROUND)[1])
        frames = env._true_frames(0.0)
        expected.append(float(ours.compute(frames)[0]))
        ours.update(frames)
    assert paid == expected
    assert sum(paid[:35]) > 1.0  # it turns to what it has not seen
    assert sum(paid[35:]) < 0.3 * sum(paid[:35])  # and then to what it has
    env.close()


def test_contact_is_told_and_does_not_end_the_episode(env: DriveEnv) -> None:
    env.reset(seed=0)
    contact = []
    for _ in range(130):  # 26 s at 0.31 m/s: farther than the room is long
        seen, _, terminated, truncated, info = env.step(AHEAD)
        contact.append(info["contact_s"])
        assert not terminated
        assert not truncated
    assert contact[0] == 0.0
    assert max(contact) > 0.0
    assert max(contact) <= 0.2 + 1e-9
    x, y, _ = env.robot.true_pose
    assert 0 < x < SIZE[0]
    assert 0 < y < SIZE[1]
    assert abs(seen["twist"][0]) < 0.05  # the base does not push


def test_the_time_limit_truncates() -> None:
    env = in_a_room(max_episode_steps=3)
    env.reset(seed=0)
    ends = [env.step(ROUND)[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]
    env.close()


def test_a_robot_that_falls_over_terminates(env: DriveEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    env.reset(seed=0)

    def fall() -> None:
        raise RobotError("the robot fell over")

    monkeypatch.setattr(env.robot, "tick", fall)
    seen, reward, terminated, truncated, info = env.step(AHEAD)
    assert (reward, terminated, truncated) == (0.0, True, False)
    assert info["fell"] == "the robot fell over"
    assert seen in env.observation_space


def test_the_same_seed_drives_the_same_and_another_one_does_not() -> None:
    def driven(seed: int) -> np.ndarray:
        env = in_a_room(noise=True)
        env.reset(seed=seed)
        poses = []
        for _ in range(2):  # and the episode that follows
            for k in range(6):
                env.step((AHEAD, ROUND)[k % 2])
            poses.append(env.robot.true_pose)
            env.reset()
        env.close()
        return np.array(poses)

    np.testing.assert_array_equal(driven(3), driven(3))
    assert not np.allclose(driven(3), driven(5))


def test_what_cannot_be_is_told() -> None:
    with pytest.raises(UsageError, match="give one of turtlebot, husky"):
        DriveEnv(Rooms(), robot="tank")
    with pytest.raises(RobotError, match="physics is 'ode': give one of auto, mujoco, pybullet"):
        DriveEnv(Rooms(), physics="ode")
    with pytest.raises(RuntimeError, match="call reset"):
        in_a_room().robot  # noqa: B018


def test_ppo_learns_to_go_where_that_is_all_that_pays() -> None:
    """With a reward for the way ahead, plain SB3 PPO finds the way ahead: actions reach the wheels."""

    class Ahead(gymnasium.Wrapper[Any, Any, Any, Any]):
        def step(self, action: Any) -> Any:
            seen, _, over, late, info = self.env.step(action)
            return seen, float(seen["twist"][0] / TURTLEBOT.limits.forward), over, late, info

    env = RescaleAction(Ahead(in_a_room(camera=Camera(36, 36), max_episode_steps=16)), -1.0, 1.0)
    agent = PPO("MultiInputPolicy", env, learning_rate=1e-3, n_steps=64, batch_size=32, n_epochs=6, seed=0)
    agent.learn(384)
    returns = [sum(rewards(agent, env, seed)) for seed in range(3)]
    assert np.mean(returns) > 5.0  # of at most 16, less what it takes to get up to speed
    env.close()


def rewards(agent: PPO, env: Any, seed: int) -> list[float]:
    seen, paid, late = env.reset(seed=seed)[0], [], False
    while not late:
        seen, reward, _, late, _ = env.step(agent.predict(seen, deterministic=True)[0])
        paid.append(reward)
    return paid
