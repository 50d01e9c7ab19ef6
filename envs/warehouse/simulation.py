"""Vehicles in warehouses, N at a time: drives, touches and scans in batches, on the CPU or a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import warp as wp
from numpy.typing import NDArray

from robonav.envs.warehouse import kernels
from robonav.envs.warehouse.distance_grid import DistanceGrid
from robonav.envs.warehouse.kernels import DECISION_S
from robonav.envs.warehouse.layout import CELL_M
from robonav.envs.warehouse.vehicle import VehicleSpec, outline_points

__all__ = ["DECISION_S", "VehicleMotion", "WarehouseSimulation"]

_RING = 2  # blocked cells around every raster
_OUTSIDE = np.float32(-CELL_M / 2)


@dataclass(frozen=True, eq=False)
class VehicleMotion:
    """Motion of N vehicles in one decision of 0.1 s.

    Attributes:
        pose: (N, 3) float32 x, y, yaw; metres and radians.
        twist: (N, 2) float32 forward speed in m/s, and turn rate in rad/s or the steering angle in radians.
        touched: (N,) bool, something was touched; a body stops there.
        clearance: (N,) float32 metres between footprint and what is nearest, at most 2.
    """

    pose: NDArray[np.float32]
    twist: NDArray[np.float32]
    touched: NDArray[np.bool_]
    clearance: NDArray[np.float32]


class WarehouseSimulation:
    """N vehicles of one kind, each alone in one of S layouts.

    Commands come every 0.1 s and are integrated at 50 Hz, exactly along arcs. A vehicle that would touch
    something stays where it is and loses its speed.

    Args:
        grids: The layouts (S), made for this vehicle.
        vehicle: Its limits, outline and scanner.
        num_agents: N.
        max_movers: M, boxes that may move in each agent's hall.
        device: "cpu" or "cuda".

    Attributes:
        limits: Of the vehicle, for kernels.
    """

    def __init__(
        self,
        grids: Sequence[DistanceGrid],
        vehicle: VehicleSpec,
        num_agents: int,
        max_movers: int = 0,
        device: str = "cpu",
    ) -> None:
        self.grids, self.vehicle, self.num_agents, self._device = grids, vehicle, num_agents, device
        self._floor = self._packed(grids)
        self.limits = _limits(vehicle)
        self._traffic = kernels.Movers()
        self._traffic.pose = self._zeros((num_agents, max_movers), wp.vec3)
        self._traffic.half = self._zeros((num_agents, max_movers), wp.vec2)
        self._layout, self._loaded, self._touched, self._seen, self._noise = (
            self._zeros(num_agents, wp.int32) for _ in range(5)
        )
        self._action, self._pending, self._twist, self._goal = (
            self._zeros(num_agents, wp.vec2) for _ in range(4)
        )
        self._pose = self._zeros(num_agents, wp.vec3)
        self._clear = self._zeros(num_agents, wp.float32)
        self._ranges = self._zeros((num_agents, vehicle.scanner.rays), wp.float32)
        self._angles = wp.array(vehicle.scanner.angles(), dtype=wp.float32, device=device)

    @property
    def pose(self) -> NDArray[np.float32]:
        """(N, 3) x, y, yaw."""
        return self._pose.numpy().copy()

    @property
    def layouts(self) -> NDArray[np.int32]:
        """(N,) which of the layouts each agent is in."""
        return self._layout.numpy().copy()

    def place(
        self,
        agents: Sequence[int],
        layouts: Sequence[int],
        poses: NDArray[np.floating],
        loaded: Sequence[bool] | NDArray[np.bool_],
    ) -> None:
        """Put agents (K,) at rest at poses (K, 3) of layouts (K,)."""
        rows = list(agents)
        for array, values in (
            (self._pose, poses),
            (self._layout, layouts),
            (self._loaded, np.asarray(loaded, np.int32)),
            (self._twist, 0.0),
            (self._pending, self.standstill),
        ):
            self._assign(array, rows, values)

    @property
    def standstill(self) -> NDArray[np.float32]:
        """The action (2,) that asks for no motion."""
        fast, back = self.vehicle.max_speed, self.vehicle.max_reverse
        return np.array([2 * back / (fast + back) - 1, 0.0], np.float32)

    def move_traffic(self, poses: NDArray[np.floating], halves: NDArray[np.floating]) -> None:
        """Set the boxes (N, M): x, y, yaw (N, M, 3), half length and half width (N, M, 2); 0 = no box."""
        self._assign(self._traffic.pose, slice(None), poses)
        self._assign(self._traffic.half, slice(None), halves)

    def bodies(self) -> NDArray[np.float32]:
        """Points (N, P, 2) on the outlines of the agents, and their centres, world x, y."""
        pose, own = self._pose.numpy(), self._outlines[self._loaded.numpy()]
        c, s = np.cos(pose[:, 2, None]), np.sin(pose[:, 2, None])
        turned = np.stack([c * own[..., 0] - s * own[..., 1], s * own[..., 0] + c * own[..., 1]], -1)
        return np.asarray(turned + pose[:, None, :2])

    def drive(self, actions: NDArray[np.floating]) -> VehicleMotion:
        """Let all agents do their actions (N, 2) in [-1, 1] for 0.1 s: speed, and turn rate or steering."""
        self._assign(self._action, slice(None), actions)
        given = [self._floor, self.limits, self._traffic, self._layout, self._loaded, self._action]
        given += [self._pending, self._pose, self._twist, self._touched, self._clear]
        wp.launch(kernels.drive_kernel, self.num_agents, given, device=self._device)
        return self.motion()

    def motion(self) -> VehicleMotion:
        """The present state."""
        return VehicleMotion(
            self.pose,
            self._twist.numpy().copy(),
            self._touched.numpy() > 0,
            self._clear.numpy().copy(),
        )

    def clearance(self) -> NDArray[np.float32]:
        """Metres (N,) between footprint and what is nearest, at most 2; 0 or less is contact."""
        given = [self._floor, self._traffic, self._layout, self._loaded, self._pose, self._clear]
        wp.launch(kernels.clearance_kernel, self.num_agents, given, device=self._device)
        return self._clear.numpy().copy()

    def scan(self, noise_seeds: NDArray[np.int32]) -> NDArray[np.float32]:
        """Distances (N, R) that the scanners see, metres; `noise_seeds` (N,) decide their noise."""
        scanner = self.vehicle.scanner
        self._assign(self._noise, slice(None), noise_seeds)
        given = [self._floor, self._traffic, self._layout, self._pose, self._angles, scanner.x]
        given += [scanner.range_m, scanner.noise_m, scanner.dropout, self._noise, self._ranges]
        wp.launch(kernels.scan_kernel, (self.num_agents, scanner.rays), given, device=self._device)
        return self._ranges.numpy().copy()

    def sees(self, places: NDArray[np.floating], within_m: float) -> NDArray[np.bool_]:
        """Whether each agent (N,) sees its place (N, 2): near enough, and nothing static stands before it."""
        self._assign(self._goal, slice(None), places)
        given = [self._floor, self._layout, self._pose, self._goal, within_m, self._seen]
        wp.launch(kernels.sight_kernel, self.num_agents, given, device=self._device)
        return self._seen.numpy() > 0

    def _zeros(self, shape: int | tuple[int, ...], dtype: type) -> wp.array:
        return wp.zeros(shape, dtype=dtype, device=self._device)

    def _assign(self, array: wp.array, rows: slice | list[int], values: object) -> None:
        if array.device.is_cpu:
            array.numpy()[rows] = values
        else:
            known = array.numpy()
            known[rows] = values
            array.assign(known)

    def _packed(self, grids: Sequence[DistanceGrid]) -> kernels.Floor:
        floor, device = kernels.Floor(), self._device
        rasters = [*(grid.body for grid in grids), *(grid.loaded for grid in grids)]
        floor.body = wp.array(_stacked(rasters), dtype=wp.float32, device=device)
        floor.scan = wp.array(_stacked([grid.scan for grid in grids]), dtype=wp.float32, device=device)
        origins = np.array([grid.layout.origin for grid in grids], np.float32) - _RING * CELL_M
        floor.origin = wp.array(origins, dtype=wp.vec2, device=device)
        outlines = [outline_points(self.vehicle.outline), outline_points(self.vehicle.loaded_outline)]
        most = max(len(outline) for outline in outlines)
        padded = np.stack([np.resize(outline, (most, 2)) for outline in outlines])  # repeats points
        self._outlines = np.pad(padded, ((0, 0), (0, 1), (0, 0))).astype(np.float32)
        floor.outline = wp.array(padded.astype(np.float32), dtype=wp.vec2, device=device)
        radii = np.linalg.norm(padded, axis=-1).max(-1).astype(np.float32)
        floor.radius = wp.array(radii, dtype=wp.float32, device=device)
        return floor


def _stacked(rasters: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Rasters of any size in one array, each within a ring of blocked cells."""
    size = np.max([raster.shape for raster in rasters], axis=0) + 2 * _RING
    stacked = np.full((len(rasters), *size), _OUTSIDE, np.float32)
    for layer, raster in zip(stacked, rasters, strict=True):
        layer[_RING : _RING + raster.shape[0], _RING : _RING + raster.shape[1]] = raster
    return stacked


def _limits(vehicle: VehicleSpec) -> kernels.Limits:
    limits = kernels.Limits()
    is_tricycle = vehicle.drive == "tricycle"
    limits.tricycle = int(is_tricycle)
    limits.max_speed, limits.max_reverse = vehicle.max_speed, vehicle.max_reverse
    limits.max_side = vehicle.max_steering if is_tricycle else vehicle.max_turn
    limits.max_side_rate = vehicle.max_steering_rate if is_tricycle else vehicle.max_turn_acceleration
    limits.max_acceleration = vehicle.max_acceleration
    limits.wheelbase, limits.latency = vehicle.wheelbase_m, vehicle.latency_s
    limits.loaded_share = vehicle.mass_kg / (vehicle.mass_kg + vehicle.payload_kg)
    return limits
