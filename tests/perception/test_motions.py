"""The motion that an agent knows of itself, against the world's own arcs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces

from robonav.envs.actions import Steps, Velocities
from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT
from robonav.perception.motions import NoMotions, StepMotions, VelocityMotions, motions_told_by
from robonav.perception.plane_sweep import PlaneSweep
from robonav.planners.own_map import OwnMap, OwnMapConfig

CONFIG = OwnMapConfig(cells=64, side=3, scales=(1,))


def composed(motions: np.ndarray) -> np.ndarray:
    """The pose (3,) after SE(2) motions (T, 3), by matrices."""
    pose = np.eye(3)
    for x, y, turn in motions:
        pose = pose @ np.array(
            [[np.cos(turn), -np.sin(turn), x], [np.sin(turn), np.cos(turn), y], [0.0, 0.0, 1.0]]
        )
    return np.array([pose[0, 2], pose[1, 2], np.arctan2(pose[1, 0], pose[0, 0])])


def shares(count: int, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return np.column_stack([draw.uniform(0, 1, count), draw.uniform(-1, 1, count)]).astype(np.float32)


def test_motions_are_those_of_the_world():
    told = shares(200)
    ours = VelocityMotions()(torch.as_tensor(told)).numpy()
    np.testing.assert_allclose(ours, Velocities().motion(told), atol=1e-6)
    steps = np.array([FORWARD, LEFT, RIGHT])
    ours = StepMotions()(torch.as_tensor(steps + 1)).numpy()
    np.testing.assert_allclose(ours, Steps().motion(steps), atol=1e-6)
    assert not StepMotions()(torch.tensor([0])).any()


@pytest.mark.parametrize("seed", range(3))
def test_the_own_map_follows_arcs_as_matrices_do(seed):
    told = shares(60, seed)
    own_map, scan = OwnMap(CONFIG, VelocityMotions()), torch.zeros(1, 32, 40, 3)
    places = own_map.new(1, torch.device("cpu"))
    own_map.observe(places, scan, torch.zeros(1, 2), torch.tensor([True]))
    for share in told:
        own_map.observe(places, scan, torch.as_tensor(share)[None], torch.tensor([False]))
    expected = composed(Velocities().motion(told))
    np.testing.assert_allclose(places.position[0].numpy(), expected[:2], atol=1e-3)
    yaw = float(places.heading[0]) * np.radians(1.0) + float(places.rest[0])
    assert np.cos(yaw - expected[2]) == pytest.approx(1.0, abs=1e-6)
    coarse = own_map.in_turns(places)
    assert np.cos(float(coarse.heading[0]) * np.radians(15) + float(coarse.rest[0]) - yaw) == pytest.approx(1)
    assert abs(float(coarse.rest[0])) <= np.radians(7.5) + 1e-5


def test_the_frame_held_is_as_far_away_as_arcs_led():
    planes, told = PlaneSweep(VelocityMotions()), shares(40)
    told[:, 0] *= 0.3  # slow: several moves make a base
    earlier, frame = planes.new(1, torch.device("cpu")), torch.zeros(1, 3, 64, 64)
    planes.observe(earlier, frame, torch.zeros(1, 2), torch.tensor([True]))
    poses, history = [np.zeros(3)], np.zeros((0, 3))
    for share in told:
        planes.observe(earlier, frame, torch.as_tensor(share)[None], torch.tensor([False]))
        history = np.vstack([history, Velocities().motion(share[None])])
        poses.append(composed(history))
        held, turn, ahead, left = earlier.since[0].tolist()
        assert held == 1.0
        assert np.hypot(ahead, left) <= 0.5 + 0.3 * 0.25
        # some earlier pose is that of the frame held
        yaw = [poses[-1][2] - pose[2] for pose in poses]
        off = [
            np.hypot(*(np.array([ahead, left]) - at)) + 1 - np.cos(turn - by)
            for at, by in zip([_in_frame(poses[-1], p) for p in poses], yaw, strict=True)
        ]
        assert min(off[:-1]) < 1e-3


def _in_frame(now: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Position of one pose in the frame of another."""
    c, s = np.cos(pose[2]), np.sin(pose[2])
    return np.array([[c, s], [-s, c]]) @ (now[:2] - pose[:2])


def test_shares_count_as_the_nearest_steps():
    told = torch.tensor([[0.0, 0.0], [1.0, 0.4], [0.0, 0.3], [0.01, -0.3]])
    assert VelocityMotions().as_steps(told).tolist() == [0, FORWARD + 1, LEFT + 1, RIGHT + 1]


def test_advice_becomes_velocities_that_steer_along_the_way():
    def told(step: int, angle_deg: float) -> np.ndarray:
        advice = torch.zeros(7)
        advice[step] = 1.0
        advice[3], advice[4] = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
        return VelocityMotions().prior(advice, 3.0).tanh().numpy()

    ahead, aside, wall = told(FORWARD, 6.0), told(LEFT, 80.0), told(RIGHT, 2.0)
    assert ahead[0] > 0.9
    assert ahead[1] == pytest.approx(6 / 15, abs=1e-3)
    assert aside[0] < -0.9  # no speed
    assert aside[1] > 0.9
    assert wall[1] < -0.9  # away from the way, as the step says


def test_motions_are_known_by_the_space_that_tells_of_them():
    assert isinstance(motions_told_by(Steps().previous_space), StepMotions)
    assert isinstance(motions_told_by(Velocities().previous_space), VelocityMotions)
    for other in (None, spaces.Discrete(9), spaces.Box(-2, 2, (2,)), spaces.Box(-1, 1, (3,))):
        assert isinstance(motions_told_by(other), NoMotions)
    assert StepMotions().acts_in(Steps().space)
    assert not StepMotions().acts_in(Velocities().space)
    assert VelocityMotions().acts_in(Velocities().space)
