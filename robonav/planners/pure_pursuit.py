"""Regulated pure pursuit (Macenski et al. 2023) along a way on a known map: the planner of AGVs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.warehouse.routes import Routes, in_own_frame
from robonav.envs.warehouse.world import WarehouseWorld
from robonav.envs.world import Frames, Observation


@dataclass(frozen=True)
class PurePursuitConfig:
    """Settings; lengths in metres, seconds, radians."""

    look_ahead_s: float = 1.0
    """Time of travel after which the followed point lies ahead."""
    look_ahead_m: tuple[float, float] = (0.4, 1.0)
    """Least and largest distance of that point."""
    least_radius_m: float = 0.9
    """Curves narrower than this slow the vehicle down."""
    least_speed: float = 0.15
    """Metres per second in curves and near the goal."""
    turn_on_spot: float = 0.8
    """Angle to the followed point from which a differential drive turns on the spot, radians."""
    brake_m: float = 0.8
    """Distance to the goal from which it brakes."""


class PurePursuit:
    """Drives vehicles along short ways that it plans once, on the true map and with the true pose.

    Args:
        world: The world whose map and goals it is told.
        config: Settings.
    """

    def __init__(self, world: WarehouseWorld, config: PurePursuitConfig | None = None) -> None:
        self._world, self.config = world, config or PurePursuitConfig()
        self._routes = Routes(world.num_agents)
        self._planned = np.full((world.num_agents, 2), np.nan)
        self._episodes = [""] * world.num_agents

    def act(self, observation: Observation, frames: Frames) -> NDArray[np.float32]:
        """Actions (N, 2): speed, and turn rate or steering, as shares of the limits."""
        self._plan(frames)
        pose = np.column_stack([frames.position[:, :2], frames.yaw])
        speed = self._world.motion.twist[:, 0]
        reach = np.clip(speed * self.config.look_ahead_s, *self.config.look_ahead_m)
        ahead = in_own_frame(pose, self._routes.ahead(pose[:, :2], reach))
        distance = np.maximum(np.linalg.norm(ahead, axis=1), 1e-3)
        curvature = 2 * ahead[:, 1] / distance**2
        bearing = np.arctan2(ahead[:, 1], ahead[:, 0])
        wanted = self._speed(curvature, self._routes.left(pose[:, :2]))
        return self._as_actions(wanted, curvature, bearing)

    def _plan(self, frames: Frames) -> None:
        """Plan the ways of vehicles whose episode or goal is another."""
        world = self._world
        names = [episode.episode_id for episode in world.episodes]
        moved = (self._planned != world.goals.xy).any(axis=1)
        layouts = world.simulation.layouts
        for row in range(world.num_agents):
            if moved[row] or names[row] != self._episodes[row]:
                places = world.places[layouts[row]]
                self._routes.set(row, places, frames.position[row, :2], world.goals.xy[row])
        self._planned, self._episodes = world.goals.xy.copy(), names

    def _speed(self, curvature: NDArray[Any], left: NDArray[Any]) -> NDArray[Any]:
        config, fastest = self.config, self._world.vehicle.max_speed
        radius = 1 / np.maximum(np.abs(curvature), 1e-6)
        in_curve = fastest * np.minimum(1, radius / config.least_radius_m)
        near_goal = fastest * np.minimum(1, left / config.brake_m)
        return np.maximum(np.minimum(in_curve, near_goal), config.least_speed)

    def _as_actions(
        self, speed: NDArray[Any], curvature: NDArray[Any], bearing: NDArray[Any]
    ) -> NDArray[Any]:
        vehicle = self._world.vehicle
        if vehicle.drive == "tricycle":
            side = np.arctan(curvature * vehicle.wheelbase_m) / vehicle.max_steering
        else:
            on_spot = np.abs(bearing) > self.config.turn_on_spot
            speed = np.where(on_spot, 0.0, speed)
            side = np.where(on_spot, np.sign(bearing) * 0.6, speed * curvature / vehicle.max_turn)
        ahead = 2 * (speed + vehicle.max_reverse) / (vehicle.max_speed + vehicle.max_reverse) - 1
        return np.column_stack([ahead, side]).clip(-1, 1).astype(np.float32)
