# mypy: disable-error-code="valid-type, arg-type, operator, assignment, return-value, var-annotated"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""Rays by Warp's mesh query, on the CPU: where Embree has no wheel, at a third to a half of its speed."""

from __future__ import annotations

import numpy as np
import warp as wp
from numpy.typing import NDArray

from robonav.envs.scenes.hits import Hits

wp.config.log_level = 40  # errors only: Warp greets on every start otherwise
wp.set_module_options({"enable_backward": False})


class WarpRays:
    """Rays by Warp, see `rays.Rays`.

    Args:
        vertices: (V, 3) metres.
        triangles: (T, 3) vertex indices.
    """

    def __init__(self, vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> None:
        self._mesh = wp.Mesh(
            points=wp.array(np.asarray(vertices, dtype=np.float32), dtype=wp.vec3, device="cpu"),
            indices=wp.array(np.asarray(triangles, dtype=np.int32).ravel(), dtype=wp.int32, device="cpu"),
        )

    def closest(self, origins: NDArray[np.float32], directions: NDArray[np.float32]) -> Hits:
        """First hits."""
        count = len(origins)
        distance, triangle = np.full(count, np.inf, dtype=np.float32), np.full(count, -1, dtype=np.int32)
        u, v = np.zeros((2, count), dtype=np.float32)
        hits = [_view(distance, wp.float32), _view(triangle, wp.int32), _view(u, wp.float32)]
        rays = [_view(origins, wp.vec3), _view(directions, wp.vec3)]
        self._launch(_closest_kernel, count, [*rays, *hits, _view(v, wp.float32)])
        return Hits(distance, triangle, u, v)

    def occluded(
        self,
        origins: NDArray[np.float32],
        directions: NDArray[np.float32],
        lengths: NDArray[np.float32],
    ) -> NDArray[np.bool_]:
        """Whether something is hit within the lengths."""
        found = np.zeros(len(origins), dtype=np.bool_)
        rays = [_view(origins, wp.vec3), _view(directions, wp.vec3), _view(lengths, wp.float32)]
        self._launch(_occluded_kernel, len(origins), [*rays, _view(found, wp.bool)])
        return found

    def _launch(self, kernel: wp.Kernel, count: int, arrays: list[wp.array]) -> None:
        wp.launch(kernel, dim=count, inputs=[self._mesh.id, *arrays], device="cpu")


def _view(array: NDArray, dtype: type) -> wp.array:
    """A Warp array over the same memory, where Warp can read it as it lies."""
    return wp.array(array, dtype=dtype, device="cpu", copy=False)


@wp.kernel
def _closest_kernel(
    mesh: wp.uint64,
    origins: wp.array(dtype=wp.vec3),
    directions: wp.array(dtype=wp.vec3),
    distance: wp.array(dtype=wp.float32),
    triangle: wp.array(dtype=wp.int32),
    u: wp.array(dtype=wp.float32),
    v: wp.array(dtype=wp.float32),
) -> None:
    ray = wp.tid()
    hit = wp.mesh_query_ray(mesh, origins[ray], directions[ray], wp.inf)
    if hit.result:
        distance[ray] = hit.t
        triangle[ray] = hit.face
        u[ray] = hit.v  # Warp's weights belong to the first two corners, Embree's to the last two
        v[ray] = 1.0 - hit.u - hit.v


@wp.kernel
def _occluded_kernel(
    mesh: wp.uint64,
    origins: wp.array(dtype=wp.vec3),
    directions: wp.array(dtype=wp.vec3),
    lengths: wp.array(dtype=wp.float32),
    found: wp.array(dtype=wp.bool),
) -> None:
    ray = wp.tid()
    found[ray] = wp.mesh_query_ray_anyhit(mesh, origins[ray], directions[ray], lengths[ray])
