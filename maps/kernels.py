"""Warp kernels that take frames in and that tell which pixels are new to the map."""

# Warp's dialect: `int(0)` declares a variable that a loop may change, and array types are calls.
# ruff: noqa: UP018, RUF046
# mypy: ignore-errors

from __future__ import annotations

import warp as wp

from robonav.maps.blocks import (
    MAX_OBSERVATIONS,
    SDF_UNITS,
    Camera,
    Grid,
    bit_of,
    block_key,
    find_block,
    has_surface,
    insert_block,
    pixel_ray,
    pool_index,
    voxel_of,
    within_reach,
    word_of,
)

BEHIND = 1.25  # voxels of negative distance that are kept: few, so that thin walls keep both faces
COLOR_BAND = 0.75  # voxels from the surface within which a voxel takes the pixel's colour
GRAZING = 0.1  # cosine between view and normal below which a pixel is an edge and not a surface

_EMPTY = wp.constant(wp.uint64(0))
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
    camera: Camera, pose: wp.mat44, depth: wp.array(dtype=float), row: int, u: int, v: int
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
def observe(grid: Grid, slot: int, voxel: wp.vec3i, sdf: float, paint: wp.vec4i, frame: int):
    """Add one observation to a voxel."""
    i = pool_index(slot, voxel)
    word = word_of(slot, voxel)
    bit = bit_of(voxel)
    if grid.distance[i][1] < MAX_OBSERVATIONS:
        units = int(sdf * SDF_UNITS + (float(_ROUNDING) + 0.5)) - _ROUNDING
        wp.atomic_add(grid.distance, i, wp.vec2i(units, 1))
        if wp.abs(sdf) <= COLOR_BAND:
            wp.atomic_add(grid.color, i, paint)
    if (grid.known[word] & bit) == _EMPTY:
        wp.atomic_or(grid.known, word, bit)
    if wp.abs(sdf) <= 1.0 and (grid.surface[word] & bit) == _EMPTY:
        wp.atomic_or(grid.surface, word, bit)
    if grid.forgets != 0:
        grid.stamp[i] = frame


@wp.kernel(enable_backward=False)
def integrate_kernel(
    grid: Grid,
    camera: Camera,
    poses: wp.array(dtype=wp.mat44),
    depth: wp.array(dtype=float),
    first_env: int,
    rgb: wp.array(dtype=wp.vec3ub),
    frames: wp.array(dtype=wp.int32),
    retry: int,
    waiting: wp.array(dtype=wp.uint8),
    failures: wp.array(dtype=wp.int32),
):
    """Add each pixel's distance and colour to the voxels along its normal, one behind to `front` before it.

    Voxels for which there is no spare block wait for another launch: one bit each in `waiting`.
    """
    env, v, part = wp.tid()
    env += first_env
    pose = poses[env]
    origin = wp.vec3(pose[0, 3], pose[1, 3], pose[2, 3])
    row = (env * camera.height + v) * camera.width
    cached_key = _EMPTY
    slot = int(0)
    for u in range(part * camera.run, wp.min((part + 1) * camera.run, camera.width)):
        d = depth[row + u]
        p = (origin + pixel_ray(pose, camera, u, v) * d) * grid.inv_voxel
        wanted = wp.where(retry == 0, 255, int(waiting[row + u]))
        if d > 0.0 and d <= camera.max_depth and wanted != 0 and within_reach(p):
            n = surface_normal(camera, pose, depth, row, u, v)
            seen = rgb[row + u]
            paint = wp.vec4i(int(seen[0]), int(seen[1]), int(seen[2]), 1)
            missed = int(0)
            for step in range(grid.front + 2):
                voxel = voxel_of(p + n * float(step - 1))
                sdf = wp.dot(n, centre_of(voxel) - p)
                if sdf >= -BEHIND and ((wanted >> step) & 1) != 0:
                    key = block_key(voxel)
                    if key != cached_key:
                        slot = insert_block(grid, env, voxel)
                        cached_key = wp.where(slot == 0, _EMPTY, key)
                    if slot == 0:
                        missed = missed | (1 << step)
                    else:
                        observe(grid, slot, voxel, wp.min(sdf, float(grid.front)), paint, frames[env])
            if (missed | retry) != 0:
                waiting[row + u] = wp.uint8(missed)
                wp.atomic_add(failures, env, wp.where(missed == 0, 0, 1))


@wp.kernel(enable_backward=False)
def forget_kernel(
    grid: Grid, camera: Camera, poses: wp.array(dtype=wp.mat44), depth: wp.array(dtype=float), first_env: int
):
    """Clear the forgotten voxels that the frame is about to see again.

    A launch of its own: within the integration, a CUDA thread could clear what another has just added.
    """
    env, v, part = wp.tid()
    env += first_env
    pose = poses[env]
    origin = wp.vec3(pose[0, 3], pose[1, 3], pose[2, 3])
    row = (env * camera.height + v) * camera.width
    for u in range(part * camera.run, wp.min((part + 1) * camera.run, camera.width)):
        d = depth[row + u]
        p = (origin + pixel_ray(pose, camera, u, v) * d) * grid.inv_voxel
        if d > 0.0 and d <= camera.max_depth and within_reach(p):
            n = surface_normal(camera, pose, depth, row, u, v)
            for step in range(grid.front + 2):
                voxel = voxel_of(p + n * float(step - 1))
                slot = find_block(grid, env, block_key(voxel))
                i = pool_index(slot, voxel)
                if slot != 0 and grid.stamp[i] <= grid.oldest[env]:
                    grid.distance[i] = wp.vec2i(0, 0)
                    grid.color[i] = wp.vec4i(0, 0, 0, 0)
                    wp.atomic_and(grid.known, word_of(slot, voxel), ~bit_of(voxel))
                    wp.atomic_and(grid.surface, word_of(slot, voxel), ~bit_of(voxel))


@wp.kernel(enable_backward=False)
def unknown_kernel(
    grid: Grid,
    camera: Camera,
    poses: wp.array(dtype=wp.mat44),
    depth: wp.array(dtype=float),
    first_env: int,
    unknown: wp.array(dtype=wp.bool),
):
    """Mark the pixels with a return and no known surface within one voxel along every axis."""
    env, v, part = wp.tid()
    env += first_env
    pose = poses[env]
    origin = wp.vec3(pose[0, 3], pose[1, 3], pose[2, 3])
    row = (env * camera.height + v) * camera.width
    forgotten = grid.oldest[env]
    cached_key = _EMPTY
    slot = int(0)
    for u in range(part * camera.run, wp.min((part + 1) * camera.run, camera.width)):
        d = depth[row + u]
        p = (origin + pixel_ray(pose, camera, u, v) * d) * grid.inv_voxel
        new = bool(False)
        if d > 0.0 and d <= camera.max_depth and within_reach(p):
            new = bool(True)
            # Eight voxels have their centres within one voxel; the one that holds the point mostly decides.
            low = voxel_of(p - wp.vec3(0.5, 0.5, 0.5))
            here = voxel_of(p) - low
            likely = (here[0] << 2) | (here[1] << 1) | here[2]
            c = int(0)
            while c < 8 and new:
                corner = c ^ likely
                voxel = low + wp.vec3i(corner >> 2, (corner >> 1) & 1, corner & 1)
                key = block_key(voxel)
                if key != cached_key:
                    slot = find_block(grid, env, key)
                    cached_key = key
                if slot != 0:
                    new = not has_surface(grid, slot, voxel, forgotten)
                c += 1
        unknown[row + u] = new
