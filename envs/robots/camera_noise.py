"""Noise of a real camera on a rendered frame: wandering exposure, grain, measured depth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robonav.envs.robots.spec import Noise

MEMORY = 0.9  # how much of the exposure's error the next frame keeps
NEAREST_M, FARTHEST_M = 0.3, 8.0


class CameraNoise:
    """Disturbs frames; it remembers the exposure from frame to frame.

    Args:
        noise: How much.
        rng: Where it is drawn from.
    """

    def __init__(self, noise: Noise, rng: np.random.Generator) -> None:
        self._noise, self._rng = noise, rng
        self._log_gain = noise.exposure * rng.standard_normal()

    def disturb_rgb(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The image (H, W, 3) as it was exposed."""
        fresh = np.sqrt(1.0 - MEMORY**2) * self._noise.exposure * self._rng.standard_normal()
        self._log_gain = MEMORY * self._log_gain + fresh
        grain = self._noise.pixel * self._rng.standard_normal(rgb.shape, dtype=np.float32)
        exposed = np.float32(np.exp(self._log_gain)) * rgb + grain
        return np.clip(np.rint(exposed), 0, 255).astype(np.uint8)

    def disturb_depth(self, depth: NDArray[np.float32]) -> NDArray[np.float32]:
        """The depth (H, W) as measured; no return nearer than 0.3 m or farther than 8 m.

        Axial noise of structured light, σ = 0.0012 + 0.0019 (z − 0.4)² metres: Nguyen, Izadi, Lovell,
        Modeling Kinect Sensor Noise for Improved 3D Reconstruction and Tracking, 3DIMPVT 2012.
        """
        if not self._noise.depth:
            return depth
        sigma = self._noise.depth * (0.0012 + 0.0019 * (depth - 0.4) ** 2)
        measured = depth + sigma * self._rng.standard_normal(depth.shape, dtype=np.float32)
        return np.where((depth > NEAREST_M) & (depth < FARTHEST_M), measured, 0.0).astype(np.float32)
