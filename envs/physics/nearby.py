"""The triangles of a scene that moving shapes can reach soon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_AHEAD_M = 0.1  # around every shape
_AROUND_M = 1.0  # around all shapes together: a first choice that is made seldom

Boxes = NDArray[np.float64]


class Nearby:
    """Finds the triangles around shapes, and knows when to look again.

    Args:
        corners: Of all triangles, (N, 3, 3), metres.
    """

    def __init__(self, corners: NDArray[np.float64]) -> None:
        self._corners, self._low, self._high = corners, corners.min(axis=1), corners.max(axis=1)
        self._around = np.empty(0, np.int64)
        self._around_low, self._around_high = np.full(3, np.inf), np.full(3, -np.inf)
        self.forget()

    def forget(self) -> None:
        """Look again in any case."""
        self._seen_low = self._seen_high = np.empty((0, 3))

    def must_look(self, centres: Boxes, halves: Boxes) -> bool:
        """Whether a shape has left half of the space around it that was looked through.

        Args:
            centres: Of the boxes around the shapes, (G, 3).
            halves: Their half sizes, (G, 3).
        """
        if len(self._seen_low) != len(centres):
            return True
        return bool((centres - halves < self._seen_low).any() or (centres + halves > self._seen_high).any())

    def look(self, centres: Boxes, halves: Boxes) -> NDArray[np.float64]:
        """Corners (M, 3, 3) of the triangles within 0.1 m of the boxes, in the order of the scene."""
        low, high = centres - halves, centres + halves
        self._seen_low, self._seen_high = low - 0.5 * _AHEAD_M, high + 0.5 * _AHEAD_M
        low, high = low - _AHEAD_M, high + _AHEAD_M
        self._look_around(low.min(axis=0), high.max(axis=0))
        around = self._around
        near = around[_overlap(self._low[around], self._high[around], low.min(axis=0), high.max(axis=0))]
        touched = _overlap(self._low[near, None], self._high[near, None], low, high).any(axis=1)
        return self._corners[near[touched]]

    def _look_around(self, low: Boxes, high: Boxes) -> None:
        if (low < self._around_low).any() or (high > self._around_high).any():
            self._around_low, self._around_high = low - _AROUND_M, high + _AROUND_M
            self._around = np.flatnonzero(
                _overlap(self._low, self._high, self._around_low, self._around_high)
            )


def _overlap(low: Boxes, high: Boxes, other_low: Boxes, other_high: Boxes) -> NDArray[np.bool_]:
    return np.logical_and.reduce((low <= other_high) & (high >= other_low), axis=-1)
