"""Sparse voxel blocks in Warp: storage of the map, and lookup of voxels.

Lengths inside kernels are in voxels. A voxel lies in a block of 8x8x8, found through a hash table with open
addressing. An entry holds key and slot in 64 bits, so that one atomic publishes both.

A voxel keeps sums of integers: addition commutes, so neither the order of pixels nor the scheduling
of threads can change a bit of the map, nor the order of frames among which no voxel settles.
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
SETTLED = 16  # observations of the surface in a voxel after which further ones change nothing
MAX_OBSERVATIONS = 1 << 13  # of the distance of one voxel
COUNT_BITS = 16
MAX_NEAR = 1 << 9  # observations of colour and plane of one voxel; the bits below have room for as many more
NEAR_BITS = 10
COLOR_BITS = 18
PLANE_BITS = 16
PLANE_UNITS = 63.0  # integer steps of a unit normal, and of a voxel's distance from a plane
HASH = 0x9E3779B97F4A7C15  # by which keys are multiplied
MAX_FRONT = 3  # voxels in front of a surface, at most

_EMPTY = wp.constant(wp.uint64(0))
_PLANE_BITS = wp.constant(wp.int64(PLANE_BITS))
_SIGN_BITS = wp.constant(wp.int64(64 - PLANE_BITS))
_NEAR_BITS = wp.constant(wp.int64(NEAR_BITS))
_NEAR_MASK = wp.constant(wp.int64((1 << NEAR_BITS) - 1))
_HASH = wp.constant(wp.uint64(HASH))
_SLOT_BITS = wp.constant(wp.uint64(SLOT_BITS))
_SLOT_MASK = wp.constant(wp.uint64((1 << SLOT_BITS) - 1))
_AXIS_BITS = wp.constant(wp.uint64(AXIS_BITS))
_COUNT_BITS = wp.constant(wp.int64(COUNT_BITS))
_COUNT_MASK = wp.constant(wp.int64((1 << COUNT_BITS) - 1))
_COLOR_BITS = wp.constant(wp.int64(COLOR_BITS))
_COLOR_MASK = wp.constant(wp.int64((1 << COLOR_BITS) - 1))
NOWHERE = wp.constant(wp.vec3i(1 << 30, 1 << 30, 1 << 30))  # no voxel within reach lies in this one's block


@wp.struct
class KernelPinhole:
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
class VoxelMaps:
    """The maps of all environments.

    `known`, `surface`, `settled` and `faced` hold a bit a voxel (word x, bit 8 y + z of its block): most
    questions need no other line of the cache.
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
    oldest: wp.array(dtype=wp.int32)  # (num_envs) what was last seen in this frame or before is forgotten
    sums: wp.array(dtype=wp.int64)  # (voxels) signed distance and number of observations
    faces: wp.array(dtype=wp.vec2l)  # (voxels) what `plane_addend` and `color_addend` add up
    stamp: wp.array(dtype=wp.int32)  # (voxels) frame of the last observation, if the map forgets
    known: wp.array(dtype=wp.uint64)  # (8 blocks) the voxel has been observed
    surface: wp.array(dtype=wp.uint64)  # (8 blocks) a return has been within one voxel
    settled: wp.array(dtype=wp.uint64)  # (8 blocks) what is seen in the voxel changes nothing
    faced: wp.array(dtype=wp.uint64)  # (8 blocks) a return has been inside, so that the face has a plane
    places: wp.array(dtype=wp.vec3i)  # (blocks) index of the block, for those in use


@wp.func
def number_of(sum: wp.int64) -> int:
    """Observations in a voxel's sum of distances: distance | 1."""
    return int(sum & _COUNT_MASK)


@wp.func
def number_near(face: wp.vec2l) -> int:
    """Observations in a voxel's face: those with the surface in the voxel or next to it."""
    return int(face[1] & _NEAR_MASK)


@wp.func
def rounded(x: float) -> wp.int64:
    """The nearest integer, in a plane's units."""
    return wp.int64(wp.floor(x * PLANE_UNITS + 0.5))


@wp.func
def plane_addend(n: wp.vec3, sdf: float) -> wp.int64:
    """Addend of a face's plane: normal of a return inside, and distance of the voxel's centre from its plane.

    Planes n.(X - p) = 0 add up to N.X = sum n.p: how many there were does not matter.
    """
    xy = (rounded(n[0]) << _PLANE_BITS) + rounded(n[1])
    return (((xy << _PLANE_BITS) + rounded(n[2])) << _PLANE_BITS) + rounded(sdf)


@wp.func
def color_addend(seen: wp.vec3ub) -> wp.int64:
    """Addend of a face's colours: blue | green | red | 1."""
    colors = (((wp.int64(seen[2]) << _COLOR_BITS) | wp.int64(seen[1])) << _COLOR_BITS) | wp.int64(seen[0])
    return (colors << _NEAR_BITS) | wp.int64(1)


@wp.func
def plane_of(face: wp.vec2l) -> wp.vec4:
    """N and S of a face: N.(X - c) = -S, c the voxel's centre."""
    s = (face[0] << _SIGN_BITS) >> _SIGN_BITS
    rest = (face[0] - s) >> _PLANE_BITS
    z = (rest << _SIGN_BITS) >> _SIGN_BITS
    rest = (rest - z) >> _PLANE_BITS
    y = (rest << _SIGN_BITS) >> _SIGN_BITS
    x = (rest - y) >> _PLANE_BITS
    return wp.vec4(float(int(x)), float(int(y)), float(int(z)), float(int(s)))


@wp.func
def color_of(face: wp.vec2l) -> wp.vec3ub:
    """Mean colour of a face."""
    scale = 1.0 / float(number_near(face))
    colors = face[1] >> _NEAR_BITS
    red = float(int(colors & _COLOR_MASK)) * scale + 0.5
    green = float(int((colors >> _COLOR_BITS) & _COLOR_MASK)) * scale + 0.5
    blue = float(int((colors >> (_COLOR_BITS + _COLOR_BITS)) & _COLOR_MASK)) * scale + 0.5
    return wp.vec3ub(wp.uint8(int(red)), wp.uint8(int(green)), wp.uint8(int(blue)))


@wp.func
def block_key(voxel: wp.vec3i) -> wp.uint64:
    """Key of the block that holds a voxel within reach."""
    x = wp.uint64((voxel[0] >> 3) + AXIS_HALF)
    y = wp.uint64((voxel[1] >> 3) + AXIS_HALF)
    z = wp.uint64((voxel[2] >> 3) + AXIS_HALF)
    return (((x << _AXIS_BITS) | y) << _AXIS_BITS) | z


@wp.func
def same_block(a: wp.vec3i, b: wp.vec3i) -> bool:
    """Whether two voxels lie in one block."""
    return (((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2])) & -8) == 0


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
def find_block(grid: VoxelMaps, env: int, key: wp.uint64) -> int:
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
def slot_of(grid: VoxelMaps, env: int, voxel: wp.vec3i, cached: wp.vec3i, slot: int) -> int:
    """Slot of a voxel's block, 0 if there is none; `slot` is that of the voxel `cached`, mostly the same."""
    if not same_block(voxel, cached):
        slot = find_block(grid, env, block_key(voxel))
    return slot


@wp.func
def insert_block(grid: VoxelMaps, env: int, voxel: wp.vec3i) -> int:
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
            grid.places[slot] = wp.vec3i(voxel[0] >> 3, voxel[1] >> 3, voxel[2] >> 3)
    return slot


@wp.func
def is_known(grid: VoxelMaps, slot: int, voxel: wp.vec3i, forgotten: int) -> bool:
    """Whether a voxel was observed and not forgotten."""
    result = (grid.known[word_of(slot, voxel)] & bit_of(voxel)) != wp.uint64(0)
    if grid.forgets != 0 and result:
        result = grid.stamp[pool_index(slot, voxel)] > forgotten
    return result


@wp.func
def has_surface(grid: VoxelMaps, slot: int, voxel: wp.vec3i, forgotten: int) -> bool:
    """Whether a return within one voxel of a voxel was observed and not forgotten."""
    result = (grid.surface[word_of(slot, voxel)] & bit_of(voxel)) != wp.uint64(0)
    if grid.forgets != 0 and result:
        result = grid.stamp[pool_index(slot, voxel)] > forgotten
    return result


@wp.func
def row_ray(pose: wp.mat44, camera: KernelPinhole, v: int) -> wp.vec3:
    """World direction, one metre deep, through the left edge of the first pixel of a row, halfway down."""
    x = -camera.cx / camera.fx
    y = (float(v) + 0.5 - camera.cy) / camera.fy
    return wp.transform_vector(pose, wp.vec3(x, y, 1.0))


@wp.func
def pixel_step(pose: wp.mat44, camera: KernelPinhole) -> wp.vec3:
    """Change of the direction one metre deep from a pixel to its right neighbour."""
    return wp.vec3(pose[0, 0], pose[1, 0], pose[2, 0]) / camera.fx


@wp.kernel(enable_backward=False)
def clear_kernel(grid: VoxelMaps, slots: wp.array(dtype=wp.int32)):
    """Reset blocks to their initial values."""
    b, x = wp.tid()
    grid.known[(slots[b] << 3) | x] = _EMPTY
    grid.surface[(slots[b] << 3) | x] = _EMPTY
    grid.settled[(slots[b] << 3) | x] = _EMPTY
    grid.faced[(slots[b] << 3) | x] = _EMPTY
    for yz in range(64):
        i = (slots[b] << 9) | (x << 6) | yz
        grid.sums[i] = wp.int64(0)
        grid.faces[i] = wp.vec2l()
        if grid.forgets != 0:
            grid.stamp[i] = 0


@wp.kernel(enable_backward=False)
def rehash_kernel(old: wp.array(dtype=wp.uint64), old_capacity: int, grid: VoxelMaps):
    """Move the entries of the tables into larger ones."""
    env, position = wp.tid()
    entry = old[env * old_capacity + position]
    if entry != _EMPTY:
        i = int(((entry >> _SLOT_BITS) * _HASH) >> grid.shift)
        while wp.atomic_cas(grid.table, env * grid.capacity + i, _EMPTY, entry) != _EMPTY:
            i = (i + 1) & (grid.capacity - 1)
