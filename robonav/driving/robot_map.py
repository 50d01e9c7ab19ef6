"""A robot's own map: measured depth, integrated at the poses of its odometry."""

from __future__ import annotations

import numpy as np

from robonav.driving.driver import DriveObserver, RobotState
from robonav.envs.robots.messages import MAP_FREE, MAP_OCCUPIED, MAP_UNKNOWN, Message, occupancy_grid
from robonav.envs.robots.robot import Odometry
from robonav.envs.sensors.camera import Camera
from robonav.maps.occupancy import FREE, OCCUPIED, UNKNOWN, OccupancyGrid

_ROS_VALUES = np.zeros(3, dtype=np.int8)
_ROS_VALUES[[UNKNOWN, FREE, OCCUPIED]] = MAP_UNKNOWN, MAP_FREE, MAP_OCCUPIED


class RobotMap(DriveObserver):
    """An occupancy grid in the frame of the odometry, whose floor is at height 0.

    Args:
        camera: Camera of the frames, assumed to be upright.
        start: First pose of the odometry.
    """

    def __init__(self, camera: Camera, start: Odometry) -> None:
        self._camera, self._directions = camera, camera.directions()
        self.grid = OccupancyGrid(np.array([start.x, start.y]), floor_z=0.0, cell_size=0.05)

    def tick(self, state: RobotState) -> None:
        """Integrate the frame, if a new one has come."""
        if state.frame is None or not state.is_new or not state.frame.depth.any():
            return
        here = state.odometry
        xy = np.array([here.x, here.y])
        pose = self._camera.poses(np.array([[*xy, 0.0]]), np.array([here.yaw]))[0]
        self.grid.observe(state.frame.depth, pose, self._directions, xy)

    def message(self, stamp_s: float) -> Message:
        """The known part of the map as nav_msgs/OccupancyGrid."""
        known = np.argwhere(self.grid.cells != UNKNOWN)
        low, high = (known.min(axis=0), known.max(axis=0) + 1) if len(known) else (np.zeros(2, int),) * 2
        values = _ROS_VALUES[self.grid.cells[low[0] : high[0], low[1] : high[1]]]
        origin = self.grid.origin_xy + low * self.grid.cell_size
        return occupancy_grid(stamp_s, values, origin, self.grid.cell_size)
