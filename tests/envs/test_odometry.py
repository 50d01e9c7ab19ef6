"""Odometry without drift is counting one's steps; with drift it errs as much as it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT, carried_out, previous_action
from robonav.envs.navigation.tasks import SparseGoal
from robonav.envs.odometry import Odometer, dead_reckoned, in_frame_of
from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import NavigationVecEnv
from tests.worlds import Rooms

CAMERA = Camera(width=8, height=8)


def counted(executed: list[int]) -> np.ndarray:
    """The pose after these actions + 1 (0 = none or blocked), by counting 0.25 m and 15 degrees."""
    x = y = 0.0
    turns = 0
    for action in executed:
        turns += {LEFT + 1: 1, RIGHT + 1: -1}.get(action, 0)
        if action == FORWARD + 1:
            x += 0.25 * np.cos(turns * np.pi / 12)
            y += 0.25 * np.sin(turns * np.pi / 12)
    return np.array([x, y, turns * np.pi / 12])


def test_without_drift_it_is_what_counting_the_own_steps_gives():
    worlds = NavigationVecEnv(Rooms(), 2, CAMERA, max_episode_steps=200, seed=3, task=SparseGoal)
    observation = worlds.reset()
    rng = np.random.default_rng(0)
    executed: list[list[int]] = [[], []]
    blocked = 0
    for _ in range(120):
        actions = rng.choice([FORWARD, FORWARD, LEFT, RIGHT], 2)
        observation, _, done, _ = worlds.step(actions)
        told = previous_action(actions, worlds.outcome)
        blocked += int(worlds.outcome.collided.sum())
        for agent in range(2):
            executed[agent] = [] if done[agent] else [*executed[agent], int(told[agent])]
            x, y, yaw, sigma = observation["odometry"][agent]
            expected = counted(executed[agent])
            np.testing.assert_allclose([x, y], expected[:2], atol=1e-4)
            assert np.cos(yaw - expected[2]) > 1 - 1e-6
            assert sigma == 0
    assert blocked > 5


@pytest.mark.parametrize("drift", [0.01, 0.03])
def test_the_error_grows_with_the_way_and_is_about_what_sigma_says(drift):
    away, count = 20.0, 400
    odometer = Odometer(count, drift)
    for agent in range(count):
        odometer.begin(agent, (1.0, 2.0, 0.5), np.random.default_rng(agent))
    direction = np.array([np.cos(0.5), np.sin(0.5)])
    for step in range(1, 81):
        xy = np.tile(np.array([1.0, 2.0]) + step * away / 80 * direction, (count, 1))
        odometer.update(xy, np.full(count, 0.5))
    along, aside = odometer.pose[:, 0] - away, odometer.pose[:, 1]
    # a gain of `drift`; a heading that walks by drift / 2 * sqrt(s): aside drift / 2 * sqrt(s^3 / 3)
    assert along.std() == pytest.approx(drift * away, rel=0.15)
    assert aside.std() == pytest.approx(0.5 * drift * np.sqrt(away**3 / 3), rel=0.15)
    assert odometer.sigma_m.mean() == pytest.approx(drift * away, rel=0.01)


def test_turns_on_the_spot_err_too_and_the_same_seed_errs_alike():
    turned = []
    for _ in range(2):
        odometer = Odometer(1, 0.02)
        odometer.begin(0, (0.0, 0.0, 0.0), np.random.default_rng(7))
        for k in range(1, 49):
            odometer.update(np.zeros((1, 2)), np.array([np.radians(15 * k)]))
        turned.append(odometer.pose[0, 2])
    assert turned[0] == turned[1]
    assert turned[0] != pytest.approx(4 * np.pi, abs=1e-3)
    assert turned[0] == pytest.approx(4 * np.pi, rel=0.1)
    assert odometer.way[0] == 0


def test_a_drift_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match=r"drift is 1.0"):
        Odometer(1, 1.0)


@given(st.lists(st.integers(0, 3), max_size=60))
def test_what_was_carried_out_adds_up_to_the_pose_of_counted_steps(executed):
    pose = np.zeros((1, 3))
    for told in executed:
        pose = dead_reckoned(pose, *carried_out(np.array([told])))
    np.testing.assert_allclose(pose[0], counted(executed), atol=1e-9)


def test_short_arcs_add_up_to_the_circle():
    pose, pieces = np.array([1.0, 0.0, np.pi / 2]), 400
    for _ in range(pieces):
        pose = dead_reckoned(pose, 2 * np.pi / pieces, 2 * np.pi / pieces)
    np.testing.assert_allclose(pose, [1.0, 0.0, 2.5 * np.pi], atol=1e-9)


coordinate = st.floats(-20, 20)


@given(coordinate, coordinate, st.floats(-7, 7), coordinate, coordinate)
def test_a_place_in_a_pose_s_frame_is_rotation_and_shift(x, y, yaw, px, py):
    seen = in_frame_of((x, y, yaw), np.array([px, py]))
    T = np.array([[np.cos(yaw), -np.sin(yaw), x], [np.sin(yaw), np.cos(yaw), y], [0, 0, 1]])
    np.testing.assert_allclose(seen, (np.linalg.inv(T) @ [px, py, 1])[:2], atol=1e-9)
