"""Targets of the predictor: scans from true depth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robonav.envs.sensors.camera import Camera
from robonav.perception.predictor import DEPTH_STEP_M, DEPTHS, RAYS

OBSTACLE_M = (0.2, 1.5)  # heights above the floor at which things stand in an agent's way
_EYE_ROWS = 4  # about the horizon, at the height of the camera
_HORIZON = 0.02  # downward component of a ray of depth 1 from which on it should meet the floor


def scan(depth: NDArray[np.float32], camera: Camera) -> NDArray[np.bool_]:
    """The target scans (N, 32, 40, 3) of depth images (N, H, W), metres.

    A step is free before the nearest thing at `OBSTACLE_M` above the floor, occupied where such a thing is
    seen, were it behind a lower one, and in sight up to what is seen at camera height. Where nothing
    is seen below the horizon the floor has an end, which stops an agent as a wall does. Depth 0 = no return.
    """
    count, height, width = depth.shape
    by_ray = (count, height, RAYS, width // RAYS)
    downward = camera.directions()[..., 1]
    above_floor = camera.height_m - downward * depth
    is_obstacle = (depth > 0) & (above_floor > OBSTACLE_M[0]) & (above_floor < OBSTACLE_M[1])
    is_missing = (depth == 0) & (downward > _HORIZON)
    floor_end = np.where(is_missing, camera.height_m / np.maximum(downward, _HORIZON), np.inf)
    floor_end = floor_end.reshape(by_ray).min(axis=(1, 3))
    nearest = np.where(is_obstacle, depth, np.inf).reshape(by_ray).min(axis=(1, 3))
    occupied = np.zeros((count, RAYS, DEPTHS), dtype=bool)
    view, row, column = np.nonzero(is_obstacle & (depth < DEPTHS * DEPTH_STEP_M))
    steps = (depth[view, row, column] / DEPTH_STEP_M).astype(np.int64)
    occupied[view, column // (width // RAYS), steps] = True
    view, ray = np.nonzero(floor_end < DEPTHS * DEPTH_STEP_M)
    occupied[view, ray, (floor_end[view, ray] / DEPTH_STEP_M).astype(np.int64)] = True
    rows = slice((height - _EYE_ROWS) // 2, (height + _EYE_ROWS) // 2)
    near = np.where(depth > 0, 1.0 / (1.0 + depth), 0.0)[:, rows]
    sight = 1.0 / np.maximum(near.reshape(count, _EYE_ROWS, RAYS, -1).mean(axis=(1, 3)), 1e-3) - 1.0
    ends = np.arange(1, DEPTHS + 1) * DEPTH_STEP_M
    free = ends <= np.minimum(nearest, floor_end)[..., None]
    return np.stack([free, occupied, ends - DEPTH_STEP_M <= sight[..., None]], axis=-1)
