"""The map that a robot draws itself while it drives: measured depth at the places that its odometry tells."""

from __future__ import annotations

import numpy as np

from robonav.driving.driver import Moment, Watcher
from robonav.envs.robots.messages import MAP_FREE, MAP_OCCUPIED, MAP_UNKNOWN, Message, occupancy_grid
from robonav.envs.robots.robot import Odometry
from robonav.envs.sensors.camera import Camera
from robonav.maps.occupancy import FREE, OCCUPIED, UNKNOWN, OccupancyGrid

_ROS_VALUES = np.zeros(3, dtype=np.int8)
_ROS_VALUES[[UNKNOWN, FREE, OCCUPIED]] = MAP_UNKNOWN, MAP_FREE, MAP_OCCUPIED


class RobotMap(Watcher):
    """An occupancy grid in the frame of the odometry, whose floor is at height 0.

    Args:
        camera: Takes the frames; it is assumed to be upright.
        start: Where the odometry begins.
    """

    def __init__(self, camera: Camera, start: Odometry) -> None:
        self._camera, self._directions = camera, camera.directions()
        self.grid = OccupancyGrid(np.array([start.x, start.y]), floor_z=0.0, cell_size=0.05)

    def tick(self, moment: Moment) -> None:
        """Add the frame, if one has come."""
        if moment.frame is None or not moment.is_new or not moment.frame.depth.any():
            return
        here = moment.odometry
        xy = np.array([here.x, here.y])
        pose = self._camera.poses(np.array([[*xy, 0.0]]), np.array([here.yaw]))[0]
        self.grid.observe(moment.frame.depth, pose, self._directions, xy)

    def message(self, stamp_s: float) -> Message:
        """What is known of the map so far, as nav_msgs/OccupancyGrid."""
        known = np.argwhere(self.grid.cells != UNKNOWN)
        low, high = (known.min(axis=0), known.max(axis=0) + 1) if len(known) else (np.zeros(2, int),) * 2
        values = _ROS_VALUES[self.grid.cells[low[0] : high[0], low[1] : high[1]]]
        origin = self.grid.origin_xy + low * self.grid.cell_size
        return occupancy_grid(stamp_s, values, origin, self.grid.cell_size)
