"""Worlds whose depth images are known in closed form: the oracle of the reconstruction tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robonav.maps.reconstruction.tsdf import Pinhole

PINHOLE = Pinhole(width=48, height=48, fx=24.0, fy=24.0, cx=24.0, cy=24.0)
ROOM_LOW, ROOM_HIGH = np.array([-2.03, -1.52, 0.01]), np.array([2.98, 2.47, 2.63])
SPHERE, RADIUS = np.array([0.13, -0.07, 1.21]), 0.83


def look(position: tuple[float, float, float], yaw_deg: float, pitch_deg: float = 0.0) -> NDArray[np.float32]:
    """T_world_camera (4, 4) of a camera at a position; pitch is positive downwards."""
    yaw, pitch = np.radians(yaw_deg), np.radians(pitch_deg)
    forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), -np.sin(pitch)])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    T = np.eye(4)
    T[:3, 0], T[:3, 1], T[:3, 2], T[:3, 3] = right, np.cross(forward, right), forward, position
    return T.astype(np.float32)


def pixel_rays(T: NDArray[np.float32], pinhole: Pinhole = PINHOLE) -> tuple[NDArray, NDArray]:
    """World origin (3,) and directions (H, W, 3) that are one metre deep."""
    x = (np.arange(pinhole.width) + 0.5 - pinhole.cx) / pinhole.fx
    y = (np.arange(pinhole.height) + 0.5 - pinhole.cy) / pinhole.fy
    rays = np.stack([*np.meshgrid(x, y), np.ones((pinhole.height, pinhole.width))], axis=-1)
    return T[:3, 3].astype(float), rays @ T[:3, :3].T.astype(float)


def plane_depth(
    T: NDArray, normal: NDArray, offset: float, pinhole: Pinhole = PINHOLE
) -> NDArray[np.float32]:
    """Depth of the plane normal . p = offset; 0 where the ray goes the other way."""
    origin, rays = pixel_rays(T, pinhole)
    with np.errstate(divide="ignore"):
        depth = (offset - origin @ normal) / (rays @ normal)
    return np.where(np.isfinite(depth) & (depth > 0), depth, 0).astype(np.float32)


def sphere_depth(T: NDArray, pinhole: Pinhole = PINHOLE) -> NDArray[np.float32]:
    """Depth of the sphere from outside; 0 where the ray misses it."""
    origin, rays = pixel_rays(T, pinhole)
    a = np.sum(rays**2, axis=-1)
    b = rays @ (origin - SPHERE)
    root = b**2 - a * (np.sum((origin - SPHERE) ** 2) - RADIUS**2)
    return np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / a, 0).astype(np.float32)


def room_depth(T: NDArray, pinhole: Pinhole = PINHOLE) -> NDArray[np.float32]:
    """Depth of the walls, floor and ceiling of the box-shaped room from inside."""
    origin, rays = pixel_rays(T, pinhole)
    with np.errstate(divide="ignore"):
        walls = np.where(rays > 0, (ROOM_HIGH - origin) / rays, (ROOM_LOW - origin) / rays)
    return np.min(walls, axis=-1).astype(np.float32)


def gray(depth: NDArray[np.float32], value: int = 120) -> NDArray[np.uint8]:
    """An image (..., 3) of one colour for a depth image."""
    return np.full((*depth.shape, 3), value, np.uint8)


def turn_in_room(steps: int = 24) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Poses (4, 4) of a full turn on the spot, with the depth seen."""
    poses = [look((0.31, 0.22, 1.25), 360.0 * k / steps) for k in range(steps)]
    return [(T, room_depth(T)) for T in poses]
