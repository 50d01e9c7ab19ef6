"""Occupancy grids and topological maps of agents whose depth and pose are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Frames
from robonav.maps.occupancy import PATCH_DIMENSIONS, OccupancyGrid
from robonav.maps.topology.mapper import TopologicalMap, TopologyConfig

_MIN_FRONTIER_M, _FRONTIER_M = 0.4, 2.0  # shorter ones are gaps between rays, longer ones several sub-goals


class AgentMaps:
    """Maps of N agents from true depth and pose, for rewards and exports.

    Args:
        num_envs: N.
        camera: The camera of the frames.
        topology: Thresholds of the topological map.
        cell_size: Edge of a cell of the occupancy grids, metres.
        stride: Step between the used rows and columns of the depth images.

    Attributes:
        topology: The topological maps; a place's embedding is the occupancy around it.
    """

    def __init__(
        self, num_envs: int, camera: Camera, topology: TopologyConfig, cell_size: float, stride: int
    ) -> None:
        self.topology = TopologicalMap(num_envs, PATCH_DIMENSIONS, topology)
        self._grids: list[OccupancyGrid | None] = [None] * num_envs
        self._cell_size, self._stride = cell_size, stride
        self._rays = camera.directions()[::stride, ::stride]

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Empty the maps of these environments (default: all)."""
        self.topology.reset(env_ids)
        for env in range(len(self._grids)) if env_ids is None else env_ids:
            self._grids[env] = None

    def grid(self, env: int) -> OccupancyGrid:
        """The occupancy grid of an agent that has seen a frame."""
        grid = self._grids[env]
        if grid is None:
            raise RuntimeError(f"agent {env} has seen no frame yet: call update() first")
        return grid

    def update(self, frames: Frames) -> None:
        """Integrate the frames of all agents."""
        xy = frames.position[:, :2].astype(np.float64)
        for env, grid in enumerate(self._grids):
            if grid is None:
                grid = OccupancyGrid(xy[env], float(frames.position[env, 2]), self._cell_size)
                self._grids[env] = grid
            depth = frames.depth[env, :: self._stride, :: self._stride]
            yaw, bumped = float(frames.yaw[env]), bool(frames.collided[env])
            grid.observe(depth, frames.T_world_camera[env], self._rays, xy[env], yaw, bumped)
        patches = np.stack([self.grid(env).patch(position) for env, position in enumerate(xy)])
        self.topology.observe(xy, patches)

    def see_frontiers(self, env: int) -> None:
        """Renew an agent's frontier nodes."""
        grid = self.grid(env)
        least = max(3, round(_MIN_FRONTIER_M / grid.cell_size))
        found = grid.frontiers(least, _FRONTIER_M)
        centres = grid.centre(np.array([frontier.centre for frontier in found]).reshape(-1, 2))
        sizes = np.array([len(frontier.cells) for frontier in found], np.int64)
        self.topology.mappers[env].see_frontiers(centres, sizes)
