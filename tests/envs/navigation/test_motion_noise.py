"""With motion noise steps err as a robot's do, the same in the same episode; without it nothing changes."""

from __future__ import annotations

import numpy as np
import pytest

from robonav.envs.navigation.motion_noise import NoisyMotion
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT
from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import NavigationVecEnv
from robonav.envs.world import Episode
from robonav.errors import UsageError
from robonav.training.config import TrainConfig
from robonav.training.run import TrainingRun
from tests.worlds import Rooms

CAMERA = Camera(16, 16)


def circles(agents: int, noise: float, turns: int) -> NavigationSimulator:
    """Agents that have turned on the spot so often."""
    simulator = NavigationSimulator(Rooms(), agents, CAMERA, threads=1, motion_noise=noise)
    simulator.start([Episode(str(k), "room-0", 0, (3.0, 2.0, 0.0)) for k in range(agents)])
    for _ in range(turns):
        simulator.step(np.full(agents, LEFT))
    return simulator


def test_headings_drift_as_much_as_they_should() -> None:
    """After 48 turns of 15° all would look ahead: sd of 200 agents by the closed form."""
    yaw = np.unwrap(circles(200, 2.0, 48).frames.yaw) - 4 * np.pi
    rate, walk, askew = 2.0 * np.array([0.0003 * 48, 0.001 * np.sqrt(48), 0.015])
    assert yaw.std() == pytest.approx(np.sqrt(rate**2 + walk**2 + askew**2), rel=0.15)
    assert yaw.mean() == pytest.approx(0.0, abs=0.01)


def test_lengths_differ_by_a_hundredth_and_stay_the_same_in_an_episode() -> None:
    agents = 200
    simulator = circles(agents, 1.0, 0)
    first = simulator.step(np.full(agents, FORWARD)).position[:, :2].copy()
    second = simulator.step(np.full(agents, FORWARD)).position[:, :2]
    lengths = np.linalg.norm(first - (3.0, 2.0), axis=1) / 0.25
    assert lengths.std() == pytest.approx(0.01, rel=0.15)
    np.testing.assert_allclose(np.linalg.norm(second - first, axis=1) / 0.25, lengths, atol=1e-5)


def test_pose_and_image_belong_together_and_blocked_agents_stay_as_they_were() -> None:
    simulator = circles(3, 5.0, 2)
    frames = simulator.frames
    ahead = np.c_[np.cos(frames.yaw), np.sin(frames.yaw)]
    np.testing.assert_allclose(frames.T_world_camera[:, :2, 2], ahead, atol=1e-6)
    rendered = simulator.world(0).sensor.render(frames.T_world_camera)[1]
    np.testing.assert_allclose(rendered, frames.depth, atol=1e-6)
    simulator.start([Episode(str(k), "room-0", 0, (5.8, 2.0, 0.0)) for k in range(3)])
    before = simulator.frames
    after = simulator.step(np.full(3, FORWARD))
    assert after.collided.all()
    for name in ("yaw", "position", "rgb", "T_world_camera"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


def test_the_noise_is_that_of_the_episode_whoever_runs_it() -> None:
    alone, beside = NoisyMotion(1, 1.0), NoisyMotion(2, 1.0)
    mine, other = Episode("mine", "room-0", 3, (0, 0, 0)), Episode("other", "room-0", 3, (0, 0, 0))
    alone.begin([mine], [0])
    beside.begin([other, mine], [0, 1])
    for _ in range(3):
        errors, both = alone.errors(), beside.errors()
        for name in ("length", "turn", "look"):
            assert getattr(errors, name)[0] == getattr(both, name)[1] != getattr(both, name)[0]


def test_the_policy_is_told_of_its_own_steps_and_of_nothing_else() -> None:
    actions = [FORWARD, LEFT, LEFT, FORWARD, RIGHT]
    exact, noisy = (
        NavigationVecEnv(Rooms(1), 2, CAMERA, seed=1, threads=1, motion_noise=noise) for noise in (0.0, 1.0)
    )
    told = []
    for worlds in (exact, noisy):
        observations = [worlds.reset()]
        observations += [worlds.step(np.full(2, action))[0] for action in actions]
        told.append(observations)
    assert [seen.keys() for seen in told[0]] == [seen.keys() for seen in told[1]]
    np.testing.assert_array_equal(told[0][0]["rgb"], told[1][0]["rgb"])
    assert not np.array_equal(told[0][-1]["rgb"], told[1][-1]["rgb"])
    for before, after in zip(*told, strict=True):
        np.testing.assert_array_equal(before["previous_action"], after["previous_action"])


def test_training_takes_it_and_refuses_what_makes_no_sense(tmp_path) -> None:
    tiny = TrainConfig(num_envs=1, threads=1, camera=Camera(40, 40), motion_noise=1.0)
    run = TrainingRun(tiny, tmp_path / "run")
    assert isinstance(run.worlds.simulator._motion, NoisyMotion)
    with pytest.raises(UsageError, match="motion_noise is -1"):
        TrainConfig(motion_noise=-1)
