"""Habitat's axes and quaternions become ours as SciPy's rotations say."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from robonav.envs.scenes.datasets.habitat_frame import (
    R_WORLD_HABITAT,
    camera_pose_from_habitat,
    habitat_from_camera_pose,
    world_from_habitat,
    yaw_from_habitat,
)
from robonav.envs.sensors.camera import Camera

RIGHT, UP, AHEAD = np.array([1, 0, 0]), np.array([0, 1, 0]), np.array([0, 0, -1])
part = st.floats(-1, 1)
quaternions = (
    st.tuples(part, part, part, part)
    .map(np.array)
    .filter(lambda q: np.linalg.norm(q) > 0.1)
    .map(lambda q: q / np.linalg.norm(q))
)


def test_ahead_right_and_up_are_what_they_are_called() -> None:
    assert np.array_equal(world_from_habitat([AHEAD, RIGHT, UP]), [[1, 0, 0], [0, -1, 0], [0, 0, 1]])
    assert np.isclose(np.linalg.det(R_WORLD_HABITAT), 1)  # no mirror


@given(quaternions)
def test_yaw_is_where_minus_z_is_turned_to(quaternion: NDArray[np.float64]) -> None:
    x, y, _ = world_from_habitat(Rotation.from_quat(quaternion).apply(AHEAD))
    if np.hypot(x, y) > 1e-3:  # not straight up or down
        difference = yaw_from_habitat(quaternion) - np.arctan2(y, x)
        assert abs((difference + np.pi) % (2 * np.pi) - np.pi) < 1e-6


@given(st.floats(-3.1, 3.1), st.tuples(*[st.floats(-50, 50)] * 3))
def test_a_turn_about_y_is_a_yaw_and_its_camera_is_that_of_our_agent(
    angle: float, position: tuple[float, float, float]
) -> None:
    quaternion = Rotation.from_rotvec(angle * UP).as_quat()
    assert np.isclose(yaw_from_habitat(quaternion), angle)
    eye = position + 1.25 * UP
    ours = Camera(height_m=1.25).poses(world_from_habitat(position)[None], np.array([angle]))[0]
    np.testing.assert_allclose(camera_pose_from_habitat(eye, quaternion), ours, atol=1e-5)


@given(quaternions)
def test_a_camera_pose_turns_the_axes_as_habitat_does(quaternion: NDArray[np.float64]) -> None:
    turned = Rotation.from_quat(quaternion)
    pose = camera_pose_from_habitat([1, 2, 3], quaternion)
    for column, axis in enumerate((RIGHT, -UP, AHEAD)):  # an optical frame's x, y and z
        np.testing.assert_allclose(pose[:3, column], world_from_habitat(turned.apply(axis)), atol=1e-6)
    np.testing.assert_allclose(pose[:, 3], [-3, -1, 2, 1])


@given(quaternions, st.tuples(*[st.floats(-50, 50)] * 3))
def test_a_camera_pose_comes_back_as_it_went(
    quaternion: NDArray[np.float64], position: tuple[float, float, float]
) -> None:
    positions, rotations = habitat_from_camera_pose(camera_pose_from_habitat(position, quaternion)[None])
    np.testing.assert_allclose(positions[0], position, atol=1e-5)
    turn = Rotation.from_quat(rotations[0]).inv() * Rotation.from_quat(quaternion)
    assert turn.magnitude() < 1e-5
