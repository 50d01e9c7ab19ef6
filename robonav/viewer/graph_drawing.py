"""The topological map in the browser: places, edges, and frontiers with a line to their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robonav.maps.topology.graph import PlaceGraph

if TYPE_CHECKING:
    import viser

ABOVE_FLOOR_M = 0.5  # above rough floors and low furniture, below most of the rest
PLACE_RGB, FRONTIER_RGB = (124, 58, 183), (247, 137, 24)
_PLACE_M, _FRONTIER_M = 0.22, 0.16
_WAY_M, _SIGHT_M = 0.05, 0.02


class GraphDrawing:
    """Draws nodes as points and edges as lines; sends each of the four parts only when it changed.

    Args:
        scene: Scene of the server; the graph lies under `/graph`.
        floor_z: Height of the floor, metres.
    """

    def __init__(self, scene: viser.SceneApi, floor_z: float) -> None:
        self._scene, self._z = scene, floor_z + ABOVE_FLOOR_M
        self._shown: dict[str, NDArray[np.float32]] = {}
        scene.add_frame("/graph", show_axes=False)

    def draw(self, graph: PlaceGraph) -> None:
        """Draw the parts that changed."""
        places, frontiers = graph.places, list(graph.frontiers.values())
        at = dict(zip(places.ids.tolist(), places.xy, strict=True))
        self._points("places", self._raised(list(places.xy)), PLACE_RGB, _PLACE_M)
        self._points("frontiers", self._raised([node.xy for node in frontiers]), FRONTIER_RGB, _FRONTIER_M)
        ways = self._raised([at[end] for edge in graph.edges for end in edge])
        self._lines("ways", ways, PLACE_RGB, _WAY_M)
        sights = self._raised([end for node in frontiers for end in (at[node.place], node.xy)])
        self._lines("sights", sights, FRONTIER_RGB, _SIGHT_M)

    def _raised(self, xy: list[NDArray[np.float64]]) -> NDArray[np.float32]:
        """The same points (K, 3) above the floor."""
        flat = np.array(xy, np.float32).reshape(-1, 2)
        return np.c_[flat, np.full(len(flat), self._z, np.float32)]

    def _points(self, name: str, points: NDArray[np.float32], rgb: tuple[int, int, int], size: float) -> None:
        if self._changed(name, points):
            self._scene.add_point_cloud(
                f"/graph/{name}", points, rgb, point_size=size, point_shape="circle", precision="float32"
            )

    def _lines(self, name: str, ends: NDArray[np.float32], rgb: tuple[int, int, int], width: float) -> None:
        if self._changed(name, ends):
            self._scene.add_line_segments(f"/graph/{name}", ends.reshape(-1, 2, 3), rgb, thickness=width)

    def _changed(self, name: str, points: NDArray[np.float32]) -> bool:
        """Whether a part has changed and is not empty; removes a part that has become empty."""
        same = np.array_equal(self._shown.get(name, points[:0]), points)
        self._shown[name] = points
        if not len(points):
            self._scene.remove_by_name(f"/graph/{name}")
        return bool(len(points)) and not same
