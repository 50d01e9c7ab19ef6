"""Frames say how each agent moved in the last step, in the frame of the pose before it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT, TURN_RAD
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Episode, motion_between
from tests.worlds import RADIUS, SIZE, Rooms


def simulator(starts, motion_noise: float = 0.0) -> NavigationSimulator:
    made = NavigationSimulator(
        Rooms(), len(starts), Camera(width=8, height=8), threads=1, motion_noise=motion_noise
    )
    made.start([Episode(str(i), "room-0", 0, start) for i, start in enumerate(starts)])
    return made


def test_steps_tell_a_quarter_metre_or_15_degrees_and_a_blocked_one_nothing():
    made = simulator([(2.0, 2.0, 1.0), (3.0, 2.0, 3.0), (3.0, 2.0, -3.1), (SIZE[0] - RADIUS - 0.1, 2.0, 0.0)])
    np.testing.assert_array_equal(made.frames.motion, np.zeros((4, 3), np.float32))
    motion = made.step(np.array([FORWARD, LEFT, RIGHT, FORWARD])).motion
    assert motion.dtype == np.float32
    expected = [[0.25, 0, 0], [0, 0, TURN_RAD], [0, 0, -TURN_RAD], [0, 0, 0]]
    np.testing.assert_allclose(motion, expected, atol=1e-6)
    np.testing.assert_array_equal(motion[3], 0.0)


def test_who_starts_anew_has_not_moved_and_the_others_keep_their_motion():
    made = simulator([(2.0, 2.0, 1.0), (3.0, 2.0, 3.0)])
    moved = made.step(np.array([FORWARD, LEFT])).motion.copy()
    made.start([Episode("next", "room-1", 0, (1.0, 1.0, 0.0))], [0])
    np.testing.assert_array_equal(made.frames.motion, [np.zeros(3), moved[1]])


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_motions_chained_lead_to_the_pose(noise):
    start = (2.0, 2.0, 0.4)
    made, rng, T = simulator([start], noise), np.random.default_rng(1), np.eye(3)
    for _ in range(60):
        x, y, turn = made.step(rng.integers(3, size=1)).motion[0].astype(np.float64)
        T = T @ [[np.cos(turn), -np.sin(turn), x], [np.sin(turn), np.cos(turn), y], [0, 0, 1]]
    c, s = np.cos(start[2]), np.sin(start[2])
    found = np.array(start[:2]) + np.array([[c, -s], [s, c]]) @ T[:2, 2]
    np.testing.assert_allclose(found, made.frames.position[0, :2], atol=1e-5)
    turned = start[2] + np.arctan2(T[1, 0], T[0, 0])
    assert np.cos(turned - made.frames.yaw[0]) == pytest.approx(1.0, abs=1e-6)


number = st.floats(-10, 10)


@given(number, number, number, number, number, st.floats(-3.1, 3.1))
def test_a_motion_between_poses_is_the_one_that_was_made(x, y, yaw, forward, left, turn):
    c, s = np.cos(yaw), np.sin(yaw)
    after = np.array([x + c * forward - s * left, y + s * forward + c * left, yaw + turn])
    found = motion_between(np.array([x, y, yaw]), after)
    np.testing.assert_allclose(found, [forward, left, turn], atol=1e-4)
