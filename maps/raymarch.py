"""Warp kernel that predicts what a camera would see of the map."""

# Warp's dialect: `int(0)` declares a variable that a loop may change, and array types are calls.
# ruff: noqa: UP018, RUF046
# mypy: ignore-errors

from __future__ import annotations

import warp as wp

from robonav.maps.blocks import (
    BLOCK,
    NOWHERE,
    Camera,
    Grid,
    color_sums,
    is_known,
    mean_distance,
    pixel_step,
    pool_index,
    row_ray,
    slot_of,
    voxel_of,
    within_reach,
)

STEP = 0.7  # voxels between the samples of a ray where something is known
GAP = 2.5  # voxels between the last sample outside and the first inside of a surface, at most
GRAZE = 0.3  # voxels by which an interpolated distance must miss zero for a ray to go on

_EMPTY = wp.constant(wp.uint64(0))
_OCTANT = wp.constant(wp.uint64(0x0F0F0F0F))  # 4x4 bits of a word


@wp.func
def least(a: float, b: float) -> float:
    """The smaller of two numbers; wp.min also cares for NaN, which shows in the innermost loop."""
    return wp.where(a < b, a, b)


@wp.func
def safe_inverse(x: float) -> float:
    """1 / x, large but finite at zero."""
    return wp.where(wp.abs(x) > 1.0e-9, 1.0 / x, 1.0e9)


@wp.func
def leave_cube(origin: wp.vec3, inv: wp.vec3, voxel: wp.vec3i, size: int) -> float:
    """Ray parameter just beyond the aligned cube of a power of two voxels that holds a voxel."""
    x = (voxel[0] & -size) + wp.where(inv[0] > 0.0, size, 0)
    y = (voxel[1] & -size) + wp.where(inv[1] > 0.0, size, 0)
    z = (voxel[2] & -size) + wp.where(inv[2] > 0.0, size, 0)
    a = (float(x) - origin[0]) * inv[0]
    b = (float(y) - origin[1]) * inv[1]
    c = (float(z) - origin[2]) * inv[2]
    return least(a, least(b, c)) * 1.000001 + 0.01


@wp.func
def empty_size(grid: Grid, slot: int, voxel: wp.vec3i) -> int:
    """Edge of the largest cube around a voxel of a block in which nothing is known, 0 if there is none."""
    result = int(BLOCK)
    if slot != 0:
        octant = (slot << 3) | (voxel[0] & 4)
        low = grid.known[octant] | grid.known[octant + 1]
        high = grid.known[octant + 2] | grid.known[octant + 3]
        shift = wp.uint64(((voxel[1] & 4) << 3) | (voxel[2] & 4))
        result = wp.where((((low | high) >> shift) & _OCTANT) != _EMPTY, 0, 4)
    return result


@wp.func
def probe(grid: Grid, env: int, p: wp.vec3, ray: wp.vec3, forgotten: int):
    """Interpolate between the known voxels around a point.

    Returns the signed distance (1 if nothing is known), its slope along the ray (0 unless all are known) and
    weighted sums of r, g, b and of their number.
    """
    low = voxel_of(p - wp.vec3(0.5, 0.5, 0.5))
    f = p - wp.vec3(float(low[0]) + 0.5, float(low[1]) + 0.5, float(low[2]) + 0.5)
    cached = NOWHERE
    slot = int(0)
    value = float(0.0)
    weight = float(0.0)
    slope = float(0.0)
    corners = int(0)
    paint = wp.vec4(0.0, 0.0, 0.0, 0.0)
    for corner in range(8):
        i = corner >> 2
        j = (corner >> 1) & 1
        k = corner & 1
        voxel = low + wp.vec3i(i, j, k)
        slot = slot_of(grid, env, voxel, cached, slot)
        cached = voxel
        if slot != 0 and is_known(grid, slot, voxel, forgotten):
            wx = wp.where(i == 1, f[0], 1.0 - f[0])
            wy = wp.where(j == 1, f[1], 1.0 - f[1])
            wz = wp.where(k == 1, f[2], 1.0 - f[2])
            index = pool_index(slot, voxel)
            sums = grid.sums[index]
            sdf = mean_distance(sums)
            w = wx * wy * wz
            value += w * sdf
            weight += w
            corners += 1
            rx = wp.where(i == 1, ray[0], -ray[0])
            ry = wp.where(j == 1, ray[1], -ray[1])
            rz = wp.where(k == 1, ray[2], -ray[2])
            slope += sdf * (rx * wy * wz + wx * ry * wz + wx * wy * rz)
            paint += color_sums(sums) * (w + 1.0e-3)
    value = wp.where(weight > 1.0e-6, value / weight, 1.0)
    return value, wp.where(corners == 8, slope, 0.0), paint


@wp.func
def march(grid: Grid, env: int, origin: wp.vec3, ray: wp.vec3, inv: wp.vec3, start: float, stop: float):
    """Follow a unit ray to the first change from outside to inside.

    Returns its distance (voxels; negative if there is none) and sums of r, g, b and of their number there.
    """
    forgotten = grid.oldest[env]
    cached = NOWHERE
    slot = int(0)
    t = float(start)
    end = float(stop)
    outside = float(1.0)  # the last distance known to be positive, and where
    outside_t = float(-10.0)
    hit = float(-1.0)
    shade = wp.vec4(0.0, 0.0, 0.0, 0.0)
    while t < end:
        voxel = voxel_of(origin + ray * t)
        slot = slot_of(grid, env, voxel, cached, slot)
        cached = voxel
        size = empty_size(grid, slot, voxel)
        if size != 0:
            t = wp.max(leave_cube(origin, inv, voxel, size), t + 0.01)
        else:
            if is_known(grid, slot, voxel, forgotten):
                sdf = mean_distance(grid.sums[pool_index(slot, voxel)])
                if sdf > 0.0:
                    outside = sdf
                    outside_t = t
                elif t - outside_t < GAP:
                    fall = (sdf - outside) / (t - outside_t)
                    hit = outside_t - outside / fall
                    value, slope, paint = probe(grid, env, origin + ray * hit, ray, forgotten)
                    if value > GRAZE:  # the ray passes above the surface
                        outside = value
                        outside_t = t
                        hit = -1.0
                    else:
                        fall = wp.where(slope < -0.05, slope, fall)
                        hit = wp.max(hit - wp.clamp(value / fall, -1.0, 1.0), 1.0e-3)
                        shade = paint
                        end = -1.0
            t += STEP
    return hit, shade


@wp.func
def span_of(grid: Grid, env: int, origin: wp.vec3, inv: wp.vec3) -> wp.vec2:
    """Ray parameters between which a ray is in the box around all blocks; none if there are no blocks."""
    low = wp.vec3(float(grid.bounds[env, 0]), float(grid.bounds[env, 1]), float(grid.bounds[env, 2])) * float(
        BLOCK
    )
    high = wp.vec3(
        float(grid.bounds[env, 3] + 1), float(grid.bounds[env, 4] + 1), float(grid.bounds[env, 5] + 1)
    ) * float(BLOCK)
    a = wp.cw_mul(low - origin, inv)
    b = wp.cw_mul(high - origin, inv)
    near = wp.min(a, b)
    far = wp.max(a, b)
    span = wp.vec2(wp.max(near[0], wp.max(near[1], near[2])), wp.min(far[0], wp.min(far[1], far[2])))
    if grid.bounds[env, 0] > grid.bounds[env, 3]:
        span = wp.vec2(0.0, -1.0)
    return span


@wp.kernel(enable_backward=False)
def render_kernel(
    grid: Grid,
    camera: Camera,
    poses: wp.array(dtype=wp.mat44),
    rgb: wp.array(dtype=wp.vec3ub),
    first_env: int,
    depth: wp.array(dtype=float),
    unknown: wp.array(dtype=wp.bool),
):
    """Predict colour and depth of each pixel, or that the map does not know."""
    env, v, part = wp.tid()
    env += first_env
    pose = poses[env]
    origin = wp.vec3(pose[0, 3], pose[1, 3], pose[2, 3]) * grid.inv_voxel
    row = (env * camera.height + v) * camera.width
    first_ray = row_ray(pose, camera, v)
    ray_step = pixel_step(pose, camera)
    for u in range(part * camera.run, wp.min((part + 1) * camera.run, camera.width)):
        ray = first_ray + ray_step * (float(u) + 0.5)
        stretch = wp.length(ray)  # the depth of a point at distance t is t / stretch
        ray = ray / stretch
        inv = wp.vec3(safe_inverse(ray[0]), safe_inverse(ray[1]), safe_inverse(ray[2]))
        span = span_of(grid, env, origin, inv)
        end = wp.min(span[1], camera.max_depth * grid.inv_voxel * stretch)
        if not within_reach(origin):
            end = -1.0
        hit, shade = march(grid, env, origin, ray, inv, wp.max(span[0] + 1.0e-3, 0.0), end)
        shade = shade / wp.max(shade[3], 1.0e-6)
        rgb[row + u] = wp.vec3ub(
            wp.uint8(int(shade[0] + 0.5)), wp.uint8(int(shade[1] + 0.5)), wp.uint8(int(shade[2] + 0.5))
        )
        depth[row + u] = wp.max(hit, 0.0) / (stretch * grid.inv_voxel)
        unknown[row + u] = hit < 0.0
