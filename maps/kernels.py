"""Warp kernels of the sparse reconstruction: one source for CPU and CUDA, one module, compiled once.

Lengths inside the kernels are in voxels. A voxel lies in a block of 8x8x8; a block is found through its environment's
segment of an open-addressing hash table, whose 64-bit entry holds key and slot together, so that one atomic publishes
both. What a voxel knows are integer sums: addition commutes, so neither the order of frames nor the scheduling of
threads can change a bit of the map.
"""

from __future__ import annotations

import warp as wp

BLOCK = 8  # voxels along the edge of a block
VOXELS_PER_BLOCK = BLOCK**3
AXIS_BITS = 14
AXIS_HALF = 1 << (AXIS_BITS - 1)  # blocks from the world's origin to the edge of what a key can name
SLOT_BITS = 22
SDF_UNITS = 256.0  # integer steps of the signed distance a voxel
MAX_OBSERVATIONS = 1 << 21  # of one voxel: 2^21 * max(255, 3 * 256) still fits into 31 bits
BEHIND = 1.25  # voxels of negative distance that are kept, so that thin walls keep both faces

wp.set_module_options({"enable_backward": False})

_SLOT_BITS = wp.constant(wp.uint64(SLOT_BITS))
_SLOT_MASK = wp.constant(wp.uint64((1 << SLOT_BITS) - 1))
_HASH = wp.constant(wp.uint64(0x9E3779B97F4A7C15))
_EMPTY = wp.constant(wp.uint64(0))
_AXIS_BITS = wp.constant(wp.uint64(AXIS_BITS))
_HALF = wp.constant(AXIS_HALF)
_REACH = wp.constant(float(AXIS_HALF * BLOCK - 4 * BLOCK))
_UNITS = wp.constant(SDF_UNITS)
_BEHIND = wp.constant(BEHIND)
_MAX_OBSERVATIONS = wp.constant(MAX_OBSERVATIONS)


@wp.struct
class Intrinsics:
    """Pinhole of the frames, with the number of pixels that one thread handles in a row."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    run: int


@wp.struct
class Grid:
    """Everything the map keeps, for all environments."""

    table: wp.array(dtype=wp.uint64)  # num_envs segments of `capacity` entries: key << SLOT_BITS | slot
    capacity: int
    shift: wp.uint64
    slots: wp.array(dtype=wp.int32, ndim=2)  # (num_envs, capacity / 2) slots that an environment owns
    assigned: wp.array(dtype=wp.int32)  # how many of them the host has handed out
    used: wp.array(dtype=wp.int32)  # how many of them hold a block
    bounds: wp.array(dtype=wp.int32, ndim=2)  # (num_envs, 6) lowest and highest block index
    oldest: wp.array(dtype=wp.int32)  # a voxel is known if its stamp is later than this
    geometry: wp.array(dtype=wp.vec2i)  # sum of signed distances, observations
    color: wp.array(dtype=wp.vec4i)  # sums of r, g, b, observations
    stamp: wp.array(dtype=wp.int32)  # frame of the last observation, 0 = never
    surface: wp.array(dtype=wp.int32)  # frame of the last return within one voxel, 0 = never
    inv_voxel: float
    front: int  # voxels in front of the surface that are kept
    enough: int  # observations after which the voxel of a return is only stamped


@wp.func
def block_key(block: wp.vec3i) -> wp.uint64:
    """Key of a block within reach."""
    x = wp.uint64(block[0] + _HALF)
    y = wp.uint64(block[1] + _HALF)
    z = wp.uint64(block[2] + _HALF)
    return (((x << _AXIS_BITS) | y) << _AXIS_BITS) | z


@wp.func
def block_of(voxel: wp.vec3i) -> wp.vec3i:
    """Block that holds a voxel."""
    return wp.vec3i(voxel[0] >> 3, voxel[1] >> 3, voxel[2] >> 3)


@wp.func
def index_in_pool(slot: int, voxel: wp.vec3i) -> int:
    """Index of a voxel in the pool's arrays."""
    return (slot << 9) | ((voxel[0] & 7) << 6) | ((voxel[1] & 7) << 3) | (voxel[2] & 7)


@wp.func
def voxel_of(p: wp.vec3) -> wp.vec3i:
    """Voxel that holds a point within reach."""
    return wp.vec3i(int(wp.floor(p[0])), int(wp.floor(p[1])), int(wp.floor(p[2])))


@wp.func
def within_reach(p: wp.vec3) -> bool:
    """Whether a point (and its neighbours) can be named by a key; False for NaN."""
    return wp.abs(p[0]) < _REACH and wp.abs(p[1]) < _REACH and wp.abs(p[2]) < _REACH


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
def insert_block(grid: Grid, env: int, block: wp.vec3i) -> int:
    """Slot of a block that is added if need be; 0 if the environment has no spare slot."""
    key = block_key(block)
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
                wp.atomic_min(grid.bounds, env, axis, block[axis])
                wp.atomic_max(grid.bounds, env, 3 + axis, block[axis])
    return slot


@wp.func
def slope(here: float, before: float, after: float) -> float:
    """Change of inverse depth a pixel, from the side where it changes less (the other may be another surface)."""
    back = here - before
    ahead = after - here
    result = back
    if wp.abs(ahead) < wp.abs(back):
        result = ahead
    return result


@wp.func
def inverse_depth(
    depth: wp.array(dtype=float, ndim=3), env: int, v: int, u: int, camera: Intrinsics
) -> float:
    """1 / depth of a pixel; far off any surface outside of the image and where there is no return."""
    result = float(1.0e6)
    if u >= 0 and v >= 0 and u < camera.width and v < camera.height:
        d = depth[env, v, u]
        if d > 0.0:
            result = 1.0 / d
    return result


@wp.func
def surface_normal(
    depth: wp.array(dtype=float, ndim=3), env: int, v: int, u: int, x: float, y: float, camera: Intrinsics
) -> wp.vec3:
    """Normal in the camera frame, towards the camera: on a plane the inverse depth is linear in the image."""
    here = 1.0 / depth[env, v, u]
    gx = camera.fx * slope(
        here, inverse_depth(depth, env, v, u - 1, camera), inverse_depth(depth, env, v, u + 1, camera)
    )
    gy = camera.fy * slope(
        here, inverse_depth(depth, env, v - 1, u, camera), inverse_depth(depth, env, v + 1, u, camera)
    )
    normal = wp.vec3(gx, gy, here - gx * x - gy * y)
    ray = wp.vec3(x, y, 1.0)
    # A view flatter than 6 degrees is an edge, not a surface: assume that it faces the camera.
    if here < 0.1 * wp.length(normal) * wp.length(ray):
        normal = ray
    return -wp.normalize(normal)


@wp.func
def observe(
    grid: Grid,
    env: int,
    slot: int,
    voxel: wp.vec3i,
    distance: float,
    red: int,
    green: int,
    blue: int,
    frame: int,
):
    """Add one observation to a voxel."""
    i = index_in_pool(slot, voxel)
    if grid.geometry[i][1] < _MAX_OBSERVATIONS:
        wp.atomic_add(grid.geometry, i, wp.vec2i(int(wp.round(distance * _UNITS)), 1))
        if wp.abs(distance) <= 1.0:
            wp.atomic_add(grid.color, i, wp.vec4i(red, green, blue, 1))
    grid.stamp[i] = frame
    if wp.abs(distance) <= 1.0:
        grid.surface[i] = frame


@wp.func
def pose_point(pose: wp.mat44, p: wp.vec3) -> wp.vec3:
    """A camera point in the world."""
    return wp.transform_point(pose, p)


@wp.kernel
def integrate_kernel(
    grid: Grid,
    camera: Intrinsics,
    poses: wp.array(dtype=wp.mat44),
    depth: wp.array(dtype=float, ndim=3),
    rgb: wp.array(dtype=wp.uint8, ndim=4),
    frames: wp.array(dtype=wp.int32),
    max_depth: float,
    forget: int,
    retry: int,
    waiting: wp.array(dtype=wp.uint8, ndim=3),
    failures: wp.array(dtype=wp.int32),
    first_env: int,
):
    """Add the surface that each pixel sees; a pixel that finds no spare block changes nothing and waits."""
    local_env, v, part = wp.tid()
    env = first_env + local_env
    pose = poses[env]
    frame = frames[env]
    oldest = grid.oldest[env]
    cached_key = _EMPTY
    cached_slot = int(0)
    for k in range(camera.run):
        u = part * camera.run + k
        if u < camera.width and (retry == 0 or waiting[env, v, u] != wp.uint8(0)):
            d = depth[env, v, u]
            if d > 0.0 and d <= max_depth:
                x = (float(u) + 0.5 - camera.cx) / camera.fx
                y = (float(v) + 0.5 - camera.cy) / camera.fy
                p = wp.transform_point(pose, wp.vec3(x * d, y * d, d)) * grid.inv_voxel
                settled = bool(False)
                if within_reach(p):
                    key = block_key(block_of(voxel_of(p)))
                    if key != cached_key:
                        cached_slot = find_block(grid, env, key)
                        cached_key = key
                        if cached_slot == 0:
                            cached_key = _EMPTY
                    if cached_slot != 0:
                        i = index_in_pool(cached_slot, voxel_of(p))
                        if grid.geometry[i][1] >= grid.enough and grid.surface[i] > oldest:
                            grid.stamp[i] = frame
                            grid.surface[i] = frame
                            settled = True
                if within_reach(p) and not settled:
                    n = wp.transform_vector(pose, surface_normal(depth, env, v, u, x, y, camera))
                    ready = bool(True)
                    for step in range(-1, grid.front + 1):
                        key = block_key(block_of(voxel_of(p + n * float(step))))
                        if key != cached_key:
                            cached_slot = insert_block(grid, env, block_of(voxel_of(p + n * float(step))))
                            cached_key = key
                            if cached_slot == 0:
                                ready = False
                                cached_key = _EMPTY
                    if ready:
                        red = int(rgb[env, v, u, 0])
                        green = int(rgb[env, v, u, 1])
                        blue = int(rgb[env, v, u, 2])
                        for step in range(-1, grid.front + 1):
                            voxel = voxel_of(p + n * float(step))
                            centre = wp.vec3(
                                float(voxel[0]) + 0.5, float(voxel[1]) + 0.5, float(voxel[2]) + 0.5
                            )
                            distance = wp.min(wp.dot(n, centre - p), float(grid.front))
                            if distance >= -_BEHIND:
                                key = block_key(block_of(voxel))
                                if key != cached_key:
                                    cached_slot = find_block(grid, env, key)
                                    cached_key = key
                                if forget != 0:
                                    i = index_in_pool(cached_slot, voxel)
                                    if grid.stamp[i] <= oldest:
                                        grid.geometry[i] = wp.vec2i(0, 0)
                                        grid.color[i] = wp.vec4i(0, 0, 0, 0)
                                observe(grid, env, cached_slot, voxel, distance, red, green, blue, frame)
                        waiting[env, v, u] = wp.uint8(0)
                    else:
                        waiting[env, v, u] = wp.uint8(1)
                        wp.atomic_add(failures, env, 1)


@wp.kernel
def unknown_kernel(
    grid: Grid,
    camera: Intrinsics,
    poses: wp.array(dtype=wp.mat44),
    depth: wp.array(dtype=float, ndim=3),
    max_depth: float,
    unknown: wp.array(dtype=wp.bool, ndim=3),
    first_env: int,
):
    """Mark the pixels whose surface no voxel within one voxel along every axis knows."""
    local_env, v, part = wp.tid()
    env = first_env + local_env
    pose = poses[env]
    oldest = grid.oldest[env]
    cached_key = _EMPTY
    cached_slot = int(0)
    for k in range(camera.run):
        u = part * camera.run + k
        if u < camera.width:
            d = depth[env, v, u]
            result = bool(False)
            if d > 0.0 and d <= max_depth:
                x = (float(u) + 0.5 - camera.cx) / camera.fx
                y = (float(v) + 0.5 - camera.cy) / camera.fy
                p = wp.transform_point(pose, wp.vec3(x * d, y * d, d)) * grid.inv_voxel
                if within_reach(p):
                    result = True
                    low = voxel_of(p - wp.vec3(0.5, 0.5, 0.5))
                    nearest = voxel_of(p) - low
                    first = nearest[0] * 4 + nearest[1] * 2 + nearest[2]
                    for c in range(8):
                        if result:
                            corner = (
                                c ^ first
                            )  # the voxel that holds the point comes first: it nearly always decides
                            voxel = low + wp.vec3i(corner >> 2, (corner >> 1) & 1, corner & 1)
                            key = block_key(block_of(voxel))
                            if key != cached_key:
                                cached_slot = find_block(grid, env, key)
                                cached_key = key
                            if cached_slot != 0:
                                if grid.surface[index_in_pool(cached_slot, voxel)] > oldest:
                                    result = False
            unknown[env, v, u] = result


@wp.func
def interpolate(grid: Grid, env: int, p: wp.vec3, oldest: int) -> wp.vec2:
    """Signed distance at a point from the known ones of the eight voxels around it, and their weight."""
    q = p - wp.vec3(0.5, 0.5, 0.5)
    low = voxel_of(q)
    f = q - wp.vec3(float(low[0]), float(low[1]), float(low[2]))
    total = float(0.0)
    weight = float(0.0)
    cached_key = _EMPTY
    cached_slot = int(0)
    for c in range(8):
        corner = wp.vec3i(c >> 2, (c >> 1) & 1, c & 1)
        voxel = low + corner
        key = block_key(block_of(voxel))
        if key != cached_key:
            cached_slot = find_block(grid, env, key)
            cached_key = key
        if cached_slot != 0:
            i = index_in_pool(cached_slot, voxel)
            sums = grid.geometry[i]
            if sums[1] > 0 and grid.stamp[i] > oldest:
                w = (
                    wp.abs(1.0 - float(corner[0]) - f[0])
                    * wp.abs(1.0 - float(corner[1]) - f[1])
                    * wp.abs(1.0 - float(corner[2]) - f[2])
                )
                total += w * float(sums[0]) / (_UNITS * float(sums[1]))
                weight += w
    result = wp.vec2(0.0, 0.0)
    if weight > 0.0:
        result = wp.vec2(total / weight, weight)
    return result


@wp.func
def mean_color(grid: Grid, env: int, p: wp.vec3, oldest: int) -> wp.vec4:
    """Mean colour at a point, interpolated between the voxels around it that have one; last is the weight."""
    q = p - wp.vec3(0.5, 0.5, 0.5)
    low = voxel_of(q)
    f = q - wp.vec3(float(low[0]), float(low[1]), float(low[2]))
    total = wp.vec4(0.0, 0.0, 0.0, 0.0)
    for c in range(8):
        corner = wp.vec3i(c >> 2, (c >> 1) & 1, c & 1)
        voxel = low + corner
        slot = find_block(grid, env, block_key(block_of(voxel)))
        if slot != 0:
            i = index_in_pool(slot, voxel)
            sums = grid.color[i]
            if sums[3] > 0 and grid.stamp[i] > oldest:
                w = (
                    wp.abs(1.0 - float(corner[0]) - f[0])
                    * wp.abs(1.0 - float(corner[1]) - f[1])
                    * wp.abs(1.0 - float(corner[2]) - f[2])
                    + 1.0e-3
                )
                s = w / float(sums[3])
                total += wp.vec4(s * float(sums[0]), s * float(sums[1]), s * float(sums[2]), w)
    return total


@wp.func
def far_end(origin: wp.vec3, inverse: wp.vec3, low: wp.vec3, high: wp.vec3) -> float:
    """Ray parameter at which a ray leaves a box."""
    a = wp.cw_mul(low - origin, inverse)
    b = wp.cw_mul(high - origin, inverse)
    return wp.min(wp.max(a[0], b[0]), wp.min(wp.max(a[1], b[1]), wp.max(a[2], b[2])))


@wp.func
def near_end(origin: wp.vec3, inverse: wp.vec3, low: wp.vec3, high: wp.vec3) -> float:
    """Ray parameter at which a ray enters a box."""
    a = wp.cw_mul(low - origin, inverse)
    b = wp.cw_mul(high - origin, inverse)
    return wp.max(wp.min(a[0], b[0]), wp.max(wp.min(a[1], b[1]), wp.min(a[2], b[2])))


@wp.func
def safe_inverse(x: float) -> float:
    """1 / x, large but finite at zero."""
    result = float(1.0e9)
    if wp.abs(x) > 1.0e-9:
        result = 1.0 / x
    return result


@wp.func
def first_surface(grid: Grid, env: int, origin: wp.vec3, ray: wp.vec3, reach: float, oldest: int) -> float:
    """Distance (voxels) along a unit ray to the first change from outside to inside; negative if there is none."""
    inverse = wp.vec3(safe_inverse(ray[0]), safe_inverse(ray[1]), safe_inverse(ray[2]))
    low = wp.vec3(float(grid.bounds[env, 0]), float(grid.bounds[env, 1]), float(grid.bounds[env, 2])) * 8.0
    high = (
        wp.vec3(
            float(grid.bounds[env, 3] + 1), float(grid.bounds[env, 4] + 1), float(grid.bounds[env, 5] + 1)
        )
        * 8.0
    )
    t = wp.max(near_end(origin, inverse, low, high) + 1.0e-3, 0.0)
    end = wp.min(far_end(origin, inverse, low, high), reach)
    cached_key = _EMPTY
    cached_slot = int(0)
    last_t = float(-1.0)
    last = float(0.0)
    hit = float(-1.0)
    while t < end:
        p = origin + ray * t
        voxel = voxel_of(p)
        block = block_of(voxel)
        key = block_key(block)
        if key != cached_key:
            cached_slot = find_block(grid, env, key)
            cached_key = key
        if cached_slot == 0:
            corner = wp.vec3(float(block[0]), float(block[1]), float(block[2])) * 8.0
            t = wp.max(far_end(origin, inverse, corner, corner + wp.vec3(8.0, 8.0, 8.0)), t) + 1.0e-2
            last_t = -1.0
        else:
            i = index_in_pool(cached_slot, voxel)
            sums = grid.geometry[i]
            if sums[1] > 0 and grid.stamp[i] > oldest:
                distance = float(sums[0]) / (_UNITS * float(sums[1]))
                if distance <= 0.0 and last_t >= 0.0:
                    hit = last_t + (t - last_t) * last / (last - distance)
                    before = interpolate(grid, env, origin + ray * last_t, oldest)
                    after = interpolate(grid, env, p, oldest)
                    if before[0] > 0.0 and after[0] < 0.0 and before[1] > 0.0 and after[1] > 0.0:
                        hit = last_t + (t - last_t) * before[0] / (before[0] - after[0])
                    break
                last_t = -1.0
                if distance > 0.0:
                    last_t = t
                    last = distance
                t += wp.max(0.5, distance - 1.0)
            else:
                last_t = -1.0
                t += 0.7
    return hit


@wp.kernel
def render_kernel(
    grid: Grid,
    camera: Intrinsics,
    poses: wp.array(dtype=wp.mat44),
    max_depth: float,
    rgb: wp.array(dtype=wp.uint8, ndim=4),
    depth: wp.array(dtype=float, ndim=3),
    unknown: wp.array(dtype=wp.bool, ndim=3),
    first_env: int,
):
    """Predict colour and depth of each pixel, or that the map does not know."""
    local_env, v, part = wp.tid()
    env = first_env + local_env
    pose = poses[env]
    oldest = grid.oldest[env]
    origin = wp.transform_point(pose, wp.vec3(0.0, 0.0, 0.0)) * grid.inv_voxel
    usable = within_reach(origin) and grid.used[env] > 0
    for k in range(camera.run):
        u = part * camera.run + k
        if u < camera.width:
            t = float(-1.0)
            ray = wp.vec3(
                (float(u) + 0.5 - camera.cx) / camera.fx, (float(v) + 0.5 - camera.cy) / camera.fy, 1.0
            )
            stretch = wp.length(ray)
            direction = wp.transform_vector(pose, ray) / stretch
            if usable:
                t = first_surface(grid, env, origin, direction, max_depth * grid.inv_voxel * stretch, oldest)
            color = wp.vec4(0.0, 0.0, 0.0, 1.0)
            z = float(0.0)
            if t >= 0.0:
                color = mean_color(grid, env, origin + direction * t, oldest)
                z = t / (stretch * grid.inv_voxel)
            scale = 1.0 / wp.max(color[3], 1.0e-9)
            rgb[env, v, u, 0] = wp.uint8(int(color[0] * scale + 0.5))
            rgb[env, v, u, 1] = wp.uint8(int(color[1] * scale + 0.5))
            rgb[env, v, u, 2] = wp.uint8(int(color[2] * scale + 0.5))
            depth[env, v, u] = z
            unknown[env, v, u] = t < 0.0


@wp.kernel
def clear_kernel(grid: Grid, slots: wp.array(dtype=wp.int32)):
    """Make blocks as good as new."""
    b, part = wp.tid()
    for k in range(8):
        i = (slots[b] << 9) + part * 8 + k
        grid.geometry[i] = wp.vec2i(0, 0)
        grid.color[i] = wp.vec4i(0, 0, 0, 0)
        grid.stamp[i] = 0
        grid.surface[i] = 0


@wp.kernel
def rehash_kernel(old: wp.array(dtype=wp.uint64), old_capacity: int, grid: Grid):
    """Move the entries of a table into a larger one."""
    env, position = wp.tid()
    entry = old[env * old_capacity + position]
    if entry != _EMPTY:
        i = int(((entry >> _SLOT_BITS) * _HASH) >> grid.shift)
        while wp.atomic_cas(grid.table, env * grid.capacity + i, _EMPTY, entry) != _EMPTY:
            i = (i + 1) & (grid.capacity - 1)
