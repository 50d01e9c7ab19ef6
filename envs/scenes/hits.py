"""Hits that a ray caster returns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Hits(NamedTuple):
    """The first triangle on each of N rays.

    Attributes:
        distance: (N,) float32, in lengths of the ray's direction; inf = no hit.
        triangle: (N,) int32 index of the triangle; -1 = no hit.
        u: (N,) float32 barycentric weight of the triangle's second corner.
        v: (N,) float32 that of its third corner.
    """

    distance: NDArray[np.float32]
    triangle: NDArray[np.int32]
    u: NDArray[np.float32]
    v: NDArray[np.float32]
