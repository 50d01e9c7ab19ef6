# mypy: disable-error-code="valid-type, arg-type, operator, assignment, return-value, var-annotated"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""The points of a mesh that lie nearest to given points (Warp, CPU)."""

from __future__ import annotations

import numpy as np
import warp as wp
from numpy.typing import NDArray

wp.config.log_level = 40  # errors only: Warp greets on every start otherwise
wp.set_module_options({"enable_backward": False})


class ClosestPoints:
    """Nearest-point queries in one mesh.

    Args:
        corners: (T, 3, 3) corners of its triangles, metres.
        reach_m: Points farther from the mesh than this have no nearest point.
    """

    def __init__(self, corners: NDArray[np.floating], reach_m: float) -> None:
        points = np.ascontiguousarray(corners, dtype=np.float32).reshape(-1, 3)
        self._mesh = wp.Mesh(
            points=wp.array(points, dtype=wp.vec3, device="cpu"),
            indices=wp.array(np.arange(len(points), dtype=np.int32), dtype=wp.int32, device="cpu"),
        )
        self._reach_m = reach_m

    def of(self, points: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Nearest points (N, 3) of points (N, 3), NaN beyond reach, and their triangles (N,), there -1."""
        nearest = np.full((len(points), 3), np.nan, dtype=np.float32)
        triangle = np.full(len(points), -1, dtype=np.int32)
        wp.launch(
            _closest_point_kernel,
            dim=len(points),
            inputs=[
                self._mesh.id,
                wp.array(np.ascontiguousarray(points, dtype=np.float32), dtype=wp.vec3, device="cpu"),
                self._reach_m,
                wp.array(nearest, dtype=wp.vec3, device="cpu", copy=False),
                wp.array(triangle, dtype=wp.int32, device="cpu", copy=False),
            ],
            device="cpu",
        )
        return nearest, triangle


@wp.kernel
def _closest_point_kernel(
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    reach: float,
    nearest: wp.array(dtype=wp.vec3),
    triangle: wp.array(dtype=wp.int32),
) -> None:
    point = wp.tid()
    found = wp.mesh_query_point_no_sign(mesh, points[point], reach)
    if found.result:
        nearest[point] = wp.mesh_eval_position(mesh, found.face, found.u, found.v)
        triangle[point] = found.face
