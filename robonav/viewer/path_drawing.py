"""The path of an agent in the browser, with bounded traffic and memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import viser

PART_POINTS = 256  # in one node: a step sends one of them again
MOST_PARTS = 16  # when they are full, every other point is left out from then on
MOVED_M = 0.005  # turning on the spot draws nothing
ABOVE_FLOOR_M = 0.10  # the mesh of the floor is a little rough
_RGB, _THICKNESS_M = (217, 48, 37), 0.04


class PathDrawing:
    """Line segments in several nodes, of which only the last one changes from step to step.

    Args:
        scene: Scene of the server; the path lies under `/path`.
        floor_z: Height of the floor, metres.
    """

    def __init__(self, scene: viser.SceneApi, floor_z: float) -> None:
        self._scene, self._z = scene, floor_z + ABOVE_FLOOR_M
        self._points: list[tuple[float, float]] = []
        self._here = (np.inf, np.inf)
        self._taken = self._moves = 0
        self._every = 1  # of so many moves one becomes a point
        self._parts: list[viser.LineSegmentsHandle] = []
        scene.add_frame("/path", show_axes=False)

    def draw(self, poses: Sequence[tuple[float, float, float]]) -> None:
        """Draw what was added to the poses (x, y, yaw) since the last call."""
        complete, moves = max(len(self._points) - 1, 0) // PART_POINTS, self._moves
        for x, y, _ in poses[self._taken :]:
            self._move(x, y)
        self._taken = len(poses)
        if self._moves == moves:
            return
        if len(self._points) > MOST_PARTS * PART_POINTS:
            self._thin_out()
            complete = 0
        self._send(complete)

    def _move(self, x: float, y: float) -> None:
        if np.hypot(x - self._here[0], y - self._here[1]) < MOVED_M:
            return
        if self._moves % self._every == 0:
            self._points.append((x, y))
        self._here = (x, y)
        self._moves += 1

    def _thin_out(self) -> None:
        while len(self._points) > MOST_PARTS * PART_POINTS:
            self._points, self._every = self._points[::2], 2 * self._every
        while self._parts:
            self._parts.pop().remove()

    def _send(self, first: int) -> None:
        """Send the parts from this one on; the last one ends at the agent."""
        here = [] if self._points[-1] == self._here else [self._here]
        xy = np.array(self._points + here)
        points = np.c_[xy, np.full(len(xy), self._z)].astype(np.float32)
        for part in range(first, -(-(len(points) - 1) // PART_POINTS)):
            piece = points[part * PART_POINTS : (part + 1) * PART_POINTS + 1]
            segments = np.stack([piece[:-1], piece[1:]], axis=1)
            if part < len(self._parts):
                self._parts[part].points = segments
            else:
                name = f"/path/{part}"
                self._parts.append(
                    self._scene.add_line_segments(name, segments, _RGB, thickness=_THICKNESS_M)
                )
