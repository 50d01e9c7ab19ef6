"""A persistent 3D reconstruction for each environment: it integrates frames and predicts them."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import warp as wp
from numpy.typing import ArrayLike, NDArray

from robonav.maps.reconstruction import blocks
from robonav.maps.reconstruction import integrate as kernels
from robonav.maps.reconstruction import integrate_cpu as pixel_batches
from robonav.maps.reconstruction import render as splat
from robonav.maps.reconstruction import render_cpu as face_batches
from robonav.maps.reconstruction.growing_mesh import GrowingMesh
from robonav.maps.reconstruction.mesh import Mesh, extract_mesh
from robonav.maps.reconstruction.pool import BlockPool
from robonav.maps.reconstruction.views import PADDING

_LOG_ERROR = 40
_LANES = 256  # threads of a GPU that share the voxels or blocks of one environment


@contextmanager
def _quiet_warp() -> Iterator[None]:
    """Hide Warp's banner and its message about a missing CUDA driver."""
    level = wp.config.log_level
    wp.config.log_level = max(level, _LOG_ERROR)
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as native:
        os.dup2(native.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            wp.config.log_level = level
            native.seek(0)
            lines = [
                line for line in native.read().splitlines(keepends=True) if b"NVIDIA CUDA driver" not in line
            ]
            os.write(2, b"".join(lines))


def load_kernels(device: str) -> None:
    """Compile the kernels (seconds, once a machine: Warp keeps them in its cache) or load them."""
    with _quiet_warp():
        wp.init()
        for module in (blocks, kernels, splat, *((face_batches, pixel_batches) if device == "cpu" else ())):
            wp.load_module(module, device=device)


@dataclass(frozen=True)
class Pinhole:
    """Intrinsics of the frames, pixels; the centre of the first pixel is at (0.5, 0.5)."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float


@dataclass(frozen=True, eq=False)
class Expectation:
    """A predicted frame.

    Attributes:
        rgb: (N, h, w, 3) uint8, mean colour of what was integrated there, 0 where unknown.
        depth: (N, h, w) float32 planar depth in metres, 0 where unknown.
        unknown: (N, h, w) bool, the ray meets no known surface.
    """

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    unknown: NDArray[np.bool_]


class Reconstruction:
    """Truncated signed distance and colour in sparse voxel blocks, one map an environment.

    Each pixel's distances are measured to the tangent plane of its surface (not along the ray) and
    summed as integers: planes come out exact, and the map does not depend on threads, nor, until voxels
    have seen enough and settle, on the order of frames. See docs/reconstruction.md.

    Args:
        num_envs: Number of independent maps N.
        pinhole: Intrinsics of the frames (H, W).
        voxel_size: Edge of a voxel, metres.
        truncation: Distance in front of a surface that is kept, metres, 1 to 3 voxels; None = 1 voxel. Behind
            a surface it is always 1.25 voxels, so that thin walls keep both faces.
        max_depth: Returns farther than this are ignored, and rendered rays end there, metres.
        memory_frames: A voxel not integrated during its environment's last k frames is unknown again; None =
            never.
        device: Warp device, "cpu" or "cuda:0".
        threads: Threads that share the environments; a Warp launch on the CPU runs on one.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        num_envs: int,
        pinhole: Pinhole,
        voxel_size: float = 0.10,
        truncation: float | None = None,
        max_depth: float = 100.0,
        memory_frames: int | None = None,
        device: str = "cpu",
        threads: int = 1,
    ) -> None:
        front = 1 if truncation is None else round(truncation / voxel_size) if voxel_size > 0 else 0
        _check_arguments(num_envs, voxel_size, front, max_depth, memory_frames, threads)
        self.num_envs = num_envs
        self.pinhole = pinhole
        self.voxel_size = voxel_size
        self.max_depth = max_depth
        self.memory_frames = memory_frames
        self.device = device
        self._batches = device == "cpu"  # kernels in C++ for a CPU's vectors
        self._lanes = 1 if device == "cpu" else _LANES
        self._frames = np.zeros(num_envs, np.int32)
        self._workers = ThreadPoolExecutor(threads) if threads > 1 else None
        self._shares = [share for share in np.array_split(np.arange(num_envs), threads) if len(share)]
        load_kernels(device)
        self._pool = BlockPool(num_envs, voxel_size, front, memory_frames is not None, device)
        pixels = num_envs * pinhole.height * pinhole.width
        self._waiting = wp.zeros(pixels, dtype=wp.uint8, device=device)
        bordered = num_envs * (pinhole.height + 2) * (pinhole.width + 2)
        self._scratch = wp.empty(bordered, dtype=wp.float32, device=device)
        words = pixels + num_envs * PADDING
        self._drawn = wp.full(words, value=splat.NOTHING, dtype=wp.uint64, device=device)
        self._failures = wp.zeros(num_envs, dtype=wp.int32, device=device)
        most = pinhole.height * pinhole.width * (front + 2)
        self._ripe = kernels.SettlingVoxels()
        self._ripe.voxels = wp.empty((num_envs, most), dtype=wp.int32, device=device)
        self._ripe.count = wp.zeros(num_envs, dtype=wp.int32, device=device)

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Empty the maps of some environments (None = all).

        Raises:
            ValueError: An environment does not exist.
        """
        envs = np.arange(self.num_envs) if env_ids is None else np.unique(np.asarray(env_ids, dtype=np.int64))
        if len(envs) and (envs[0] < 0 or envs[-1] >= self.num_envs):
            raise ValueError(
                f"env_ids {envs.tolist()} are not all environments, expected 0 to {self.num_envs - 1}"
            )
        self._pool.release(envs)
        self._frames[envs] = 0
        self._pool.set_oldest(self._oldest())

    def render(self, T_world_camera: NDArray[np.float32], stride: int = 1) -> Expectation:
        """Predict the frames at some poses.

        Args:
            T_world_camera: (N, 4, 4) float32.
            stride: Only the centres of squares of s x s pixels are rendered: (h, w) = (H // s, W // s).

        Raises:
            ValueError: Wrong shape, type or stride, or a pose that is not finite.
        """
        if not 1 <= stride <= min(self.pinhole.height, self.pinhole.width):
            raise ValueError(
                f"stride is {stride}, expected 1 to {min(self.pinhole.height, self.pinhole.width)}"
            )
        camera = self._camera(stride)
        shape = (self.num_envs, camera.height, camera.width)
        pixels = int(np.prod(shape))
        rgb = wp.empty(pixels, dtype=wp.vec3ub, device=self.device)
        depth = wp.empty(pixels, dtype=wp.float32, device=self.device)
        unknown = wp.empty(pixels, dtype=wp.bool, device=self.device)
        poses = self._poses(T_world_camera)
        if self._batches:
            self._launch(face_batches.render_kernel, camera, poses, self._drawn, [rgb, depth, unknown], ())
        else:
            self._launch(splat.splat_kernel, camera, poses, self._drawn, [self._lanes], (self._lanes,))
            self._launch(splat.resolve_kernel, camera, poses, self._drawn, [rgb, depth, unknown])
        return Expectation(
            rgb.numpy().reshape(*shape, 3), depth.numpy().reshape(shape), unknown.numpy().reshape(shape)
        )

    def unknown_surface(
        self, depth: NDArray[np.float32], T_world_camera: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Pixels whose surface is new to the map.

        Args:
            depth: (N, H, W) float32 metres, 0 = no return.
            T_world_camera: (N, 4, 4) float32.

        Returns:
            (N, H, W) bool: the pixel has a return, and none of the voxels within one voxel of it along every
            axis has ever been within one voxel of a return.

        Raises:
            ValueError: Wrong shape or type, or a pose that is not finite.
        """
        image = self._image("depth", depth, (), np.float32)
        unknown = wp.empty(image.size, dtype=wp.bool, device=self.device)
        poses = self._poses(T_world_camera)
        self._launch(
            kernels.unknown_kernel, self._camera(), poses, self._upload(image, wp.float32), [unknown]
        )
        return unknown.numpy().reshape(image.shape)

    def integrate(
        self, rgb: NDArray[np.uint8], depth: NDArray[np.float32], T_world_camera: NDArray[np.float32]
    ) -> None:
        """Integrate one frame of every environment.

        Args:
            rgb: (N, H, W, 3) uint8.
            depth: (N, H, W) float32 metres; pixels with 0, NaN, infinite or negative depth, farther than
                `max_depth` or beyond the reach of the map (65,504 voxels from the origin) are ignored.
            T_world_camera: (N, 4, 4) float32.

        Raises:
            ValueError: Wrong shape or type, or a pose that is not finite.
            MemoryError: More than 4,194,303 blocks would be needed.
        """
        image = self._upload(self._image("depth", depth, (), np.float32), wp.float32)
        color = self._upload(self._image("rgb", rgb, (3,), np.uint8).reshape(-1, 3), wp.vec3ub)
        poses = self._poses(T_world_camera)
        camera = self._camera()
        if self.memory_frames is not None:
            self._launch(kernels.forget_kernel, camera, poses, image, [])
        self._ripe.count.zero_()
        self._frames += 1
        frames = self._upload(self._frames, wp.int32)
        retry = 0
        while retry == 0 or self._pool.grow_for(self._failures.numpy()):
            self._pool.reserve()
            self._failures.zero_()
            rest = [color, frames, retry, self._waiting, self._failures, self._ripe]
            if self._batches:
                rest.append(self._scratch)
                self._launch(pixel_batches.integrate_kernel, camera, poses, image, rest, ())
            else:
                self._launch(kernels.integrate_kernel, camera, poses, image, rest)
            retry = 1
        inputs = [self._pool.grid, self._ripe, self._lanes]
        wp.launch(kernels.settle_kernel, (self.num_envs, self._lanes), inputs, device=self.device)
        self._pool.set_oldest(self._oldest())

    def mesh(self, env_id: int) -> Mesh:
        """Surface of one map where it is known on both sides.

        Returns:
            Vertices (V, 3) float32 metres in the world frame, triangles (F, 3) int32, colours (V, 3) uint8.
        """
        places, distance, color, known = self._pool.read(env_id)
        return extract_mesh(places, distance, known, color, self.voxel_size)

    def growing_mesh(self, env_id: int) -> GrowingMesh:
        """The same surface in parts, for viewers that redraw it while it grows.

        Raises:
            ValueError: The map forgets, so its parts change without new frames.
        """
        if self.memory_frames is not None:
            raise ValueError(
                f"memory_frames is {self.memory_frames}, expected None: a map that forgets shrinks"
            )
        return GrowingMesh(self._pool, env_id, self.voxel_size)

    def num_blocks(self, env_id: int) -> int:
        """Blocks of 8x8x8 voxels that one map holds."""
        return int(self._pool.used[env_id])

    def bytes_used(self) -> int:
        """Memory of all maps in bytes, spare blocks included; on the CPU those stay untouched."""
        return self._pool.bytes_used()

    def _oldest(self) -> NDArray[np.int32]:
        """The last frame (N,) that counts as forgotten."""
        if self.memory_frames is None:
            return np.zeros(self.num_envs, np.int32)
        return np.maximum(self._frames - self.memory_frames, 0).astype(np.int32)

    def _camera(self, stride: int = 1) -> blocks.KernelPinhole:
        camera = blocks.KernelPinhole()
        camera.width, camera.height = self.pinhole.width // stride, self.pinhole.height // stride
        camera.fx, camera.fy = self.pinhole.fx / stride, self.pinhole.fy / stride
        camera.cx, camera.cy = self.pinhole.cx / stride, self.pinhole.cy / stride
        camera.max_depth = self.max_depth
        camera.run = camera.width if self.device == "cpu" else 1
        return camera

    def _poses(self, T_world_camera: NDArray[np.float32]) -> wp.array:
        poses = _checked("T_world_camera", T_world_camera, (self.num_envs, 4, 4), np.float32)
        finite = np.isfinite(poses).all(axis=(1, 2))
        if not finite.all():
            raise ValueError(
                f"T_world_camera of environment {np.argmin(finite)} has NaN or inf, expected a pose"
            )
        return self._upload(poses, wp.mat44)

    def _image(self, name: str, array: ArrayLike, channels: tuple[int, ...], dtype: type) -> NDArray[Any]:
        return _checked(
            name, array, (self.num_envs, self.pinhole.height, self.pinhole.width, *channels), dtype
        )

    def _upload(self, array: NDArray[Any], dtype: Any) -> wp.array:
        """An array on the device, without a copy if that is the CPU; images become flat."""
        flat = array.reshape(-1) if dtype in (wp.float32, wp.int32) else array
        return wp.array(flat, dtype=dtype, device=self.device, copy=False)

    def _launch(
        self,
        kernel: Any,
        camera: blocks.KernelPinhole,
        poses: wp.array,
        image: wp.array,
        rest: list[Any],
        work: tuple[int, ...] | None = None,
    ) -> None:
        """Run a kernel over some work of each environment, by default all pixels."""
        work = (camera.height, -(-camera.width // camera.run)) if work is None else work

        def run(share: NDArray[np.int64]) -> None:
            inputs = [self._pool.grid, camera, poses, image, int(share[0]), *rest]
            wp.launch(kernel, (len(share), *work), inputs, device=self.device)

        if self._workers is None:
            run(np.arange(self.num_envs))
        else:
            list(self._workers.map(run, self._shares))


def _checked(name: str, array: ArrayLike, shape: tuple[int, ...], dtype: type) -> NDArray[Any]:
    """The array, contiguous, or an error that says what was found and what was expected."""
    found = np.asarray(array)
    if found.shape != shape or found.dtype != dtype:
        raise ValueError(f"{name} is {found.dtype} {found.shape}, expected {np.dtype(dtype).name} {shape}")
    return np.ascontiguousarray(found)


def _check_arguments(
    num_envs: int, voxel_size: float, front: int, max_depth: float, memory_frames: int | None, threads: int
) -> None:
    if num_envs < 1:
        raise ValueError(f"num_envs is {num_envs}, expected at least 1")
    if not 0 < voxel_size < np.inf:
        raise ValueError(f"voxel_size is {voxel_size}, expected metres above 0")
    if not 1 <= front <= blocks.MAX_FRONT:
        raise ValueError(f"truncation is {front} voxels, expected 1 to {blocks.MAX_FRONT}")
    if not 0 < max_depth < np.inf:
        raise ValueError(f"max_depth is {max_depth}, expected finite metres above 0")
    if memory_frames is not None and memory_frames < 1:
        raise ValueError(f"memory_frames is {memory_frames}, expected at least 1, or None")
    if threads < 1:
        raise ValueError(f"threads is {threads}, expected at least 1")
