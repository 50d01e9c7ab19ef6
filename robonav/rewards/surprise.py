"""Surprise of a frame against the map's prediction: small pure functions over arrays."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d


def saturating(share: NDArray[np.floating], half: float = 0.04) -> NDArray[np.float32]:
    """U / (u + half): 1/2 at u = half, so that the first look around does not dwarf all later discoveries."""
    return (share / (share + half)).astype(np.float32)


def surprising_share(surprising: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Share (N,) of pixels (N, H, W) where the map did not have the surface that is there."""
    return surprising.mean(axis=(1, 2), dtype=np.float32)


@lru_cache(maxsize=8)
def low_pass_matrix(size: int, grid: int = 8, sigma_share: float = 0.125) -> NDArray[np.float32]:
    """(grid, size) matrix that blurs a line of pixels (Gaussian, sigma = size / 8) and averages cells.

    ReCuriosity blurs 128x128 images with sigma 16 and three sigma of reach, then averages to 8x8.
    """
    if size % grid:
        raise ValueError(f"image side {size} must be a multiple of the {grid} low-pass cells")
    blur = gaussian_filter1d(np.eye(size), sigma_share * size, axis=0, mode="constant", truncate=3.0)
    return blur.reshape(grid, size // grid, size).mean(axis=1).astype(np.float32)


def low_passed_rgb_error(expected: NDArray[np.uint8], rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean squared error (N,) of low-passed colours in [0, 1] of (N, H, W, 3) images (ReCuriosity, e_t)."""
    difference = (expected.astype(np.float32) - rgb.astype(np.float32)) / 255.0
    rows, columns = low_pass_matrix(rgb.shape[1]), low_pass_matrix(rgb.shape[2])
    smooth = np.einsum("gh,nhwc,kw->ngkc", rows, difference, columns, optimize=True)
    return np.square(smooth).mean(axis=(1, 2, 3))


def thresholded(
    error: NDArray[np.floating], threshold: float = 0.0099, new: float = 0.5, known: float = -0.0002
) -> NDArray[np.float32]:
    """`new` where the error exceeds the threshold, else `known` (ReCuriosity's binary reward)."""
    return np.where(error > threshold, new, known).astype(np.float32)
