"""A persistent 3D reconstruction for every environment: what the robot has seen, and what it expects to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import warp as wp
from numpy.typing import NDArray

from robonav.maps import kernels
from robonav.maps.surface import extract_mesh

_SPARE_BLOCKS = (
    96  # what an environment has in reserve; a frame that needs more is finished in a second launch
)


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
    """What the map predicts.

    Attributes:
        rgb: (N, h, w, 3) uint8, 0 where unknown.
        depth: (N, h, w) float32 planar depth in metres, 0 where unknown.
        unknown: (N, h, w) bool, the ray meets no known surface.
    """

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    unknown: NDArray[np.bool_]


class Reconstruction:
    """Truncated signed distance and colour in sparse voxel blocks, one map an environment.

    Distances are measured to the tangent plane of each pixel's surface and summed as integers, so the map depends
    neither on the order of frames nor on threads.

    Args:
        num_envs: Number of independent maps N.
        pinhole: Intrinsics of the frames (H, W).
        voxel_size: Edge of a voxel, metres.
        truncation: Distance in front of a surface that is kept, metres; None = 2 voxels.
        max_depth: Returns farther than this are ignored, and rays end there, metres.
        memory_frames: A voxel not integrated during its environment's last k frames is unknown again; None = never.
        device: Warp device.
        threads: Threads that share the environments (CPU only).
        enough_observations: A return whose voxel was observed so often is not averaged in any more, only noted as
            seen again: much faster; the map then depends on the order of frames (by default never).
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
        enough_observations: int = kernels.MAX_OBSERVATIONS,
    ) -> None:
        self.num_envs = num_envs
        self.pinhole = pinhole
        self.voxel_size = voxel_size
        self.max_depth = max_depth
        self.memory_frames = memory_frames
        self.device = device
        self.threads = threads
        self._truncation = 2 * voxel_size if truncation is None else truncation
        self._frames = np.zeros(num_envs, np.int32)
        self._free = np.arange(1, 1, dtype=np.int32)
        self._grid = kernels.Grid()
        self._grid.enough = enough_observations
        self._grid.inv_voxel = 1.0 / voxel_size
        self._grid.front = max(1, round(self._truncation / voxel_size))
        with wp.ScopedDevice(device):
            self._allocate_pool(1)
            self._allocate_tables(256)
            self._grid.assigned = wp.zeros(num_envs, dtype=wp.int32)
            self._grid.used = wp.zeros(num_envs, dtype=wp.int32)
            self._grid.bounds = wp.zeros((num_envs, 6), dtype=wp.int32)
            self._grid.oldest = wp.zeros(num_envs, dtype=wp.int32)
            h, w = pinhole.height, pinhole.width
            self._waiting = wp.zeros((num_envs, h, w), dtype=wp.uint8)
            self._failures = wp.zeros(num_envs, dtype=wp.int32)
        self.reset()

    # ---------------------------------------------------------------- memory

    def _allocate_pool(self, count: int) -> None:
        """Make room for `count` blocks in all, keeping what is there; block 0 is never used."""
        voxels = count * kernels.VOXELS_PER_BLOCK
        for name, dtype in (
            ("geometry", wp.vec2i),
            ("color", wp.vec4i),
            ("stamp", wp.int32),
            ("surface", wp.int32),
        ):
            new = wp.zeros(voxels, dtype=dtype, device=self.device)
            old = getattr(self._grid, name)
            if old is not None and old.size:
                wp.copy(new, old, count=old.size)
            setattr(self._grid, name, new)

    def _allocate_tables(self, capacity: int) -> None:
        """Give every environment a hash table of `capacity` entries, moving what is there."""
        grid, old, old_capacity = self._grid, self._grid.table, self._grid.capacity
        old_slots = grid.slots
        grid.table = wp.zeros(self.num_envs * capacity, dtype=wp.uint64, device=self.device)
        slots = np.zeros((self.num_envs, capacity // 2), np.int32)
        grid.capacity = capacity
        grid.shift = 64 - int(np.log2(capacity))
        if old_capacity:
            wp.launch(
                kernels.rehash_kernel,
                (self.num_envs, old_capacity),
                [old, old_capacity, grid],
                device=self.device,
            )
            slots[:, : old_capacity // 2] = old_slots.numpy()
        grid.slots = wp.array(slots, dtype=wp.int32, device=self.device)

    def _top_up(self, reserve: NDArray[np.integer]) -> None:
        """Give each environment at least `reserve` (N,) spare blocks."""
        used, assigned = self._grid.used.numpy(), self._grid.assigned.numpy()
        need = np.maximum(used + reserve - assigned, 0)
        total = int(need.sum())
        if not total:
            return
        while (assigned + need).max() > self._grid.capacity // 2:
            self._allocate_tables(2 * self._grid.capacity)
        if total > len(self._free):
            old = self._grid.stamp.size // kernels.VOXELS_PER_BLOCK
            new = old + max(total - len(self._free), old // 2)
            if new >= 1 << kernels.SLOT_BITS:
                raise MemoryError(
                    f"the map would need {new} blocks, at most {1 << kernels.SLOT_BITS} can be named"
                )
            self._allocate_pool(new)
            self._free = np.concatenate([self._free, np.arange(old, new, dtype=np.int32)])
        slots = self._grid.slots.numpy()
        for env in np.flatnonzero(need):
            slots[env, assigned[env] : assigned[env] + need[env]] = self._free[: need[env]]
            self._free = self._free[need[env] :]
        self._grid.slots.assign(slots)
        self._grid.assigned.assign(assigned + need)

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Forget everything about some environments (None = all)."""
        envs = np.arange(self.num_envs) if env_ids is None else np.asarray(env_ids, dtype=np.int64)
        grid = self._grid
        used, assigned, slots = grid.used.numpy().copy(), grid.assigned.numpy().copy(), grid.slots.numpy()
        table, bounds = grid.table.numpy(), grid.bounds.numpy()
        dirty = [slots[env, : used[env]] for env in envs]
        released = [slots[env, : assigned[env]] for env in envs]
        self._free = np.concatenate([*released, self._free])
        cleared = np.concatenate(dirty) if dirty else np.zeros(0, np.int32)
        if len(cleared):
            wp.launch(
                kernels.clear_kernel,
                (len(cleared), 64),
                [grid, wp.array(cleared, dtype=wp.int32, device=self.device)],
                device=self.device,
            )
        used[envs] = 0
        assigned[envs] = 0
        self._frames[envs] = 0
        table.reshape(self.num_envs, -1)[envs] = 0
        bounds[envs, :3] = 1 << 20
        bounds[envs, 3:] = -(1 << 20)
        grid.used.assign(used)
        grid.assigned.assign(assigned)
        grid.table.assign(table)
        grid.bounds.assign(bounds)
        self._update_oldest()

    def _update_oldest(self) -> None:
        if self.memory_frames is not None:
            self._grid.oldest.assign(np.maximum(self._frames - self.memory_frames, 0).astype(np.int32))

    # ---------------------------------------------------------------- frames

    def _check(self, name: str, array: NDArray, shape: tuple[int, ...], dtype: type) -> NDArray:
        """The array, contiguous, or an error that says what was found and what was expected."""
        array = np.asarray(array)
        if array.shape != shape or array.dtype != dtype:
            raise ValueError(
                f"{name} is {array.dtype} {array.shape}, expected {np.dtype(dtype).name} {shape} "
                f"for {self.num_envs} environments of {self.pinhole.height}x{self.pinhole.width} pixels"
            )
        return np.ascontiguousarray(array)

    def _poses(self, T_world_camera: NDArray[np.float32]) -> wp.array:
        poses = self._check("T_world_camera", T_world_camera, (self.num_envs, 4, 4), np.float32)
        if not np.isfinite(poses).all():
            bad = np.flatnonzero(~np.isfinite(poses).all(axis=(1, 2)))
            raise ValueError(
                f"T_world_camera of environment {bad[0]} has NaN or infinite entries, expected a rigid pose"
            )
        return wp.array(poses, dtype=wp.mat44, device=self.device, copy=False)

    def _image_shape(self) -> tuple[int, int, int]:
        return (self.num_envs, self.pinhole.height, self.pinhole.width)

    def _intrinsics(self, stride: int = 1) -> kernels.Intrinsics:
        camera = kernels.Intrinsics()
        camera.width, camera.height = self.pinhole.width // stride, self.pinhole.height // stride
        camera.fx, camera.fy = self.pinhole.fx / stride, self.pinhole.fy / stride
        camera.cx, camera.cy = self.pinhole.cx / stride, self.pinhole.cy / stride
        camera.run = 64
        return camera

    def _launch(self, kernel: wp.Kernel, camera: kernels.Intrinsics, inputs: list) -> None:
        runs = -(-camera.width // camera.run)
        wp.launch(
            kernel, (self.num_envs, camera.height, runs), [self._grid, camera, *inputs, 0], device=self.device
        )

    def render(self, T_world_camera: NDArray[np.float32], stride: int = 1) -> Expectation:
        """Predict the frames at (N, 4, 4) poses; a stride of s renders (H // s, W // s) pixels."""
        camera = self._intrinsics(stride)
        shape = (self.num_envs, camera.height, camera.width)
        rgb = np.empty((*shape, 3), np.uint8)
        depth = np.empty(shape, np.float32)
        unknown = np.empty(shape, np.bool_)
        outputs = [
            wp.array(rgb, dtype=wp.uint8, device=self.device, copy=False),
            wp.array(depth, dtype=wp.float32, device=self.device, copy=False),
            wp.array(unknown, dtype=wp.bool, device=self.device, copy=False),
        ]
        self._launch(kernels.render_kernel, camera, [self._poses(T_world_camera), self.max_depth, *outputs])
        return Expectation(*(a.numpy() for a in outputs))

    def unknown_surface(
        self, depth: NDArray[np.float32], T_world_camera: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Pixels (N, H, W) whose surface the map does not know within one voxel along every axis."""
        depth = self._check("depth", depth, self._image_shape(), np.float32)
        unknown = np.empty(depth.shape, np.bool_)
        output = wp.array(unknown, dtype=wp.bool, device=self.device, copy=False)
        self._launch(
            kernels.unknown_kernel,
            self._intrinsics(),
            [
                self._poses(T_world_camera),
                wp.array(depth, device=self.device, copy=False),
                self.max_depth,
                output,
            ],
        )
        return output.numpy()

    def integrate(
        self, rgb: NDArray[np.uint8], depth: NDArray[np.float32], T_world_camera: NDArray[np.float32]
    ) -> None:
        """Take in one frame of every environment; pixels without a finite return are ignored."""
        rgb = self._check("rgb", rgb, (*self._image_shape(), 3), np.uint8)
        depth = self._check("depth", depth, self._image_shape(), np.float32)
        poses = self._poses(T_world_camera)
        self._frames += 1
        arrays = [
            poses,
            wp.array(depth, device=self.device, copy=False),
            wp.array(rgb, dtype=wp.uint8, device=self.device, copy=False),
            wp.array(self._frames, dtype=wp.int32, device=self.device, copy=False),
            self.max_depth,
            int(self.memory_frames is not None),
        ]
        reserve = np.full(self.num_envs, _SPARE_BLOCKS)
        retry = 0
        while True:
            self._top_up(reserve)
            self._failures.zero_()
            self._launch(
                kernels.integrate_kernel, self._intrinsics(), [*arrays, retry, self._waiting, self._failures]
            )
            failures = self._failures.numpy()
            if not failures.any():
                break
            self._grid.used.assign(np.minimum(self._grid.used.numpy(), self._grid.assigned.numpy()))
            reserve = np.where(failures > 0, np.maximum(2 * reserve, 1), reserve)
            retry = 1
        self._update_oldest()

    # ---------------------------------------------------------------- reading

    def mesh(self, env_id: int) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.uint8]]:
        """Zero level of one map: vertices (V, 3) metres, triangles (F, 3), colours (V, 3) uint8."""
        grid = self._grid
        entries = grid.table.numpy().reshape(self.num_envs, -1)[env_id]
        entries = np.sort(entries[entries != 0])
        slots = (entries & np.uint64((1 << kernels.SLOT_BITS) - 1)).astype(np.int64)
        key = entries >> np.uint64(kernels.SLOT_BITS)
        mask = np.uint64((1 << kernels.AXIS_BITS) - 1)
        axes = [(key >> np.uint64(kernels.AXIS_BITS * k)) & mask for k in (2, 1, 0)]
        blocks = np.stack(axes, axis=-1).astype(np.int64) - kernels.AXIS_HALF
        cells = (-1, kernels.BLOCK, kernels.BLOCK, kernels.BLOCK)
        geometry = grid.geometry.numpy().reshape(-1, kernels.VOXELS_PER_BLOCK, 2)[slots].reshape(*cells, 2)
        color = grid.color.numpy().reshape(-1, kernels.VOXELS_PER_BLOCK, 4)[slots].reshape(*cells, 4)
        stamp = grid.stamp.numpy().reshape(-1, kernels.VOXELS_PER_BLOCK)[slots].reshape(cells)
        known = (geometry[..., 1] > 0) & (stamp > grid.oldest.numpy()[env_id])
        distance = geometry[..., 0] / np.maximum(geometry[..., 1], 1) / kernels.SDF_UNITS
        return extract_mesh(blocks, distance, known, color, self.voxel_size)

    def num_blocks(self, env_id: int) -> int:
        """Blocks that hold the surface of one map."""
        return int(self._grid.used.numpy()[env_id])

    def bytes_used(self) -> int:
        """Memory of all maps, spare blocks included."""
        grid = self._grid
        arrays = (grid.table, grid.slots, grid.geometry, grid.color, grid.stamp, grid.surface)
        return sum(a.capacity for a in arrays)
