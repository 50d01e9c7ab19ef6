"""Meshes that lie far from their origin, as photogrammetry with GPS exports them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FAR_M = 1000.0  # single precision keeps a tenth of a millimetre up to here


def moved_to_origin(vertices: NDArray[np.float64]) -> tuple[tuple[float, float, float], list[str]]:
    """Move a far mesh by whole metres, in place and before it becomes single precision.

    Args:
        vertices: (V, 3) metres, finite; moved where they lie farther than a kilometre from the origin.

    Returns:
        What was added to every vertex, and what there is to say of it, for people.
    """
    centre = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    if np.abs(centre).max() <= _FAR_M:
        return (0.0, 0.0, 0.0), []
    farthest = np.float32(np.abs(vertices).max())
    is_single = bool((vertices == vertices.astype(np.float32)).all())
    move = -np.round(centre)
    vertices += move
    x, y, z = (float(value) for value in move)
    said = [f"it lies far from its origin and was moved by ({x:.0f}, {y:.0f}, {z:.0f}) m in its own axes"]
    if is_single:
        said.append(
            f"its coordinates are in single precision, to {np.spacing(farthest):.2g} m at that distance: "
            "export it in double precision, or nearer to its origin"
        )
    return (x, y, z), said
