"""The pinhole camera of all sensors and maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Camera:
    """A pinhole camera with square pixels that looks along the agent's heading.

    Attributes:
        width: Image width in pixels.
        height: Image height in pixels.
        hfov_deg: Horizontal field of view in degrees.
        height_m: Height of the optical centre above the floor, metres.
    """

    width: int = 64
    height: int = 64
    hfov_deg: float = 90.0
    height_m: float = 1.25

    @property
    def focal(self) -> float:
        """Focal length in pixels (fx = fy)."""
        return 0.5 * self.width / float(np.tan(np.radians(self.hfov_deg) / 2))

    def directions(self) -> NDArray[np.float32]:
        """Ray through each pixel centre in the camera frame (H, W, 3), scaled to z = 1."""
        x = (np.arange(self.width) + 0.5 - self.width / 2) / self.focal
        y = (np.arange(self.height) + 0.5 - self.height / 2) / self.focal
        grid = np.stack([*np.meshgrid(x, y), np.ones((self.height, self.width))], axis=-1)
        return grid.astype(np.float32)

    def poses(self, positions: NDArray[np.floating], yaws: NDArray[np.floating]) -> NDArray[np.float32]:
        """T_world_camera (N, 4, 4) for agents at `positions` (N, 3) on the floor, heading `yaws` (N,) rad."""
        c, s = np.cos(yaws), np.sin(yaws)
        T = np.zeros((len(yaws), 4, 4), dtype=np.float32)
        T[:, :2, 0] = np.stack([s, -c], axis=1)  # camera x = right
        T[:, 2, 1] = -1.0  # camera y = down
        T[:, :2, 2] = np.stack([c, s], axis=1)  # camera z = forward
        T[:, :3, 3] = positions
        T[:, 2, 3] += self.height_m
        T[:, 3, 3] = 1.0
        return T
