"""Regulated pure pursuit (Macenski et al. 2023) along a planned path, forward and backward."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.warehouse.vehicle import VehicleSpec
from robonav.planners.hybrid_astar import PlannedPath


@dataclass(frozen=True)
class PathTrackingConfig:
    """Settings; lengths in metres, seconds, radians."""

    look_ahead_s: float = 0.6
    """Time of travel after which the followed point lies ahead."""
    look_ahead_m: tuple[float, float] = (0.25, 1.0)
    """Least and largest distance of that point."""
    least_radius_m: float = 0.9
    """Curves narrower than this slow the vehicle down."""
    turn_share: float = 0.7
    """Share of the largest turn rate that curves may need."""
    near_m: float = 0.3
    """Clearance below which it slows down."""
    lag_turn: float = 0.1
    """Error of heading that may come from how slowly steering or turn rate follow a change of curvature."""
    slowest: float = 0.1
    """Metres per second that it keeps in curves, near obstacles and at ends."""
    braking_share: float = 0.6
    """Share of the largest deceleration with which it brakes."""
    steering_lag: float = 0.3
    """Angle between a tricycle's wheel and where it should be at which the vehicle waits for it."""
    aside_m: float = 0.3
    """Distance from the path at which it is lost."""
    done_m: float = 0.03
    """Distance to a pose where the gear changes at which it is reached."""
    done_turn: float = 0.05
    """The same for a turn on the spot."""


@dataclass(frozen=True)
class WheelCommand:
    """Speed in m/s, and turn rate in rad/s or a tricycle's steering angle in radians."""

    speed: float
    side: float


@dataclass(frozen=True, eq=False)
class _Stretch:
    """Poses (K, 3) in one gear, metres (K,) along them, and the speeds (K,) that their curves allow."""

    poses: NDArray[np.float64]
    gear: int
    gone: NDArray[np.float64]
    speeds: NDArray[np.float64]


class PathTracker:
    """Follows one path.

    Args:
        path: Where to.
        vehicle: Whose limits count.
        loaded: Whether it has a load, which takes acceleration.
        config: Settings.
    """

    def __init__(
        self,
        path: PlannedPath,
        vehicle: VehicleSpec,
        loaded: bool = False,
        config: PathTrackingConfig | None = None,
    ) -> None:
        self.path, self._vehicle, self.config = path, vehicle, config or PathTrackingConfig()
        share = vehicle.mass_kg / (vehicle.mass_kg + vehicle.payload_kg) if loaded else 1.0
        self._brake = self.config.braking_share * vehicle.max_acceleration * share
        self._stretches = [self._stretch(*part) for part in _parts(path)]
        self._now, self._near = 0, 0
        self.aside = 0.0

    @property
    def is_done(self) -> bool:
        """Whether the end was reached."""
        return self._now >= len(self._stretches)

    @property
    def is_lost(self) -> bool:
        """Whether the vehicle is too far from the path to come back to it."""
        return self.aside > self.config.aside_m

    def command(
        self, pose: NDArray[np.floating], twist: NDArray[np.floating], clearance: float
    ) -> WheelCommand:
        """The next command, from a pose (3,), a twist (2,) as in `VehicleMotion`, and metres of clearance."""
        while not self.is_done and self._is_over(self._stretches[self._now], pose):
            self._now, self._near = self._now + 1, 0
        if self.is_done:
            return WheelCommand(0.0, 0.0)
        stretch = self._stretches[self._now]
        if stretch.gear == 0:
            return self._turn(_wrapped(float(stretch.poses[-1, 2] - pose[2])))
        return self._follow(stretch, pose, twist, clearance)

    def judge(
        self, poses: NDArray[np.floating]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """How poses (K, 3) lie to the stretch that is driven now.

        Returns:
            Metres (K,) aside, angles (K,) off, and metres (K,) or radians that are left of the stretch.
        """
        stretch = self._stretches[self._now]
        away = np.linalg.norm(poses[:, None, :2] - stretch.poses[None, self._near :, :2], axis=2)
        nearest = self._near + away.argmin(axis=1)
        if stretch.gear == 0:
            return (
                away.min(axis=1),
                np.zeros(len(poses)),
                np.abs(_wrapped(poses[:, 2] - stretch.poses[-1, 2])),
            )
        at = stretch.poses[nearest]
        c, s, (dx, dy) = np.cos(at[:, 2]), np.sin(at[:, 2]), (poses[:, :2] - at[:, :2]).T
        left = stretch.gone[-1] - stretch.gone[nearest] - stretch.gear * (c * dx + s * dy)
        return np.abs(c * dy - s * dx), np.abs(_wrapped(poses[:, 2] - at[:, 2])), left

    def _is_over(self, stretch: _Stretch, pose: NDArray[np.floating]) -> bool:
        end = stretch.poses[-1]
        if stretch.gear == 0:
            return abs(_wrapped(float(end[2] - pose[2]))) < self.config.done_turn
        self._near = self._nearest(stretch, pose)
        return self._near >= len(stretch.gone) - 2 and self._beyond(stretch, pose) < self.config.done_m

    def _nearest(self, stretch: _Stretch, pose: NDArray[np.floating]) -> int:
        """Index of the nearest pose within the next metre, never one that was passed."""
        last = int(np.searchsorted(stretch.gone, stretch.gone[self._near] + self.config.look_ahead_m[1]))
        away = np.hypot(*(stretch.poses[self._near : last + 1, :2] - pose[:2]).T)
        nearest = int(np.argmin(away))
        self.aside = float(away[nearest])
        return self._near + nearest

    @staticmethod
    def _beyond(stretch: _Stretch, pose: NDArray[np.floating]) -> float:
        """Metres to the end along its direction; negative behind it."""
        x, y, yaw = stretch.poses[-1]
        return stretch.gear * float((x - pose[0]) * math.cos(yaw) + (y - pose[1]) * math.sin(yaw))

    def _turn(self, angle: float) -> WheelCommand:
        vehicle, share = self._vehicle, self.config.braking_share
        rate = min(0.8 * vehicle.max_turn, math.sqrt(2 * share * vehicle.max_turn_acceleration * abs(angle)))
        rate = min(rate, abs(angle) / max(vehicle.latency_s + 0.1, 0.1))
        return WheelCommand(0.0, math.copysign(rate, angle))

    def _follow(
        self,
        stretch: _Stretch,
        pose: NDArray[np.floating],
        twist: NDArray[np.floating],
        clearance: float,
    ) -> WheelCommand:
        speed = abs(float(twist[0]))
        reach = float(np.clip(speed * self.config.look_ahead_s, *self.config.look_ahead_m))
        curvature = self._curvature(stretch, pose, reach)
        wanted = self._regulated(stretch, pose, curvature, speed, clearance)
        if self._vehicle.drive == "tricycle":
            most = self._vehicle.max_steering
            side = float(np.clip(math.atan(curvature * self._vehicle.wheelbase_m), -most, most))
            wanted *= max(0.0, 1 - abs(side - float(twist[1])) / self.config.steering_lag)
            return WheelCommand(stretch.gear * wanted, side)
        return WheelCommand(stretch.gear * wanted, stretch.gear * wanted * curvature)

    def _curvature(self, stretch: _Stretch, pose: NDArray[np.floating], reach: float) -> float:
        """Curvature (1/m) of the arc to the followed point; beyond the end it lies straight on."""
        at = stretch.gone[self._near] + reach
        index = min(int(np.searchsorted(stretch.gone, at)), len(stretch.gone) - 1)
        x, y, yaw = stretch.poses[index]
        over = stretch.gear * max(0.0, float(at - stretch.gone[-1]))
        ahead_x, ahead_y = x + over * math.cos(yaw) - pose[0], y + over * math.sin(yaw) - pose[1]
        c, s = math.cos(pose[2]), math.sin(pose[2])
        aside, square = c * ahead_y - s * ahead_x, ahead_x**2 + ahead_y**2
        return float(2 * aside / max(square, 1e-4))

    def _regulated(
        self,
        stretch: _Stretch,
        pose: NDArray[np.floating],
        curvature: float,
        speed: float,
        clearance: float,
    ) -> float:
        """Metres per second: less in curves, near obstacles and before the end."""
        config, vehicle = self.config, self._vehicle
        fastest = vehicle.max_speed if stretch.gear > 0 else vehicle.max_reverse
        delay = speed * (vehicle.latency_s + 0.1)
        ahead = stretch.gone[self._near :] - stretch.gone[self._near]
        until = np.maximum(ahead - delay, 0)
        curves = float(np.sqrt(stretch.speeds[self._near :] ** 2 + 2 * self._brake * until).min())
        left = float(ahead[-1] if len(ahead) > 2 else self._beyond(stretch, pose))
        end = math.sqrt(2 * self._brake * max(0.0, left - delay))
        here = float(self._in_curve(np.array([curvature]))[0])
        near = fastest * max(0.0, clearance) / config.near_m
        return min(fastest, max(config.slowest, min(curves, here, end, near)))

    def _in_curve(self, curvature: NDArray[np.float64]) -> NDArray[np.float64]:
        """Speeds (K,) that curvatures (K,) allow."""
        config, vehicle = self.config, self._vehicle
        radius = 1 / np.maximum(np.abs(curvature), 1e-6)
        speeds = vehicle.max_speed * np.minimum(1, radius / config.least_radius_m)
        is_tricycle = vehicle.drive == "tricycle"
        return speeds if is_tricycle else np.minimum(speeds, config.turn_share * vehicle.max_turn * radius)

    def _at_changes(self, curvature: NDArray[np.float64]) -> NDArray[np.float64]:
        """Speeds (K,) at which changes of curvature (K,) from pose to pose cost no more than `lag_turn`."""
        vehicle, most = self._vehicle, 2 * self.config.lag_turn
        change = np.maximum(np.abs(np.diff(curvature, append=curvature[-1:])), 1e-6)
        if vehicle.drive == "differential":
            return np.asarray(math.sqrt(most * vehicle.max_turn_acceleration) / change)
        steering = np.arctan(curvature * vehicle.wheelbase_m)
        turned = np.maximum(np.abs(np.diff(steering, append=steering[-1:])), 1e-6)
        return most * vehicle.max_steering_rate / (change * turned)

    def _stretch(self, poses: NDArray[np.float64], gear: int) -> _Stretch:
        metres = np.hypot(*np.diff(poses[:, :2], axis=0).T)
        turned = np.diff(np.unwrap(poses[:, 2]))
        curvature = turned / np.maximum(metres, 1e-6) if gear else np.zeros(len(metres))
        curvature = np.append(curvature, curvature[-1:])
        speeds = np.minimum(self._in_curve(curvature), self._at_changes(curvature))
        return _Stretch(poses, gear, np.concatenate([[0.0], metres.cumsum()]), speeds)


def _parts(path: PlannedPath) -> list[tuple[NDArray[np.float64], int]]:
    """Poses and gears of a path, cut where the gear changes."""
    cuts = [0, *(np.flatnonzero(np.diff(path.gear[1:])) + 1).tolist(), len(path.poses) - 1]
    return [
        (path.poses[first : last + 1], int(path.gear[last])) for first, last in pairwise(cuts) if last > first
    ]


def _wrapped(angle: Any) -> Any:
    return (angle + math.pi) % (2 * math.pi) - math.pi
