"""Localisation by scan matching where odometry drifts (point-to-line ICP, Censi 2008)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

_CELL_M = 0.05  # of the map, which keeps one point a cell
_ITERATIONS = 8
_NOISE_M = 0.02  # of a point, across its surface
_BESIDE_M = 0.10  # along its surface, a point may be so far from the one it is compared with
_ACROSS_M = 0.30
_WINDOW_M = 6.0  # each way from the robot, a little more than scans reach
_SAME_SURFACE_M = 0.4  # neighbours in a scan that are farther apart lie on different things
_SLACK = (0.001, 0.0005)  # metres and radians by which odometry may be off in a step however short


class ScanMatcher:
    """Corrects odometry so that a scan lies on the points of earlier scans.

    Least squares over the points of a scan, each across its own surface, held by the odometry of the step: in
    a bare corridor, or where all is new, the scan says little and odometry stays. It follows small errors; it
    does not find a robot that is lost.
    """

    def __init__(self) -> None:
        self._cells: set[tuple[int, int]] = set()
        self._known = np.zeros((0, 2))
        self._odometry: NDArray[np.float64] = np.zeros(3)
        self._pose: NDArray[np.float64] = np.zeros(3)

    def locate(
        self, points: NDArray[np.floating], odometry: NDArray[np.floating], drift: float
    ) -> NDArray[np.float64]:
        """The pose (3,) x, y, yaw of a scan, in the frame of the start.

        Args:
            points: (K, 2) obstacles ahead and to the left of the robot, metres, from left to right or back.
            odometry: (3,) pose by odometry.
            drift: Error of odometry, as a share of path length and of turns; 0 = exact.
        """
        points, told = np.asarray(points, np.float64), np.array(odometry, np.float64)
        step, turn = told[:2] - self._odometry[:2], told[2] - self._odometry[2]
        bent = self._pose[2] - self._odometry[2]
        pose = np.array([*(self._pose[:2] + step @ _rotation(bent).T), self._pose[2] + turn])
        if drift > 0:
            length = float(np.linalg.norm(step))
            sigma_m = drift * length + _SLACK[0]
            sigma_rad = drift * (abs(turn) + 0.5 * np.sqrt(length)) + _SLACK[1]
            pose = self._fitted(*_surfaces(points), pose, np.array([sigma_m, sigma_m, sigma_rad]))
        self._remember(pose[:2] + _connected(points) @ _rotation(pose[2]).T)
        self._odometry, self._pose = told, pose
        return pose.copy()

    def _fitted(
        self,
        points: NDArray[np.float64],
        normals: NDArray[np.float64],
        predicted: NDArray[np.float64],
        sigmas: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        known = self._known[np.abs(self._known - predicted[:2]).max(axis=1) < _WINDOW_M]
        if not len(known) or not len(points):
            return predicted
        tree = KDTree(known)
        trust = np.diag(1.0 / sigmas**2)
        pose = predicted.copy()
        for _ in range(_ITERATIONS):
            rotation = _rotation(pose[2]).T
            turned, across = points @ rotation, normals @ rotation
            _, nearest = tree.query(pose[:2] + turned)
            gaps = known[nearest] - pose[:2] - turned
            off = (gaps * across).sum(axis=1)
            beside = np.abs(gaps[:, 0] * across[:, 1] - gaps[:, 1] * across[:, 0])
            kept = (np.abs(off) < _ACROSS_M) & (beside < _BESIDE_M)
            by_yaw = across[:, 1] * turned[:, 0] - across[:, 0] * turned[:, 1]
            jacobian = np.column_stack([across, by_yaw])[kept] / _NOISE_M
            push = jacobian.T @ (off[kept] / _NOISE_M) - trust @ (pose - predicted)
            change = np.linalg.solve(jacobian.T @ jacobian + trust, push)
            pose += change
            if np.abs(change).max() < 1e-4:
                break
        return pose

    def _remember(self, points: NDArray[np.float64]) -> None:
        """Keep the first point of each cell: later points have the error of later poses."""
        cells, first = np.unique(np.floor(points / _CELL_M).astype(np.int64), axis=0, return_index=True)
        new = [cell not in self._cells for cell in map(tuple, cells.tolist())]
        self._cells.update(map(tuple, cells[new].tolist()))
        self._known = np.vstack([self._known, points[first[new]]])


def _surfaces(points: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The middles (K, 2) between neighbours on one surface, and the surface's unit normals (K, 2) there."""
    gaps = np.diff(points, axis=0).astype(np.float64)
    lengths = np.linalg.norm(gaps, axis=1)
    kept = (lengths > 0) & (lengths < _SAME_SURFACE_M)
    normals = np.column_stack([-gaps[:, 1], gaps[:, 0]])[kept] / lengths[kept, None]
    return (points[:-1] + 0.5 * gaps)[kept], normals


def _connected(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """The points, with points interpolated between near neighbours: a wall is a line, not dots."""
    gaps = np.diff(points, axis=0)
    near = np.linalg.norm(gaps, axis=1) < _SAME_SURFACE_M
    between = points[:-1][near, None] + np.linspace(0.0, 1.0, 9)[:, None] * gaps[near, None]
    return np.vstack([points, between.reshape(-1, 2)])


def _rotation(angle: float) -> NDArray[np.float64]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]])
