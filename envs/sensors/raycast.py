"""RGB-D by ray casting: Embree finds the surface, a Warp kernel looks up its colour. No GPU, no display."""

from __future__ import annotations

import numpy as np
import open3d as o3d
import warp as wp
from numpy.typing import NDArray

from robonav.envs.scenes.scene import Scene
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.shading import Appearance, as_warp, shade, write_rays

_EPSILON_M = 1e-3  # both ends of an occlusion segment may touch a surface


class RaycastSensor:
    """Renders RGB and planar depth of one scene, and answers distance and visibility queries in it.

    Args:
        scene: The world; it is copied into Embree's own structure.
        camera: The pinhole camera of every frame.
        threads: Threads a call may use; 0 = all cores.
    """

    def __init__(self, scene: Scene, camera: Camera, threads: int = 0) -> None:
        self.scene = scene
        self.camera = camera
        self._threads = threads
        self._embree = o3d.t.geometry.RaycastingScene(nthreads=threads)
        self._embree.add_triangles(
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(scene.vertices, dtype=np.float32)),
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(scene.triangles, dtype=np.uint32)),
        )
        self._appearance = Appearance.of(scene)
        self._directions = wp.array(camera.directions().reshape(-1, 3), dtype=wp.vec3, device="cpu")

    def render(self, T_world_camera: NDArray[np.floating]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """RGB (N, H, W, 3) uint8 and z-depth (N, H, W) float32 in metres, 0 = no return, seen from N poses.

        Args:
            T_world_camera: (N, 4, 4) camera poses, x right, y down, z forward.
        """
        shape = (len(T_world_camera), self.camera.height, self.camera.width)
        rays = np.empty((np.prod(shape), 6), dtype=np.float32)
        poses = as_warp(np.ascontiguousarray(T_world_camera, dtype=np.float32), wp.mat44)
        write_rays(poses, self._directions, as_warp(rays.reshape(-1, 2, 3), wp.vec3))
        hits = self._embree.cast_rays(o3d.core.Tensor.from_numpy(rays), nthreads=self._threads)
        rgb, depth = np.empty((*shape, 3), dtype=np.uint8), np.empty(shape, dtype=np.float32)
        found = {name: hits[name].numpy() for name in ("t_hit", "primitive_ids", "primitive_uvs")}
        shade(self._appearance, poses, self._directions, found, rgb, depth)
        return rgb, depth

    def distances(
        self, origins: NDArray[np.floating], directions: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Metres (M,) from origins (M, 3) along unit directions (M, 3) to the first surface; inf = no hit."""
        rays = np.concatenate([origins, directions], axis=-1).astype(np.float32)
        hits = self._embree.cast_rays(o3d.core.Tensor.from_numpy(rays), nthreads=self._threads)
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
            o3d.core.Tensor.from_numpy(rays.astype(np.float32)), tnear=0.0, tfar=1.0, nthreads=self._threads
        )
        return hidden.numpy()
