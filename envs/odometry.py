"""Dead reckoning: where agents believe they are, by what their wheels rolled and their gyro turned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_DRIFT = 0.2


def dead_reckoned(
    pose: NDArray[np.floating], length: NDArray[np.floating] | float, turn: NDArray[np.floating] | float
) -> NDArray[np.float64]:
    """Poses (..., 3) of x, y, yaw after a way that is gone along a turn, at the turn's mean heading.

    Exact where only one of both happens; else the error is of third order in the turn (Siegwart et al. 2011,
    chapter 5).

    Args:
        pose: (..., 3) metres and radians.
        length: (...) metres along the ground.
        turn: (...) radians.
    """
    middle = pose[..., 2] + 0.5 * turn
    x, y = pose[..., 0] + length * np.cos(middle), pose[..., 1] + length * np.sin(middle)
    return np.stack([x, y, pose[..., 2] + turn], axis=-1)


class Odometer:
    """Dead reckoning of N agents since their start, from wheel encoders and a gyro.

    At a drift of 0 it is what counting one's own steps gives. Else each length and each turn is told too
    long or too short by a share that is normal with standard deviation `drift` and drawn once an episode, and
    the heading wanders by `drift / 2` radians in the first metre, as a random walk: after 12 m straight on
    that alone puts the robot aside by `drift` of its way.

    Args:
        num_agents: N.
        drift: Standard deviation of the errors, 0 to 0.2.

    Attributes:
        pose: (N, 3) float64 x, y in metres and yaw in radians, in the frame of the start.
        way: (N,) float64 metres gone, as told.
    """

    def __init__(self, num_agents: int, drift: float = 0.0) -> None:
        if not 0 <= drift <= MAX_DRIFT:
            raise ValueError(f"drift is {drift}: give a share of the way, 0 to {MAX_DRIFT}")
        self.drift = drift
        self.pose, self.way = np.zeros((num_agents, 3)), np.zeros(num_agents)
        self._true = np.zeros((num_agents, 3))
        self._gain = np.ones((num_agents, 2))  # of lengths and of turns
        self._rngs = [np.random.default_rng(0)] * num_agents

    @property
    def sigma_m(self) -> NDArray[np.float64]:
        """Standard deviation of the position (N,) in metres, as the robot's data sheet says."""
        return self.drift * self.way

    def begin(self, agent: int, start: tuple[float, float, float], rng: np.random.Generator) -> None:
        """An agent stands at the start (x, y, yaw) of an episode; `rng` decides its errors."""
        self.pose[agent], self.way[agent], self._true[agent] = 0.0, 0.0, start
        self._gain[agent] = 1.0 + self.drift * rng.standard_normal(2)
        self._rngs[agent] = rng

    def update(self, xy: NDArray[np.floating], yaw: NDArray[np.floating]) -> None:
        """Add what the wheels rolled and the gyro turned up to true positions (N, 2) and headings (N,)."""
        rolled = np.linalg.norm(xy - self._true[:, :2], axis=1)
        rolled[rolled < 1e-4] = 0.0  # single precision
        turned = (np.asarray(yaw) - self._true[:, 2] + np.pi) % (2 * np.pi) - np.pi
        self._true[:, :2], self._true[:, 2] = xy, yaw
        length = self._gain[:, 0] * rolled
        walk = [
            0.5 * self.drift * np.sqrt(m) * r.standard_normal()
            for m, r in zip(rolled, self._rngs, strict=True)
        ]
        headed = dead_reckoned(self.pose, 0.0, self._gain[:, 1] * turned + np.array(walk))
        self.pose = dead_reckoned(headed, length, 0.0)  # agents turn first, or do one of both
        self.way += length


def in_frame_of(
    start: tuple[float, float, float] | NDArray[np.floating], xy: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Positions (..., 2) as seen from a pose (x, y, yaw)."""
    c, s = np.cos(start[2]), np.sin(start[2])
    return (np.asarray(xy, np.float64) - start[:2]) @ np.array([[c, -s], [s, c]])
