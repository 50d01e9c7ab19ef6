"""Warp kernels that integrate frames, and that mark the pixels that are new to the map."""

# Warp's dialect: `int(0)` declares a variable that a loop may change, and array types are calls.
# ruff: noqa: UP018, RUF046
# mypy: ignore-errors

from __future__ import annotations

import warp as wp

from robonav.maps.reconstruction.blocks import (
    COUNT_BITS,
    MAX_NEAR,
    MAX_OBSERVATIONS,
    NOWHERE,
    SDF_UNITS,
    SETTLED,
    KernelPinhole,
    VoxelMaps,
    bit_of,
    color_addend,
    has_surface,
    insert_block,
    number_near,
    number_of,
    pixel_step,
    plane_addend,
    pool_index,
    row_ray,
    same_block,
    slot_of,
    voxel_of,
    within_reach,
    word_of,
)

BEHIND = 1.25  # voxels of negative distance that are kept: few, so that thin walls keep both faces
COLOR_BAND = 0.75  # voxels from the surface within which a voxel takes the pixel's colour
GRAZING = 0.1  # cosine between view and normal below which a pixel is an edge and not a surface


@wp.struct
class SettlingVoxels:
    """Voxels to settle after the frame."""

    voxels: wp.array(dtype=wp.int32, ndim=2)  # (num_envs, most) indices in the pool
    count: wp.array(dtype=wp.int32)  # (num_envs)


_EMPTY = wp.constant(wp.uint64(0))
_COUNT_BITS = wp.constant(wp.int64(COUNT_BITS))
_ROUNDING = wp.constant(1 << 16)  # makes the number to be rounded positive


@wp.func
def inverse(depth: wp.array(dtype=float), pixel: int, exists: bool) -> float:
    """1 / depth of a pixel; far from any surface's outside of the image and where there is no return."""
    result = float(1.0e6)
    if exists:
        d = depth[pixel]
        if d > 0.0:
            result = 1.0 / d
    return result


@wp.func
def gradient(before: float, here: float, after: float) -> float:
    """Change of inverse depth a pixel, from the side where it changes less: the other may be an edge."""
    back = here - before
    ahead = after - here
    return wp.where(wp.abs(ahead) < wp.abs(back), ahead, back)


@wp.func
def surface_normal(
    camera: KernelPinhole, pose: wp.mat44, depth: wp.array(dtype=float), row: int, u: int, v: int
) -> wp.vec3:
    """World normal, towards the camera, of the surface at a pixel with a return.

    A plane n.P = h has 1 / depth = n.(x, y, 1) / h: inverse depth is linear in the image.
    """
    x = (float(u) + 0.5 - camera.cx) / camera.fx
    y = (float(v) + 0.5 - camera.cy) / camera.fy
    pixel = row + u
    here = inverse(depth, pixel, True)
    left = inverse(depth, pixel - 1, u > 0)
    right = inverse(depth, pixel + 1, u + 1 < camera.width)
    above = inverse(depth, pixel - camera.width, v > 0)
    below = inverse(depth, pixel + camera.width, v + 1 < camera.height)
    gx = camera.fx * gradient(left, here, right)
    gy = camera.fy * gradient(above, here, below)
    inward = wp.vec3(gx, gy, here - gx * x - gy * y)
    squared = wp.dot(inward, inward)
    if here * here < GRAZING * GRAZING * squared * (1.0 + x * x + y * y):
        inward = wp.vec3(x, y, 1.0)
        squared = wp.dot(inward, inward)
    return wp.transform_vector(pose, inward) * (-1.0 / wp.sqrt(squared))


@wp.func
def centre_of(voxel: wp.vec3i) -> wp.vec3:
    """Centre of a voxel."""
    return wp.vec3(float(voxel[0]) + 0.5, float(voxel[1]) + 0.5, float(voxel[2]) + 0.5)


@wp.func
def is_settled(grid: VoxelMaps, slot: int, voxel: wp.vec3i) -> bool:
    """Whether a voxel is settled: new observations do not change it."""
    return (grid.settled[word_of(slot, voxel)] & bit_of(voxel)) != _EMPTY


@wp.func
def observe(
    grid: VoxelMaps,
    env: int,
    slot: int,
    voxel: wp.vec3i,
    sdf: float,
    n: wp.vec3,
    inside: bool,
    seen: wp.vec3ub,
    ripe: SettlingVoxels,
):
    """Add one observation to a voxel, and to its face if the return is inside the voxel."""
    i = pool_index(slot, voxel)
    units = int(sdf * SDF_UNITS + (float(_ROUNDING) + 0.5)) - _ROUNDING
    one = (wp.int64(units) << _COUNT_BITS) + wp.int64(1)
    if number_of(wp.atomic_add(grid.sums, i, one)) >= MAX_OBSERVATIONS:
        wp.atomic_add(grid.sums, i, -one)
    word = word_of(slot, voxel)
    bit = bit_of(voxel)
    if (grid.known[word] & grid.surface[word] & bit) == _EMPTY:
        wp.atomic_or(grid.known, word, bit)
        if wp.abs(sdf) <= 1.0:
            wp.atomic_or(grid.surface, word, bit)
    if wp.abs(sdf) <= COLOR_BAND:
        addend = wp.vec2l(wp.int64(0), color_addend(seen))
        if inside:
            addend[0] = plane_addend(n, sdf)
            if (grid.faced[word] & bit) == _EMPTY:
                wp.atomic_or(grid.faced, word, bit)
        near = number_near(wp.atomic_add(grid.faces, i, addend))
        if near >= MAX_NEAR:
            wp.atomic_add(grid.faces, i, -addend)
        if near == SETTLED - 1:
            ripe.voxels[env, wp.atomic_add(ripe.count, env, 1)] = i


@wp.func
def add_pixel(
    grid: VoxelMaps,
    env: int,
    p: wp.vec3,
    n: wp.vec3,
    slot: int,
    wanted: int,
    seen: wp.vec3ub,
    settled: bool,
    frame: int,
    ripe: SettlingVoxels,
) -> int:
    """Add a pixel to the wanted voxels along its normal, one behind to `front` before it.

    `slot` is the block's that holds the point `p`. A settled pixel only renews the stamps.

    Returns a bit for each step whose block has no slot.
    """
    cached = voxel_of(p)
    missed = int(0)
    for step in range(grid.front + 2):
        voxel = voxel_of(p + n * float(step - 1))
        sdf = wp.dot(n, centre_of(voxel) - p)
        if sdf >= -BEHIND and ((wanted >> step) & 1) != 0:
            if slot == 0 or not same_block(voxel, cached):
                slot = insert_block(grid, env, voxel)
                cached = voxel
            if slot == 0:
                missed = missed | (1 << step)
            else:
                if not settled:
                    near = wp.min(sdf, float(grid.front))
                    observe(grid, env, slot, voxel, near, n, step == 1, seen, ripe)
                if grid.forgets != 0:
                    grid.stamp[pool_index(slot, voxel)] = frame
    return missed


@wp.kernel(enable_backward=False)
def integrate_kernel(
    grid: VoxelMaps,
    camera: KernelPinhole,
    poses: wp.array(dtype=wp.mat44),
    depth: wp.array(dtype=float),
    first_env: int,
    rgb: wp.array(dtype=wp.vec3ub),
    frames: wp.array(dtype=wp.int32),
    retry: int,
    waiting: wp.array(dtype=wp.uint8),
    failures: wp.array(dtype=wp.int32),
    ripe: SettlingVoxels,
):
    """Add each pixel's distance and colour to the map, unless its surface lies in a settled voxel.

    Voxels for which there is no spare block wait for another launch: one bit each in `waiting`.
    """
    env, v, part = wp.tid()
    env += first_env
    pose = poses[env]
    origin = wp.vec3(pose[0, 3], pose[1, 3], pose[2, 3]) * grid.inv_voxel
    row = (env * camera.height + v) * camera.width
    first_ray = row_ray(pose, camera, v) * grid.inv_voxel
    ray_step = pixel_step(pose, camera) * grid.inv_voxel
    cached = NOWHERE
    slot = int(0)
    for u in range(part * camera.run, wp.min((part + 1) * camera.run, camera.width)):
        d = depth[row + u]
        p = origin + (first_ray + ray_step * (float(u) + 0.5)) * d
        if d > 0.0 and d <= camera.max_depth and within_reach(p):
            wanted = wp.where(retry == 0, 255, int(waiting[row + u]))
            voxel = voxel_of(p)
            slot = slot_of(grid, env, voxel, cached, slot)
            cached = voxel
            settled = is_settled(grid, slot, voxel)
            if wanted != 0 and (grid.forgets != 0 or not settled):
                n = surface_normal(camera, pose, depth, row, u, v)
                missed = add_pixel(grid, env, p, n, slot, wanted, rgb[row + u], settled, frames[env], ripe)
                if (missed | retry) != 0:
                    waiting[row + u] = wp.uint8(missed)
                    wp.atomic_add(failures, env, wp.where(missed == 0, 0, 1))


@wp.kernel(enable_backward=False)
def settle_kernel(grid: VoxelMaps, ripe: SettlingVoxels, lanes: int):
    """Settle the voxels with enough observations; after the frame, because its pixels have no order."""
    env, lane = wp.tid()
    for k in range(lane, ripe.count[env], lanes):
        i = ripe.voxels[env, k]
        wp.atomic_or(grid.settled, i >> 6, wp.uint64(1) << wp.uint64(i & 63))


@wp.kernel(enable_backward=False)
def forget_kernel(
    grid: VoxelMaps,
    camera: KernelPinhole,
    poses: wp.array(dtype=wp.mat44),
    depth: wp.array(dtype=float),
    first_env: int,
):
    """Clear the forgotten voxels that the frame will observe again.

    A launch of its own: within the integration, a CUDA thread could clear what another has just added.
    """
    env, v, part = wp.tid()
    env += first_env
    pose = poses[env]
    origin = wp.vec3(pose[0, 3], pose[1, 3], pose[2, 3]) * grid.inv_voxel
    row = (env * camera.height + v) * camera.width
    first_ray = row_ray(pose, camera, v) * grid.inv_voxel
    ray_step = pixel_step(pose, camera) * grid.inv_voxel
    forgotten = grid.oldest[env]
    cached = NOWHERE
    slot = int(0)
    for u in range(part * camera.run, wp.min((part + 1) * camera.run, camera.width)):
        d = depth[row + u]
        p = origin + (first_ray + ray_step * (float(u) + 0.5)) * d
        if forgotten > 0 and d > 0.0 and d <= camera.max_depth and within_reach(p):
            n = surface_normal(camera, pose, depth, row, u, v)
            for step in range(grid.front + 2):
                voxel = voxel_of(p + n * float(step - 1))
                slot = slot_of(grid, env, voxel, cached, slot)
                cached = voxel
                i = pool_index(slot, voxel)
                if slot != 0 and grid.stamp[i] <= forgotten:
                    grid.sums[i] = wp.int64(0)
                    grid.faces[i] = wp.vec2l()
                    wp.atomic_and(grid.known, word_of(slot, voxel), ~bit_of(voxel))
                    wp.atomic_and(grid.surface, word_of(slot, voxel), ~bit_of(voxel))
                    wp.atomic_and(grid.settled, word_of(slot, voxel), ~bit_of(voxel))
                    wp.atomic_and(grid.faced, word_of(slot, voxel), ~bit_of(voxel))


@wp.func
def nothing_around(grid: VoxelMaps, env: int, p: wp.vec3, forgotten: int) -> bool:
    """Whether none of the eight voxels with their centres within one voxel of a point has a known surface."""
    low = voxel_of(p - wp.vec3(0.5, 0.5, 0.5))
    cached = NOWHERE
    slot = int(0)
    nothing = bool(True)
    corner = int(0)
    while corner < 8 and nothing:
        voxel = low + wp.vec3i(corner >> 2, (corner >> 1) & 1, corner & 1)
        slot = slot_of(grid, env, voxel, cached, slot)
        cached = voxel
        nothing = not has_surface(grid, slot, voxel, forgotten)
        corner += 1
    return nothing


@wp.kernel(enable_backward=False)
def unknown_kernel(
    grid: VoxelMaps,
    camera: KernelPinhole,
    poses: wp.array(dtype=wp.mat44),
    depth: wp.array(dtype=float),
    first_env: int,
    unknown: wp.array(dtype=wp.bool),
):
    """Mark the pixels with a return and no known surface within one voxel along every axis."""
    env, v, part = wp.tid()
    env += first_env
    pose = poses[env]
    origin = wp.vec3(pose[0, 3], pose[1, 3], pose[2, 3]) * grid.inv_voxel
    row = (env * camera.height + v) * camera.width
    first_ray = row_ray(pose, camera, v) * grid.inv_voxel
    ray_step = pixel_step(pose, camera) * grid.inv_voxel
    forgotten = grid.oldest[env]
    cached = NOWHERE
    slot = int(0)
    for u in range(part * camera.run, wp.min((part + 1) * camera.run, camera.width)):
        d = depth[row + u]
        p = origin + (first_ray + ray_step * (float(u) + 0.5)) * d
        new = bool(False)
        if d > 0.0 and d <= camera.max_depth and within_reach(p):
            voxel = voxel_of(p)  # mostly decides
            slot = slot_of(grid, env, voxel, cached, slot)
            cached = voxel
            new = not has_surface(grid, slot, voxel, forgotten)
            if new:
                new = nothing_around(grid, env, p, forgotten)
        unknown[row + u] = new
