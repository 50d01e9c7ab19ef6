"""Maps of one robot from a depth camera and odometry: occupancy, places, and paths on them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robonav.envs.navigation.steps import FORWARD_M, TURN_RAD
from robonav.envs.sensors.camera import Camera
from robonav.maps.occupancy import OCCUPIED, PATCH_DIMENSIONS, OccupancyGrid
from robonav.maps.scan_matching import ScanMatcher
from robonav.maps.topology.mapper import PlaceMapper
from robonav.planners.path_following import BODY_M, PlanningState, Viewpoint, heading_along
from robonav.planners.planning_limits import ESCAPE_M
from robonav.planners.topological.config import HierarchyConfig
from robonav.planners.topological.optimistic_paths import OptimisticPaths

_STOOD_M = 0.01  # by odometry; a robot that moved farther has left its place
NEAR_M = 0.4  # a path that ends so near to a place leads there
_GUARD_M = 0.13  # radius that the guard keeps free; cells reach 5 cm beyond their centres
_MIN_FRONTIER_M, _FRONTIER_M = 0.4, 2.0
_SCAN_M = 5.0


def _swept() -> NDArray[np.float64]:
    """Points (P, 2), ahead and to the left, that a forward move sweeps, the body's own place left out."""
    along, aside = (np.arange(-0.3, 0.7, 0.05),) * 2
    points = np.stack(np.meshgrid(along, aside, indexing="ij"), axis=-1).reshape(-1, 2)
    nearest = np.clip(points[:, 0], 0.0, FORWARD_M)
    swept = np.hypot(points[:, 0] - nearest, points[:, 1]) <= _GUARD_M + 1e-9
    return points[swept & (np.linalg.norm(points, axis=1) > _GUARD_M)]


_SWEPT = _swept()


class KnownWorld:
    """The maps of one robot in one episode, in the frame of its start, where the floor is at height 0.

    Args:
        camera: The depth camera.
        config: Sizes and thresholds.

    Attributes:
        grid: The occupancy map.
        mapper: The topological map; places are told apart by the occupancy around them.
        xy: (2,) estimated position, metres.
        yaw: Estimated heading, radians; both from odometry, and from scan matching where it drifts.
        blocked: Headings in which a move from here did collide.
        ways: Shortest paths from here, as of the last `look_around`.
    """

    ways: PlanningState

    def __init__(self, camera: Camera, config: HierarchyConfig) -> None:
        self._camera, self._rays = camera, camera.directions()
        self.grid = OccupancyGrid(np.zeros(2), 0.0, config.cell_m)
        self.mapper = PlaceMapper(PATCH_DIMENSIONS, config.topology)
        self.xy, self.yaw = np.zeros(2), 0.0
        self.blocked: list[float] = []
        self._matcher = ScanMatcher()
        self._odometry, self._way = np.zeros(2), 0.0

    def observe(
        self, depth: NDArray[np.float32], odometry: NDArray[np.floating], collided: bool, sigma_m: float = 0.0
    ) -> None:
        """Take in a frame.

        Args:
            depth: (H, W) metres.
            odometry: (3,) x, y, yaw by odometry.
            collided: Whether the bumper was touched.
            sigma_m: Standard error of the odometry. If it is above 0, scan matching corrects the pose.
        """
        moved = float(np.linalg.norm(odometry[:2] - self._odometry))
        self._way += moved
        self._odometry = np.array(odometry[:2], np.float64)
        drift = sigma_m / self._way if self._way else 0.0
        pose = self._matcher.locate(self._level_scan(depth), odometry, drift)
        self.xy, self.yaw = pose[:2], float(pose[2])
        feet, yaws = np.array([[*self.xy, 0.0]]), np.array([self.yaw])
        T_world_camera = self._camera.poses(feet, yaws)[0]
        self.grid.observe(depth, T_world_camera, self._rays, self.xy, self.yaw, collided)
        if collided:
            self.blocked.append(self.yaw)
        elif moved > _STOOD_M:
            self.blocked.clear()
        self.mapper.observe(self.xy, self.grid.patch(self.xy))

    def _level_scan(self, depth: NDArray[np.float32]) -> NDArray[np.float64]:
        """The image as a level lidar scan at the camera: points (K, 2) ahead and to the left."""
        row = len(depth) // 2
        ahead, rays = depth[row].astype(np.float64), self._rays[row]
        seen = (ahead > 0) & (ahead < _SCAN_M)
        return np.column_stack([ahead, -rays[:, 0] * ahead])[seen]

    def look_around(self) -> None:
        """Update the frontiers and all shortest paths."""
        found = self.grid.frontiers(max(3, round(_MIN_FRONTIER_M / self.grid.cell_size)), _FRONTIER_M)
        centres = self.grid.centre(np.array([frontier.centre for frontier in found]).reshape(-1, 2))
        self.mapper.see_frontiers(centres, np.array([len(f.cells) for f in found], np.int64))
        self.ways = self._ways()

    def nearest_reachable(self, xy: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Path lengths (K,) to within 40 cm of positions (K, 2), metres, inf where unknown; end cells."""
        size = self.grid.cell_size
        reach = round(NEAR_M / size)
        offsets = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 2), axis=-1).reshape(-1, 2)
        offsets = offsets[np.linalg.norm(offsets, axis=1) <= reach]
        costs = self.ways.paths.costs
        cells = np.floor((np.asarray(xy) - self._origin) / size).astype(np.int64)[:, None] + offsets
        inside = ((cells >= 0) & (cells < costs.shape)).all(axis=-1)
        clipped = np.clip(cells, 0, np.array(costs.shape) - 1)
        lengths = np.where(inside, costs[clipped[..., 0], clipped[..., 1]], np.inf) * size
        # of the cells there the one that is nearest to the position counts, not to the robot
        gaps = np.linalg.norm(offsets, axis=1)
        best = np.where(np.isfinite(lengths), gaps, np.inf).argmin(axis=1)
        rows = np.arange(len(cells))
        return lengths[rows, best], clipped[rows, best]

    def path_to(self, xy: NDArray[np.floating]) -> NDArray[np.float64] | None:
        """Positions (K, 2) on the known path to within 40 cm of a position (2,); None if there is none."""
        lengths, cells = self.nearest_reachable(np.asarray(xy)[None])
        if not np.isfinite(lengths[0]):
            return None
        return self.centres(self.ways.paths.path_to(cells[0]))

    def optimistic_path_to(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Positions (K, 2) on the cheapest path to a position (2,), as if unknown space were free.

        The path may pass gaps that seem too narrow where everything else is much longer: maps err.
        """
        optimistic = OptimisticPaths(self.grid, self.xy, xy)
        self.ways = self._ways()
        self.ways.passable = optimistic.passable
        return optimistic.path_to(xy)

    def centres(self, cells: NDArray[np.integer]) -> NDArray[np.float64]:
        """Positions (..., 2) of cells (..., 2) of the paths' map."""
        return (np.asarray(cells) + 0.5) * self.grid.cell_size + self._origin

    def heading_along(self, path: NDArray[np.float64]) -> float:
        """Heading that follows a path (K, 2)."""
        end = path[-1]
        ahead = end - self.xy
        view = Viewpoint(end, float(np.arctan2(ahead[1], ahead[0])), end)
        return heading_along(self.ways, path, view, self.xy)

    def shut_headings(self) -> NDArray[np.float64]:
        """The headings (K,), of the 24 that turns reach, in which a move would collide by the map."""
        headings = self.yaw + np.arange(-12, 12) * TURN_RAD
        axes = np.stack([np.cos(headings), np.sin(headings)], axis=-1)
        across = np.stack([-axes[:, 1], axes[:, 0]], axis=-1)
        points = _SWEPT[:, :1] * axes[:, None] + _SWEPT[:, 1:] * across[:, None]
        cells = self.grid.cell(self.xy + points)
        hit = (self.grid.cells[cells[..., 0], cells[..., 1]] == OCCUPIED).any(axis=1)
        return headings[hit]

    def _ways(self) -> PlanningState:
        self._origin = self.grid.origin_xy  # of the paths; the grid may grow before their update
        # A robot that fits gets no path through narrow gaps: from the next place there would be none.
        escape_m = 0.0 if self._fits() else ESCAPE_M
        return PlanningState(self.grid, self.xy, self.yaw, np.radians(self._camera.hfov_deg), escape_m)

    def _fits(self) -> bool:
        """Whether nothing on the map is nearer to the middle of the robot's cell than its body allows."""
        here, reach = self.grid.cell(self.xy), int(np.ceil(BODY_M / self.grid.cell_size))
        low, high = here - reach, here + reach + 1
        occupied = np.argwhere(self.grid.cells[low[0] : high[0], low[1] : high[1]] == OCCUPIED) - reach
        return bool((np.linalg.norm(occupied, axis=1) * self.grid.cell_size > BODY_M).all())
