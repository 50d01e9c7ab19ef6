"""The shortest ways of N vehicles to their goals: how much is left, and what lies ahead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from robonav.envs.warehouse.places import FreePlaces

PREVIEW = 5
"""Places of a way that a vehicle is told, a metre apart."""
_SPACING_M = 0.1
_SMOOTHED_CELLS = 5


def in_own_frame(pose: NDArray[np.floating], places: NDArray[np.floating]) -> NDArray[np.float64]:
    """Places (N, 2) or (N, K, 2) as seen from poses (N, 3), metres."""
    ahead = np.asarray(places, np.float64) - _along(pose[:, :2], places)
    c, s = (_along(f(pose[:, 2]), places[..., 0]) for f in (np.cos, np.sin))
    return np.stack([c * ahead[..., 0] + s * ahead[..., 1], c * ahead[..., 1] - s * ahead[..., 0]], -1)


def _along(values: NDArray[np.floating], like: NDArray[np.floating]) -> NDArray[np.floating]:
    """Values of agents repeated over the places of each."""
    return values[:, None] if like.ndim > values.ndim else values


def _smooth(way: NDArray[np.float64]) -> NDArray[np.float64]:
    """A way (K, 2) without the corners of its raster: the mean over half a metre, ends kept."""
    width = min(_SMOOTHED_CELLS, 2 * ((len(way) - 1) // 2) + 1)
    middle = uniform_filter1d(way, width, axis=0, mode="nearest")
    middle[[0, -1]] = way[[0, -1]]
    return np.asarray(middle)


class Routes:
    """One way for each of N agents; agents without one have nothing left of it.

    Args:
        num_agents: N.
    """

    def __init__(self, num_agents: int) -> None:
        self._ways = [np.zeros((1, 2))] * num_agents
        self._left = [np.zeros(1)] * num_agents

    def set(
        self, agent: int, places: FreePlaces, start: NDArray[np.floating], goal: NDArray[np.floating]
    ) -> None:
        """Find the way of an agent, at points 0.1 m apart."""
        cells = _smooth(places.way(start.tolist(), goal.tolist()))
        gone = np.concatenate([[0.0], np.hypot(*np.diff(cells, axis=0).T).cumsum()])
        at = np.linspace(0, gone[-1], max(2, round(gone[-1] / _SPACING_M) + 1))
        self._ways[agent] = np.column_stack([np.interp(at, gone, side) for side in cells.T])
        self._left[agent] = gone[-1] - at

    def left(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Metres (N,) that are left from positions (N, 2): to the way's nearest point, and along the rest."""
        left = np.zeros(len(xy))
        for agent, place in enumerate(xy):
            away = np.hypot(*(self._ways[agent] - place).T)
            near = int(np.argmin(away))
            left[agent] = away[near] + self._left[agent][near]
        return left

    def ahead(self, xy: NDArray[np.floating], metres: NDArray[np.floating]) -> NDArray[np.float64]:
        """The places (N, 2) of ways that lie so many metres (N,) beyond the nearest point to xy (N, 2)."""
        found = np.zeros((len(xy), 2))
        for agent, (place, far) in enumerate(zip(xy, metres, strict=True)):
            way = self._ways[agent]
            near = int(np.argmin(np.hypot(*(way - place).T)))
            found[agent] = way[min(near + round(float(far) / _SPACING_M), len(way) - 1)]
        return found

    def preview(self, pose: NDArray[np.floating]) -> NDArray[np.float32]:
        """The next places of each way (N, 2 PREVIEW), a metre apart, / PREVIEW m, in the vehicle's frame."""
        ahead = np.zeros((len(pose), PREVIEW, 2))
        for agent, place in enumerate(pose[:, :2]):
            way = self._ways[agent]
            near = int(np.argmin(np.hypot(*(way - place).T)))
            rows = near + np.arange(1, PREVIEW + 1) * round(1 / _SPACING_M)
            ahead[agent] = way[np.minimum(rows, len(way) - 1)]
        return (in_own_frame(pose, ahead) / PREVIEW).clip(-1, 1).reshape(len(pose), -1).astype(np.float32)
