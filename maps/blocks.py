"""Sparse voxel blocks in Warp: what the map keeps, and how a voxel is found.

Lengths inside kernels are in voxels. A voxel lies in a block of 8x8x8, found through a hash table with open
addressing. An entry holds key and slot in 64 bits, so that one atomic publishes both.

What a voxel keeps are sums of integers: addition commutes, so neither the order of pixels and frames nor the
scheduling of threads can change a bit of the map.
"""

# Warp's dialect: `int(0)` declares a variable that a loop may change, and array types are calls.
# ruff: noqa: UP018, RUF046
# mypy: ignore-errors

from __future__ import annotations

import warp as wp

BLOCK = 8  # voxels along the edge of a block
VOXELS_PER_BLOCK = BLOCK**3
AXIS_BITS = 14
AXIS_HALF = 1 << (AXIS_BITS - 1)  # blocks from the world's origin to the edge of what a key can name
REACH = float((AXIS_HALF - 4) * BLOCK)  # voxels from the origin to where the map ends
SLOT_BITS = 22
SDF_UNITS = 256.0  # integer steps of the signed distance a voxel
MAX_OBSERVATIONS = 1 << 21  # of one voxel: 2^21 * max(255, 3 * 256) still fits into 31 bits
MAX_FRONT = 3  # voxels in front of a surface, at most

_EMPTY = wp.constant(wp.uint64(0))
_HASH = wp.constant(wp.uint64(0x9E3779B97F4A7C15))
_SLOT_BITS = wp.constant(wp.uint64(SLOT_BITS))
_SLOT_MASK = wp.constant(wp.uint64((1 << SLOT_BITS) - 1))
_AXIS_BITS = wp.constant(wp.uint64(AXIS_BITS))


@wp.struct
class Camera:
    """Pinhole of the frames; one thread handles `run` pixels of a row, which mostly share a block."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    max_depth: float
    run: int


@wp.struct
class Grid:
    """The maps of all environments.

    `known` and `surface` hold a bit a voxel (word x, bit 8 y + z of its block): most questions need no other
    line of the cache.
    """

    inv_voxel: float
    front: int  # voxels in front of a surface that are kept
    forgets: int
    capacity: int  # entries of an environment's hash table, a power of two
    shift: wp.uint64  # 64 - log2(capacity)
    table: wp.array(dtype=wp.uint64)  # (num_envs * capacity) key << SLOT_BITS | slot, 0 = empty
    slots: wp.array(dtype=wp.int32, ndim=2)  # (num_envs, capacity / 2) slots that an environment owns
    assigned: wp.array(dtype=wp.int32)  # (num_envs) how many of them the host has handed out
    used: wp.array(dtype=wp.int32)  # (num_envs) how many of them hold a block
    bounds: wp.array(dtype=wp.int32, ndim=2)  # (num_envs, 6) lowest and highest block along x, y, z
    oldest: wp.array(dtype=wp.int32)  # (num_envs) what was last seen in this frame or before is forgotten
    distance: wp.array(dtype=wp.vec2i)  # (voxels) sum of signed distances, and their number
    color: wp.array(dtype=wp.vec4i)  # (voxels) sums of r, g, b near the surface, and their number
    stamp: wp.array(dtype=wp.int32)  # (voxels) frame of the last observation, if the map forgets
    known: wp.array(dtype=wp.uint64)  # (8 blocks) the voxel has been observed
    surface: wp.array(dtype=wp.uint64)  # (8 blocks) a return has been within one voxel


@wp.func
def block_key(voxel: wp.vec3i) -> wp.uint64:
    """Key of the block that holds a voxel within reach."""
    x = wp.uint64((voxel[0] >> 3) + AXIS_HALF)
    y = wp.uint64((voxel[1] >> 3) + AXIS_HALF)
    z = wp.uint64((voxel[2] >> 3) + AXIS_HALF)
    return (((x << _AXIS_BITS) | y) << _AXIS_BITS) | z


@wp.func
def pool_index(slot: int, voxel: wp.vec3i) -> int:
    """Index of a voxel in the pool."""
    return (slot << 9) | ((voxel[0] & 7) << 6) | ((voxel[1] & 7) << 3) | (voxel[2] & 7)


@wp.func
def word_of(slot: int, voxel: wp.vec3i) -> int:
    """Index of the word that holds a voxel's bit."""
    return (slot << 3) | (voxel[0] & 7)


@wp.func
def bit_of(voxel: wp.vec3i) -> wp.uint64:
    """Bit of a voxel in its word."""
    return wp.uint64(1) << wp.uint64(((voxel[1] & 7) << 3) | (voxel[2] & 7))


@wp.func
def voxel_of(p: wp.vec3) -> wp.vec3i:
    """Voxel that holds a point within reach."""
    return wp.vec3i(int(wp.floor(p[0])), int(wp.floor(p[1])), int(wp.floor(p[2])))


@wp.func
def within_reach(p: wp.vec3) -> bool:
    """Whether a key can name a point and its neighbours; False for NaN."""
    return wp.abs(p[0]) < REACH and wp.abs(p[1]) < REACH and wp.abs(p[2]) < REACH


@wp.func
def find_block(grid: Grid, env: int, key: wp.uint64) -> int:
    """Slot of a block, 0 if the environment has no such block."""
    base = env * grid.capacity
    i = int((key * _HASH) >> grid.shift)
    slot = int(0)
    entry = grid.table[base + i]
    while entry != _EMPTY:
        if (entry >> _SLOT_BITS) == key:
            slot = int(entry & _SLOT_MASK)
            break
        i = (i + 1) & (grid.capacity - 1)
        entry = grid.table[base + i]
    return slot


@wp.func
def insert_block(grid: Grid, env: int, voxel: wp.vec3i) -> int:
    """Slot of a voxel's block, which is added if need be; 0 if the environment has no spare slot."""
    key = block_key(voxel)
    slot = find_block(grid, env, key)
    if slot == 0:
        count = wp.atomic_add(grid.used, env, 1)
        if count < grid.assigned[env]:
            slot = grid.slots[env, count]
            entry = (key << _SLOT_BITS) | wp.uint64(slot)
            base = env * grid.capacity
            i = int((key * _HASH) >> grid.shift)
            found = wp.atomic_cas(grid.table, base + i, _EMPTY, entry)
            while found != _EMPTY:
                if (found >> _SLOT_BITS) == key:  # another thread was faster; our slot rests until the reset
                    slot = int(found & _SLOT_MASK)
                    break
                i = (i + 1) & (grid.capacity - 1)
                found = wp.atomic_cas(grid.table, base + i, _EMPTY, entry)
            for axis in range(3):
                wp.atomic_min(grid.bounds, env, axis, voxel[axis] >> 3)
                wp.atomic_max(grid.bounds, env, 3 + axis, voxel[axis] >> 3)
    return slot


@wp.func
def is_known(grid: Grid, slot: int, voxel: wp.vec3i, forgotten: int) -> bool:
    """Whether an observation of a voxel is remembered."""
    result = (grid.known[word_of(slot, voxel)] & bit_of(voxel)) != wp.uint64(0)
    if grid.forgets != 0 and result:
        result = grid.stamp[pool_index(slot, voxel)] > forgotten
    return result


@wp.func
def has_surface(grid: Grid, slot: int, voxel: wp.vec3i, forgotten: int) -> bool:
    """Whether a return within one voxel of a voxel is remembered."""
    result = (grid.surface[word_of(slot, voxel)] & bit_of(voxel)) != wp.uint64(0)
    if grid.forgets != 0 and result:
        result = grid.stamp[pool_index(slot, voxel)] > forgotten
    return result


@wp.func
def pixel_ray(pose: wp.mat44, camera: Camera, u: int, v: int) -> wp.vec3:
    """World direction through a pixel's centre, one metre deep."""
    x = (float(u) + 0.5 - camera.cx) / camera.fx
    y = (float(v) + 0.5 - camera.cy) / camera.fy
    return wp.transform_vector(pose, wp.vec3(x, y, 1.0))


@wp.kernel(enable_backward=False)
def clear_kernel(grid: Grid, slots: wp.array(dtype=wp.int32)):
    """Make blocks as good as new."""
    b, x = wp.tid()
    grid.known[(slots[b] << 3) | x] = _EMPTY
    grid.surface[(slots[b] << 3) | x] = _EMPTY
    for yz in range(64):
        i = (slots[b] << 9) | (x << 6) | yz
        grid.distance[i] = wp.vec2i(0, 0)
        grid.color[i] = wp.vec4i(0, 0, 0, 0)
        if grid.forgets != 0:
            grid.stamp[i] = 0


@wp.kernel(enable_backward=False)
def rehash_kernel(old: wp.array(dtype=wp.uint64), old_capacity: int, grid: Grid):
    """Move the entries of the tables into larger ones."""
    env, position = wp.tid()
    entry = old[env * old_capacity + position]
    if entry != _EMPTY:
        i = int(((entry >> _SLOT_BITS) * _HASH) >> grid.shift)
        while wp.atomic_cas(grid.table, env * grid.capacity + i, _EMPTY, entry) != _EMPTY:
            i = (i + 1) & (grid.capacity - 1)
