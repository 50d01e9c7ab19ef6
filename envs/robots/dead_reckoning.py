"""Odometry that drifts: distance from the wheels' encoders, heading from a gyro."""

from __future__ import annotations

import numpy as np

from robonav.envs.odometry import dead_reckoned
from robonav.envs.robots.robot import Odometry, Twist
from robonav.envs.robots.spec import Noise


class DeadReckoning:
    """Integrates what encoders and gyro tell, and what they get wrong.

    Args:
        start: x, y, yaw at which it begins, metres and radians.
        noise: Errors of encoders and gyro.
        rng: Where they are drawn from.
    """

    def __init__(self, start: tuple[float, float, float], noise: Noise, rng: np.random.Generator) -> None:
        self._pose = np.array(start)
        self._noise, self._rng = noise, rng
        self._gain = 1.0 + noise.odometer_gain * rng.standard_normal()
        self._bias = noise.gyro_bias_rad_s * rng.standard_normal()
        self.latest = Odometry(0.0, *start)

    def update(self, stamp_s: float, rolled_m: float, turned_rad: float) -> None:
        """Add what happened since the last update.

        Args:
            stamp_s: Now.
            rolled_m: Mean way of the wheels along the ground, metres.
            turned_rad: True change of heading, radians.
        """
        period = stamp_s - self.latest.stamp_s
        way = self._gain * rolled_m
        walk = self._noise.gyro_rad_sqrt_s * np.sqrt(period) * self._rng.standard_normal()
        turn = turned_rad + self._bias * period + float(walk)
        self._pose = dead_reckoned(self._pose, way, turn)
        x, y, yaw = self._pose.tolist()
        self.latest = Odometry(stamp_s, x, y, yaw, Twist(way / period, turn / period))
