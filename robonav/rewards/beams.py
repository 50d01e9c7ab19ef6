"""Planar beams of what agents see, from a camera's depth or a laser scan, for maps of the floor."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from robonav.envs.sensors.camera import Camera
from robonav.envs.warehouse.vehicle import Scanner
from robonav.envs.world import Frames
from robonav.errors import UsageError
from robonav.maps.log_odds import Beams
from robonav.rewards.protocol import Snapshot


class BeamReader(Protocol):
    """Makes planar beams of what agents see."""

    def __call__(self, seen: Snapshot) -> Beams:
        """Beams of N agents."""


class DepthBeams:
    """A beam for each column of the depth image of an upright camera.

    It ends at the column's nearest surface between two heights, or below the floor, and is free up to
    there; where there is none, up to the farthest surface, which is floor or what is overhead.

    Args:
        camera: Of the frames.
        reach_m: Longest beam.
        band_m: Heights above the floor.
    """

    def __init__(self, camera: Camera, reach_m: float, band_m: tuple[float, float]) -> None:
        self._rays, self._reach, self._band = camera.directions(), reach_m, band_m

    def __call__(self, seen: Snapshot) -> Beams:
        """Beams of N agents, one a column."""
        frames = _frames(seen)
        depth, pose = frames.depth, frames.T_world_camera
        ahead = self._rays[0] * np.array([1, 0, 1], np.float32)  # level with the camera
        across = np.linalg.norm(ahead, axis=1)
        unit = np.einsum("nij,wj->nwi", pose[:, :2, :3], ahead) / across[:, None]
        reach = depth * across
        up = np.einsum("nj,hwj->nhw", pose[:, 2, :3], self._rays) * depth + pose[:, 2, 3, None, None]
        height = up - frames.position[:, 2, None, None]
        seen_there = depth > 0
        blocks = ((height > self._band[0]) & (height < self._band[1])) | (height < -self._band[0])
        nearest = np.where(blocks & seen_there, reach, np.inf).min(axis=1)
        length = np.minimum(nearest, np.where(seen_there, reach, 0.0).max(axis=1))
        hit = nearest < self._reach
        return Beams(pose[:, :2, 3], unit, np.minimum(length, self._reach), hit)


class LaserBeams:
    """The beams of a warehouse vehicle's scanner, from its observation and its true pose.

    Where scans have drop-outs, a ray that sees nothing tells nothing.

    Args:
        scanner: Of the vehicle.
        reach_m: Longest beam.
    """

    def __init__(self, scanner: Scanner, reach_m: float) -> None:
        self._scanner, self._reach, self._angles = scanner, reach_m, scanner.angles()

    def __call__(self, seen: Snapshot) -> Beams:
        """Beams of N agents, one a ray."""
        frames, share = _frames(seen), seen.observation["scan"]
        angle = frames.yaw[:, None] + self._angles
        returned = share < 1.0
        length = np.clip(share * self._scanner.range_m, 0.0, self._reach)
        if self._scanner.dropout:
            length = np.where(returned, length, 0.0)
        hit = returned & (share * self._scanner.range_m < self._reach)
        unit = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        return Beams(frames.T_world_camera[:, :2, 3], unit, length, hit)


def _frames(seen: Snapshot) -> Frames:
    if seen.frames is None:
        raise UsageError(
            "information-gain is paid for poses, and the environments have none: give a view of a world, "
            "such as NavigationVecEnv or WorldVecEnv"
        )
    return seen.frames
