"""Memory of the sparse reconstruction: a pool of blocks for all environments, and a hash table each."""

from __future__ import annotations

from typing import Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from robonav.maps.reconstruction import blocks

_FIRST_CAPACITY = 512  # entries of an environment's hash table
_RESERVE = 64  # an environment with fewer spare blocks than this ...
_REFILL = 128  # ... gets this many
_AHEAD = 1 << 15  # blocks that the CPU's pool has room for: untouched memory is free, moving to more is not
_LINE = 64  # bytes that the cache reads at once


class BlockPool:
    """Reserves blocks before each frame, so that kernels need not allocate memory.

    Args:
        num_envs: Number of environments N.
        voxel_size: Edge of a voxel, metres.
        front: Voxels kept in front of a surface.
        forgets: Whether voxels store the frame of their last observation.
        device: Warp device.
    """

    def __init__(self, num_envs: int, voxel_size: float, front: int, forgets: bool, device: str) -> None:
        self._device = device
        self._free = np.zeros(0, np.int32)
        self._want = np.full(num_envs, _RESERVE)
        self._assigned = np.zeros(num_envs, np.int32)
        self._slots = np.zeros((num_envs, 0), np.int32)
        self._size = 0
        self._ahead = _AHEAD if device == "cpu" else 0
        self.grid = blocks.VoxelMaps()
        self.grid.inv_voxel = 1.0 / voxel_size
        self.grid.front = front
        self.grid.forgets = int(forgets)
        self.grid.capacity = 0
        self.grid.assigned = wp.zeros(num_envs, dtype=wp.int32, device=device)
        self.grid.used = wp.zeros(num_envs, dtype=wp.int32, device=device)
        self.grid.oldest = wp.zeros(num_envs, dtype=wp.int32, device=device)
        self._grow_pool(1)  # slot 0 stays empty: it means "no block"
        self._grow_tables(_FIRST_CAPACITY)

    @property
    def used(self) -> NDArray[np.int32]:
        """Blocks in use (N,)."""
        return np.minimum(self.grid.used.numpy(), self._assigned)

    def set_oldest(self, frames: NDArray[np.int32]) -> None:
        """Set the frames (N,) up to which observations are forgotten."""
        self.grid.oldest.assign(frames)

    def reserve(self) -> None:
        """Reserve new blocks for environments that run short; pool and tables grow as needed.

        Raises:
            MemoryError: The pool would have more blocks than can be numbered.
        """
        spare = self._assigned - self.used
        need = np.where(spare < self._want, self._want + (_REFILL - _RESERVE) - spare, 0)
        total = int(need.sum())
        if not total:
            return
        while (self._assigned + need).max() > self.grid.capacity // 2:
            self._grow_tables(2 * self.grid.capacity)
        if total > len(self._free):
            self._grow_pool(self._size + max(total - len(self._free), self._size, self._ahead))
        for env in np.flatnonzero(need):
            first, count = self._assigned[env], need[env]
            self._slots[env, first : first + count] = self._free[:count]
            self._free = self._free[count:]
        self._assigned += need.astype(np.int32)
        self.grid.slots.assign(self._slots)
        self.grid.assigned.assign(self._assigned)

    def grow_for(self, failures: NDArray[np.int32]) -> bool:
        """Whether pixels (N,) found no spare block; their environments then reserve more next time."""
        if not failures.any():
            self._want[:] = _RESERVE
            return False
        self.grid.used.assign(self.used)  # the kernel counts beyond what is there
        self._want = np.where(failures > 0, 2 * np.maximum(self._want, self._assigned), self._want)
        return True

    def release(self, envs: NDArray[np.int64]) -> None:
        """Empty the maps of some environments and return their blocks to the pool."""
        used = self.used
        dirty = np.concatenate([np.zeros(0, np.int32), *(self._slots[env, : used[env]] for env in envs)])
        if len(dirty):
            slots = wp.array(dirty, dtype=wp.int32, device=self._device)
            wp.launch(
                blocks.clear_kernel, (len(dirty), blocks.BLOCK), [self.grid, slots], device=self._device
            )
        self._free = np.concatenate([*(self._slots[env, : self._assigned[env]] for env in envs), self._free])
        self._assigned[envs] = 0
        used[envs] = 0
        self.grid.assigned.assign(self._assigned)
        self.grid.used.assign(used)
        for env in envs.tolist():  # Warp takes no numpy integers for addresses
            self.grid.table[env * self.grid.capacity : (env + 1) * self.grid.capacity].zero_()

    def read(
        self, env: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
        """All blocks of one environment: indices (B, 3), and the arrays of `voxels`."""
        places, slots = self.blocks(env)
        return places, *self.voxels(env, slots)

    def blocks(self, env: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Indices (B, 3) and slots (B,) of an environment's blocks, in an order independent of the frames."""
        table = self.grid.table.numpy().reshape(-1, self.grid.capacity)[env]
        entries = np.sort(table[table != 0])
        slots = (entries & np.uint64((1 << blocks.SLOT_BITS) - 1)).astype(np.int64)
        keys = (entries >> np.uint64(blocks.SLOT_BITS)).astype(np.int64)
        mask = (1 << blocks.AXIS_BITS) - 1
        axes = [(keys >> (blocks.AXIS_BITS * axis)) & mask for axis in (2, 1, 0)]
        return np.stack(axes, axis=-1) - blocks.AXIS_HALF, slots

    def observations(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of observations of each block (B,), to detect changes."""
        counts = self._voxels("sums")[slots] & ((1 << blocks.COUNT_BITS) - 1)
        near = self._voxels("faces")[slots, :, 1] & ((1 << blocks.NEAR_BITS) - 1)
        return counts.sum(axis=1) + near.sum(axis=1)

    def voxels(
        self, env: int, slots: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
        """The voxels of blocks (B,) of one environment.

        Returns:
            Signed distances in voxels (B, 8, 8, 8), sums of r, g, b and their number (B, 8, 8, 8, 4), and
            which voxels are known (B, 8, 8, 8).
        """
        shape = (len(slots), *(blocks.BLOCK,) * 3)
        sums = self._voxels("sums")[slots].reshape(shape)
        colors = self._voxels("faces")[slots, :, 1].reshape(shape)
        count, near = (sums & ((1 << blocks.COUNT_BITS) - 1)), (colors & ((1 << blocks.NEAR_BITS) - 1))
        shifts = blocks.NEAR_BITS + blocks.COLOR_BITS * np.arange(3)
        tints = (colors[..., None] >> shifts) & ((1 << blocks.COLOR_BITS) - 1)
        known = count > 0
        if self.grid.forgets:
            known &= self._voxels("stamp")[slots].reshape(shape) > self.grid.oldest.numpy()[env]
        sdf = (sums >> blocks.COUNT_BITS) / (np.maximum(count, 1) * blocks.SDF_UNITS)
        return sdf, np.concatenate([tints, near[..., None]], axis=-1), known

    def _voxels(self, name: str) -> NDArray[Any]:
        """An array of the pool by block (size, 512, ...)."""
        array = getattr(self.grid, name).numpy()
        return array.reshape(-1, blocks.VOXELS_PER_BLOCK, *array.shape[1:])

    def bytes_used(self) -> int:
        """Bytes of everything that grows."""
        names = ("table", "slots", "sums", "stamp", "known", "surface", "settled", "faced", "faces", "places")
        return sum(getattr(self.grid, name).capacity for name in names)

    def _grow_pool(self, size: int) -> None:
        """Grow the pool to `size` blocks and keep their contents."""
        if size >= 1 << blocks.SLOT_BITS:
            raise MemoryError(
                f"the maps need {size} blocks, expected fewer than {1 << blocks.SLOT_BITS}: use larger voxels"
            )
        voxels, words = size * blocks.VOXELS_PER_BLOCK, size * blocks.BLOCK
        self._replace("sums", wp.int64, _zeros((voxels,), np.int64))
        self._replace("faces", wp.vec2l, _zeros((voxels, 2), np.int64))
        self._replace("stamp", wp.int32, _zeros((voxels if self.grid.forgets else 1,), np.int32))
        for name in ("known", "surface", "settled", "faced"):
            self._replace(name, wp.uint64, _zeros((words,), np.uint64))
        self._replace("places", wp.vec3i, _zeros((size, 3), np.int32))
        self._free = np.concatenate([self._free, np.arange(max(self._size, 1), size, dtype=np.int32)])
        self._size = size

    def _replace(self, name: str, dtype: Any, new: NDArray[Any]) -> None:
        """Put a larger array of zeros in an array's place.

        On the CPU the memory is numpy's: it asks the kernel for huge pages, which Warp's allocator does not.
        """
        old = getattr(self.grid, name)
        array = wp.array(new, dtype=dtype, device=self._device, copy=False)
        if self._size:
            wp.copy(array, old, count=old.size)
        setattr(self.grid, name, array)

    def _grow_tables(self, capacity: int) -> None:
        """Grow every hash table to `capacity` entries and rehash the blocks."""
        grid, old, old_capacity = self.grid, self.grid.table, self.grid.capacity
        num_envs = len(self._assigned)
        grid.table = wp.zeros(num_envs * capacity, dtype=wp.uint64, device=self._device)
        grid.capacity = capacity
        grid.shift = 64 - (capacity.bit_length() - 1)
        if old_capacity:
            inputs = [old, old_capacity, grid]
            wp.launch(blocks.rehash_kernel, (num_envs, old_capacity), inputs, device=self._device)
        slots = np.zeros((num_envs, capacity // 2), np.int32)
        slots[:, : self._slots.shape[1]] = self._slots
        self._slots = slots
        grid.slots = wp.array(slots, dtype=wp.int32, device=self._device)


def _zeros(shape: tuple[int, ...], dtype: type) -> NDArray[Any]:
    """Zeros from the beginning of a line of the cache: a block's bits, or a column of its sums, are one."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(size + _LINE, np.uint8)
    start = -memory.ctypes.data % _LINE
    return memory[start : start + size].view(dtype).reshape(shape)
