"""Habitat's world (x right, y up, -z ahead) and robonav's (x ahead, y left, z up); both in metres."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

# Rows: robonav's x, y and z in Habitat's axes; a rotation, so its inverse is its transpose.
R_WORLD_HABITAT = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
# A Habitat camera looks along its -z with y up, an optical frame along its z with y down.
_R_CAMERA_OPTICAL = np.diag([1.0, -1.0, -1.0])


def world_from_habitat(points: ArrayLike) -> NDArray[np.float64]:
    """Points (..., 3) of Habitat's world in robonav's."""
    return np.asarray(points, dtype=np.float64) @ R_WORLD_HABITAT.T


def yaw_from_habitat(quaternions: ArrayLike) -> NDArray[np.float64]:
    """Heading (...,) in radians of agents with rotation x, y, z, w (..., 4): the direction of -z.

    A rotation by θ about Habitat's y is a yaw of θ. A rotation straight up or down has yaw 0.
    """
    x, y, z, w = np.moveaxis(np.asarray(quaternions, dtype=np.float64), -1, 0)
    # third column of the rotation matrix, up to the squared norm, which the angle does not need
    return np.arctan2(2 * (x * z + w * y), w * w + z * z - x * x - y * y)


def camera_pose_from_habitat(position: ArrayLike, quaternion: ArrayLike) -> NDArray[np.float32]:
    """T_world_camera (4, 4) of a Habitat camera at position (3,) with rotation x, y, z, w (4,)."""
    T = np.eye(4)
    T[:3, :3] = R_WORLD_HABITAT @ Rotation.from_quat(np.asarray(quaternion)).as_matrix() @ _R_CAMERA_OPTICAL
    T[:3, 3] = world_from_habitat(position)
    return T.astype(np.float32)


def habitat_from_camera_pose(
    T_world_camera: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Position (N, 3) and rotation x, y, z, w (N, 4) of the Habitat cameras at T_world_camera (N, 4, 4)."""
    T = np.asarray(T_world_camera, dtype=np.float64)
    rotations = R_WORLD_HABITAT.T @ T[:, :3, :3] @ _R_CAMERA_OPTICAL
    return T[:, :3, 3] @ R_WORLD_HABITAT, Rotation.from_matrix(rotations).as_quat()
