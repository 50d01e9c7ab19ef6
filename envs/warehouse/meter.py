"""Meter of a vehicle's trip: arrival, time, contacts, clearance, smoothness, energy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.warehouse.simulation import DECISION_S
from robonav.envs.warehouse.world import WarehouseWorld

_STILL_M_S = 0.05  # below it a vehicle counts as standing
_ROLLING = 0.02  # coefficient of rolling resistance of industrial wheels on concrete
_GRAVITY = 9.81


class WarehouseMeter:
    """Measures the N vehicles of a world from the start of their episodes on.

    Args:
        world: Just started with the episodes.
    """

    def __init__(self, world: WarehouseWorld) -> None:
        self._world = world
        number = world.num_agents
        self._starts = world.motion.pose[:, :2].astype(float)
        self._goals = world.goals.xy.copy()
        self._layouts = world.simulation.layouts
        self._paths: list[list[NDArray[np.float32]]] = [[pose] for pose in world.motion.pose]
        self._speed = world.motion.twist[:, 0].astype(float)
        self._acceleration = np.zeros(number)
        self._arrived = np.zeros(number, bool)
        self._steps = np.zeros(number, np.int64)
        self._still, self._jerk, self._joules, self._metres = (np.zeros(number) for _ in range(4))
        self._clearance = np.full(number, np.inf)
        self._contacts = np.zeros(number, np.int64)

    def observe(self, actions: NDArray[Any], going: NDArray[np.bool_]) -> None:
        """Take in a decision of the vehicles in `going` (N,)."""
        motion, vehicle = self._world.motion, self._world.vehicle
        speed = motion.twist[:, 0].astype(float)
        acceleration = (speed - self._speed) / DECISION_S
        mass = vehicle.mass_kg + vehicle.payload_kg * self._world.loaded
        force = mass * (acceleration + _ROLLING * _GRAVITY * (np.abs(speed) > _STILL_M_S))
        joules = (np.maximum(force * speed, 0) + vehicle.idle_w) * DECISION_S  # braking gives nothing back
        jerk = ((acceleration - self._acceleration) / DECISION_S) ** 2
        still = np.abs(speed) < _STILL_M_S
        moved = np.linalg.norm(self._world.outcome.motion[:, :2], axis=1)
        sums = (self._steps, self._still, self._jerk, self._joules, self._metres)
        for total, value in zip(sums, (1, still, jerk, joules, moved), strict=True):
            total += np.where(going, value, 0).astype(total.dtype)
        self._clearance = np.where(going, np.minimum(self._clearance, motion.clearance), self._clearance)
        self._contacts = np.where(going, self._world.goals.contacts, self._contacts)
        self._arrived |= going & self._world.goals.arrived
        self._speed, self._acceleration = speed, acceleration
        for agent in np.flatnonzero(going):
            self._paths[agent].append(motion.pose[agent])

    def record(self, agent: int) -> dict[str, Any]:
        """Scores of a vehicle's trip; SPL after Anderson et al. 2018."""
        steps, metres = int(self._steps[agent]), float(self._metres[agent])
        places = self._world.places[self._layouts[agent]]
        shortest = places.length(self._starts[agent].tolist(), self._goals[agent].tolist())
        arrived = bool(self._arrived[agent])
        return {
            "success": float(arrived),
            "spl": round(arrived * shortest / max(shortest, metres, 1e-6), 4),
            "time_s": round(steps * DECISION_S, 1),
            "shortest_m": round(shortest, 3),
            "driven_m": round(metres, 3),
            "contacts": int(self._contacts[agent]),
            "contacts_per_100_m": round(100 * int(self._contacts[agent]) / max(metres, 1.0), 4),
            "least_clearance_m": round(float(self._clearance[agent]), 4),
            "idle_share": round(float(self._still[agent]) / max(steps, 1), 4),
            "jerk_rms_m_s3": round(float(np.sqrt(self._jerk[agent] / max(steps, 1))), 4),
            "energy_wh_per_km": round(float(self._joules[agent]) / 3.6 / max(metres, 1.0), 3),
        }

    def draw(self, agent: int, path: Path) -> None:
        """Write a picture of the hall with the vehicle's trip, start, goal and outline every two seconds."""
        from matplotlib.figure import Figure

        grid = self._world.places[self._layouts[agent]].grid
        (x0, y0), (width, height) = grid.layout.origin, grid.layout.size
        figure = Figure(figsize=(8, max(2.0, 8 * height / width)), layout="constrained")
        axes = figure.add_subplot()
        extent = (x0, x0 + width, y0, y0 + height)
        axes.imshow((grid.body > 0).T, origin="lower", extent=extent, cmap="gray", vmin=-0.4, vmax=1)
        trip = np.array(self._paths[agent])
        axes.plot(trip[:, 0], trip[:, 1], color="tab:blue")
        corners = np.vstack([self._world.vehicle.outline, self._world.vehicle.outline[:1]])
        for x, y, yaw in trip[:: round(2 / DECISION_S)]:
            c, s = np.cos(yaw), np.sin(yaw)
            axes.plot(*(corners @ np.array([[c, s], [-s, c]]) + (x, y)).T, color="tab:blue", alpha=0.4)
        axes.plot(*self._starts[agent], "o", color="tab:green")
        axes.plot(*self._goals[agent], "*", color="tab:red", markersize=14)
        axes.set_xlabel("x, m")
        axes.set_ylabel("y, m")
        axes.set_aspect("equal")
        figure.savefig(path, dpi=80)
