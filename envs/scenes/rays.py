"""Ray casting on a mesh, by Embree, or by Warp where Embree has no wheel. No GPU, no display."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from robonav.envs.scenes.hits import Hits
from robonav.envs.scenes.scene import SceneError

if TYPE_CHECKING:
    from embreex.rtcore import EmbreeDevice


class Rays(Protocol):
    """Ray queries in one mesh. Each runs in the thread that asks; several threads may ask at once."""

    def closest(self, origins: NDArray[np.float32], directions: NDArray[np.float32]) -> Hits:
        """First hits of N rays from origins (N, 3) in metres along directions (N, 3) of any length."""

    def occluded(
        self,
        origins: NDArray[np.float32],
        directions: NDArray[np.float32],
        lengths: NDArray[np.float32],
    ) -> NDArray[np.bool_]:
        """Whether (N,) something is hit within lengths (N,), in lengths of the direction."""


class EmbreeRays:
    """Rays by Embree, in its robust mode: no ray slips through a shared edge.

    Args:
        vertices: (V, 3) metres.
        triangles: (T, 3) vertex indices.

    Raises:
        ImportError: embreex is not installed.
    """

    def __init__(self, vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> None:
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene

        self._scene = EmbreeScene(_embree_device(), robust=True)
        TriangleMesh(
            self._scene,
            np.ascontiguousarray(vertices, dtype=np.float32),
            np.ascontiguousarray(triangles, dtype=np.int32),
        )
        anywhere = np.ones((1, 3), dtype=np.float32)
        self.closest(anywhere, anywhere)  # builds the tree, which two threads must not do at once

    def closest(self, origins: NDArray[np.float32], directions: NDArray[np.float32]) -> Hits:
        """First hits, see `Rays`."""
        hits = self._scene.run(origins, directions, dists=np.inf, output=True)
        return Hits(hits["tfar"], hits["primID"], hits["u"], hits["v"])

    def occluded(
        self,
        origins: NDArray[np.float32],
        directions: NDArray[np.float32],
        lengths: NDArray[np.float32],
    ) -> NDArray[np.bool_]:
        """Whether something is hit within the lengths, see `Rays`."""
        return self._scene.run(origins, directions, dists=lengths, query="OCCLUDED") >= 0


def rays_of(vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> Rays:
    """Ray queries in a mesh, by the fastest library that is installed.

    Args:
        vertices: (V, 3) metres.
        triangles: (T, 3) vertex indices.

    Raises:
        SceneError: Neither library can be imported.
    """
    try:
        return EmbreeRays(vertices, triangles)
    except ImportError:
        pass
    try:
        from robonav.envs.scenes.warp_rays import WarpRays
    except ImportError as error:
        raise SceneError(
            f"no library for rays can be imported ({error}): expected embreex or warp-lang; "
            "pip install embreex or pip install warp-lang"
        ) from None
    return WarpRays(vertices, triangles)


@cache
def _embree_device() -> EmbreeDevice:
    """One for all meshes: it owns the threads that build trees."""
    from embreex.rtcore import EmbreeDevice

    return EmbreeDevice()
