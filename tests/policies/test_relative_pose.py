"""The previous action as Plücker rays: closed forms, and what every ray must satisfy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT, TURN_RAD
from robonav.envs.sensors.camera import Camera
from robonav.policies.relative_pose import RelativePose, image_rays, plucker_rays, relative_pose

FLOATS = st.floats(-3.0, 3.0)


@given(
    rotation=st.tuples(FLOATS, FLOATS, FLOATS),
    origin=st.tuples(FLOATS, FLOATS, FLOATS),
    depth=st.floats(0.1, 5),
)
def test_points_that_the_camera_sees_lie_on_its_rays(rotation, origin, depth):
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = Rotation.from_rotvec(rotation).as_matrix(), origin
    directions = image_rays(3).double()
    direction, moment = plucker_rays(torch.as_tensor(pose), directions).transpose(0, 1).split(3, dim=1)
    points = depth * directions.numpy() @ pose[:3, :3].T + pose[:3, 3]
    np.testing.assert_allclose(direction.norm(dim=1), 1.0)
    np.testing.assert_allclose((direction * moment).sum(1), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.cross(points, direction), moment, atol=1e-9)


def test_moving_straight_on_keeps_directions_and_gives_moments_around_the_way():
    directions = image_rays(4)
    rays = plucker_rays(relative_pose(FORWARD), directions)
    unit = directions / directions.norm(dim=1, keepdim=True)
    torch.testing.assert_close(rays[:3], unit.T)
    around = torch.stack([-unit[:, 1], unit[:, 0], torch.zeros(16)])  # z x d
    torch.testing.assert_close(rays[3:], 0.25 * around)


@pytest.mark.parametrize(("action", "sign"), [(LEFT, -1.0), (RIGHT, 1.0)])
def test_a_turn_moves_no_ray_off_the_centre_and_the_axis_to_its_side(action, sign):
    rays = plucker_rays(relative_pose(action), torch.tensor([[0.0, 0.0, 1.0]]))[:, 0]
    expected = [sign * np.sin(TURN_RAD), 0.0, np.cos(TURN_RAD), 0.0, 0.0, 0.0]
    np.testing.assert_allclose(rays, expected, atol=1e-7)


@pytest.mark.parametrize(("action", "stride", "turn"), [(FORWARD, 0.25, 0), (LEFT, 0, 1), (RIGHT, 0, -1)])
def test_the_motion_is_the_one_that_the_simulator_carries_out(action, stride, turn):
    before, after = (0.7, np.array([[1.0, 2.0, 0.0]])), (0.7 + turn * TURN_RAD, np.array([[1.0, 2.0, 0.0]]))
    after[1][0, :2] += stride * np.array([np.cos(0.7), np.sin(0.7)])
    poses = [Camera().poses(position, np.array([yaw]))[0] for yaw, position in (before, after)]
    np.testing.assert_allclose(relative_pose(action), np.linalg.inv(poses[0]) @ poses[1], atol=1e-6)


def test_where_nothing_was_carried_out_there_is_nothing_to_see_and_actions_differ():
    token = RelativePose(16)
    torch.nn.init.normal_(token.weight)
    views = token(torch.arange(4))
    assert not views[0].any()
    assert torch.cdist(views[1:], views[1:]).fill_diagonal_(9.0).min() > 0.01
    assert token(torch.zeros(5, 7, dtype=torch.int64)).shape == (5, 7, 16)
