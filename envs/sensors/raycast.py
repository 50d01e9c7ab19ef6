"""RGB-D by ray casting: Embree finds the surface, a Warp kernel looks up its colour. No GPU, no display."""

from __future__ import annotations

import os
from functools import cached_property

import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from robonav.envs.scenes.scene import Scene
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.facets import Appearance
from robonav.envs.sensors.shading import FrameBatch

_EPSILON_M = 1e-3  # both ends of an occlusion segment may touch a surface
_WORTH_SHARING = 4  # frames; with fewer, waking a thread costs more than it saves
_KEPT_BATCHES = 4  # sizes of batches whose buffers are kept


class RaycastSensor:
    """Renders RGB and planar depth of one scene, and answers distance and visibility queries in it.

    Buffers are reused from call to call, so one sensor serves one thread at a time.

    Args:
        scene: The world; it is copied into Embree's own structure on first use.
        camera: The pinhole camera of every frame.
        threads: Threads a call may use; 0 = all cores.
    """

    def __init__(self, scene: Scene, camera: Camera, threads: int = 0) -> None:
        self.scene = scene
        self.camera = camera
        self.threads = threads or os.cpu_count() or 1
        self._batches: dict[int, FrameBatch] = {}

    @cached_property
    def _embree(self) -> o3d.t.geometry.RaycastingScene:
        embree = o3d.t.geometry.RaycastingScene(nthreads=self.threads)
        embree.add_triangles(
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(self.scene.vertices, dtype=np.float32)),
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(self.scene.triangles, dtype=np.uint32)),
        )
        return embree

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
        hits = self._embree.cast_rays(o3d.core.Tensor.from_numpy(batch.rays), nthreads=self.threads)
        return batch.shade({name: hits[name].numpy() for name in ("t_hit", "primitive_ids", "primitive_uvs")})

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
        rays = np.concatenate([origins, directions], axis=-1).astype(np.float32)
        hits = self._embree.cast_rays(o3d.core.Tensor.from_numpy(rays), nthreads=self.threads)
        return hits["t_hit"].numpy()

    def is_occluded(self, start: NDArray[np.floating], end: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether (M,) something lies strictly between start (M, 3) and end (M, 3)."""
        offsets = np.subtract(end, start)
        lengths = np.linalg.norm(offsets, axis=-1, keepdims=True)
        directions = offsets / np.maximum(lengths, _EPSILON_M)
        origins = start + _EPSILON_M * directions
        # scaled so that t = 1 is the far end: test_occlusions has one t_far for all rays
        rays = np.concatenate([origins, directions * np.maximum(lengths - 2 * _EPSILON_M, 0)], axis=-1)
        hidden = self._embree.test_occlusions(
            o3d.core.Tensor.from_numpy(rays.astype(np.float32)), tnear=0.0, tfar=1.0, nthreads=self.threads
        )
        return hidden.numpy()
