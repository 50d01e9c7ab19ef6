"""RGB-D by ray casting: Embree finds the surface, a Warp kernel looks up its colour. No GPU, no display."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.scenes.hits import Hits
from robonav.envs.scenes.rays import Rays, rays_of
from robonav.envs.scenes.scene import Scene
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.facets import Appearance
from robonav.envs.sensors.shading import FrameBatch
from robonav.envs.sensors.workers import run_together

_EPSILON_M = 1e-3  # both ends of an occlusion segment may touch a surface
_WORTH_SHARING = 4  # frames; with fewer, waking a thread costs more than it saves
_RAYS_WORTH_SHARING = 8192  # a millisecond and a half of Embree
_KEPT_BATCHES = 4  # sizes of batches whose buffers are kept


class RaycastSensor:
    """Renders RGB and planar depth of one scene, and answers distance and visibility queries in it.

    Buffers are reused from call to call, so one sensor serves one thread at a time.

    Args:
        scene: The world; a search tree of its triangles is built on first use.
        camera: The pinhole camera of every frame.
        threads: Threads a call may use; 0 = all cores.
    """

    def __init__(self, scene: Scene, camera: Camera, threads: int = 0) -> None:
        self.scene = scene
        self.camera = camera
        self.threads = threads or os.cpu_count() or 1
        self._batches: dict[int, FrameBatch] = {}

    @cached_property
    def _rays(self) -> Rays:
        return rays_of(self.scene.vertices, self.scene.triangles)

    @cached_property
    def _appearance(self) -> Appearance:
        return Appearance.of(self.scene)

    def render(self, T_world_camera: NDArray[np.floating]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """RGB (N, H, W, 3) uint8 and z-depth (N, H, W) float32 in metres, 0 = no return, seen from N poses.

        Args:
            T_world_camera: (N, 4, 4) camera poses, x right, y down, z forward.
        """
        if not len(T_world_camera):
            image = (0, self.camera.height, self.camera.width)
            return np.zeros((*image, 3), dtype=np.uint8), np.zeros(image, dtype=np.float32)
        batch = self._batch(len(T_world_camera))
        batch.aim(T_world_camera)
        return batch.shade(self._closest(batch.origins, batch.directions))

    def _batch(self, num_frames: int) -> FrameBatch:
        if num_frames not in self._batches:
            if len(self._batches) >= _KEPT_BATCHES:
                self._batches.clear()
            share = 1 if num_frames < _WORTH_SHARING else self.threads
            self._batches[num_frames] = FrameBatch(num_frames, self.camera, self._appearance, share)
        return self._batches[num_frames]

    def close(self) -> None:
        """Let go of what this process does not own: nothing."""

    def distances(
        self, origins: NDArray[np.floating], directions: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Metres (M,) from origins (M, 3) along unit directions (M, 3) to the first surface; inf = no hit."""
        return self._closest(
            np.asarray(origins, dtype=np.float32), np.asarray(directions, dtype=np.float32)
        ).distance

    def is_occluded(self, start: NDArray[np.floating], end: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether (M,) something lies strictly between start (M, 3) and end (M, 3)."""
        offsets = np.subtract(end, start)
        lengths = np.linalg.norm(offsets, axis=-1, keepdims=True)
        directions = offsets / np.maximum(lengths, _EPSILON_M)
        origins = start + _EPSILON_M * directions
        reach = np.maximum(lengths[:, 0] - 2 * _EPSILON_M, 0)
        segments = [array.astype(np.float32) for array in (origins, directions, reach)]
        return np.concatenate(self._shared(self._rays.occluded, *segments))

    def _closest(self, origins: NDArray[np.float32], directions: NDArray[np.float32]) -> Hits:
        parts = self._shared(self._rays.closest, origins, directions)
        return parts[0] if len(parts) == 1 else Hits(*map(np.concatenate, zip(*parts, strict=True)))

    def _shared(self, query: Callable[..., Any], *arrays: NDArray[np.float32]) -> list[Any]:
        """The query's answers to parts of the rays, one a thread."""
        count = len(arrays[0])
        share = max(1, min(self.threads, count // _RAYS_WORTH_SHARING))
        bounds = np.linspace(0, count, share + 1).astype(int)
        return run_together(
            partial(query, *(array[start:end] for array in arrays)) for start, end in pairwise(bounds)
        )
