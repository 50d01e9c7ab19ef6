"""Warp kernels that predict what a camera would see of the map.

Each voxel that holds returns has a face: the plane of those returns, cut by the voxel's cube. Faces are drawn
into a buffer of depths; no ray is followed. A face covers exactly the pixels whose rays meet its plane inside
the cube, so a flat wall comes out flat at any angle of view.
"""

# Warp's dialect: `int(0)` declares a variable that a loop may change, and array types are calls.
# ruff: noqa: UP018, RUF046
# mypy: ignore-errors

from __future__ import annotations

import warp as wp

from robonav.maps.reconstruction.blocks import BLOCK, KernelPinhole, VoxelMaps, color_of, plane_of
from robonav.maps.reconstruction.views import (
    BLOCK_RADIUS,
    HALF,
    NEAREST,
    PADDING,
    YIELD,
    CameraView,
    in_view,
    view_of,
)

FEW = 4  # pixels that are cheaper to try than to bound
CLOSE = 8.0  # voxels before the camera up to which the image of a face's box is bounded with more care

_EMPTY = wp.constant(wp.uint64(0))
_ONE = wp.constant(wp.uint64(1))
NOTHING = (1 << 64) - 1  # no face has been drawn
_NOTHING = wp.constant(wp.uint64(NOTHING))
_COARSE = wp.constant(wp.uint32(0xFFFFFFF8))  # leaves room for a voxel's parity
_HIGH = wp.constant(wp.uint64(32))
_BEYOND = wp.constant(wp.uint64(1 << 31))
_INDEX = wp.constant(wp.uint64((1 << 31) - 1))


@wp.func
def larger(a: float, b: float) -> float:
    """The larger of two numbers; faster than wp.max, which also handles NaN."""
    return wp.where(a > b, a, b)


@wp.func
def smaller(a: float, b: float) -> float:
    """The smaller of two numbers."""
    return wp.where(a < b, a, b)


@wp.func
def span(low: float, high: float, f: float, c: float, size: int) -> wp.vec2i:
    """First and last pixel of an axis with its centre between two slopes."""
    first = wp.ceil(larger(low * f + c - 0.5, 0.0))
    last = wp.floor(smaller(high * f + c - 0.5, float(size - 1)))
    return wp.vec2i(int(smaller(first, float(size))), int(larger(last, -1.0)))


@wp.func
def seen_span(
    axis: wp.vec3,
    view: CameraView,
    middle: wp.vec3,
    size: wp.vec3,
    z: float,
    dz: float,
    f: float,
    c: float,
    pixels: int,
) -> wp.vec2i:
    """First and last pixel of an image axis (right or down) within which a box before the camera is seen."""
    near = 1.0 / (z - dz)
    x = wp.dot(axis, middle)
    slope = x / z
    reach = wp.dot(wp.abs(axis - view.forward * slope), size) * near
    low = slope - reach
    high = slope + reach
    if z < CLOSE:  # where that is far from exact
        far = 1.0 / (z + dz)
        dx = wp.dot(wp.abs(axis), size)
        low = larger(low, (x - dx) * wp.where(x > dx, far, near))
        high = smaller(high, (x + dx) * wp.where(x > -dx, near, far))
    return span(low, high, f, c, pixels)


@wp.func
def draw_pixel(
    h: float, g: float, off: wp.vec3, tag: wp.uint64, buffer: wp.array(dtype=wp.uint64), pixel: int
):
    """Draw a face in a pixel whose ray meets its plane at depth h / g, off / g from the voxel's centre."""
    aside = larger(wp.abs(off[0]), larger(wp.abs(off[1]), wp.abs(off[2])))
    if aside <= -HALF * g:
        depth = h / g
        if aside <= -0.5 * g:
            word = (wp.uint64(wp.cast(depth, wp.uint32) & _COARSE) << _HIGH) | tag
            wp.atomic_min(buffer, pixel, word)
        else:
            word = (wp.uint64(wp.cast(depth + YIELD, wp.uint32) & _COARSE) << _HIGH) | tag | _BEYOND
            wp.atomic_min(buffer, pixel, word)


@wp.func
def steep(slope: float) -> float:
    """A slope that is safe to divide by."""
    return wp.where(wp.abs(slope) < 1.0e-12, 1.0e-12, slope)


@wp.func
def narrowed(part: wp.vec2, at_zero: float, inverse: float) -> wp.vec2:
    """The part of a range of u where at_zero - u / inverse >= 0."""
    root = at_zero * inverse
    low = wp.where(inverse < 0.0, larger(part[0], root), part[0])
    return wp.vec2(low, wp.where(inverse < 0.0, part[1], smaller(part[1], root)))


@wp.func
def draw_plane(
    camera: KernelPinhole,
    view: CameraView,
    centre: wp.vec3,
    normal: wp.vec3,
    s: float,
    rows: wp.vec2i,
    columns: wp.vec2i,
    tag: wp.uint64,
    buffer: wp.array(dtype=wp.uint64),
    first: int,
):
    """Draw the pixels of a rectangle whose rays meet the plane normal.(X - centre) = -s close to the centre.

    A ray r meets it at h / g, where h = normal.centre - s and g = normal.r are negative. Its distances from
    the centre along the axes are (h r - centre g) / g there. That none exceeds HALF are six conditions linear
    in u and v, lines in the image: between them lie the pixels of a row.
    """
    h = wp.dot(normal, centre) - s
    g_u = wp.dot(normal, view.along_u)
    off_u = h * view.along_u - centre * g_u
    many = (rows[1] - rows[0] + 1) * (columns[1] - columns[0] + 1) > FEW
    inv_a = wp.vec3()
    inv_b = wp.vec3()
    if many:
        for axis in range(3):
            inv_a[axis] = -1.0 / steep(-HALF * g_u - off_u[axis])
            inv_b[axis] = -1.0 / steep(-HALF * g_u + off_u[axis])
    for v in range(rows[0], rows[1] + 1):
        ray = view.corner + view.along_v * float(v)
        g = wp.dot(normal, ray)
        off = h * ray - centre * g
        begin = columns[0]
        end = columns[1] + 1
        if many:
            part = wp.vec2(float(begin), float(end - 1))
            for axis in range(3):
                part = narrowed(part, -HALF * g - off[axis], inv_a[axis])
                part = narrowed(part, -HALF * g + off[axis], inv_b[axis])
            begin = int(wp.ceil(smaller(part[0], float(end))))
            end = int(wp.floor(larger(part[1], -1.0))) + 1
        for u in range(begin, end):
            at = float(u)
            draw_pixel(h, g + g_u * at, off + off_u * at, tag, buffer, first + v * camera.width + u)


@wp.func
def draw_face(
    camera: KernelPinhole,
    view: CameraView,
    centre: wp.vec3,
    normal: wp.vec3,
    s: float,
    tag: wp.uint64,
    buffer: wp.array(dtype=wp.uint64),
    first: int,
):
    """Draw the part of the plane normal.(X - centre) = -s that lies in the cube around the centre."""
    a = wp.abs(normal)
    all = a[0] + a[1] + a[2]
    size = wp.vec3(HALF, HALF, HALF)  # of a box around the face
    middle = centre
    if a[0] >= a[1] and a[0] >= a[2]:
        inv = 1.0 / normal[0]
        size[0] = HALF * smaller(all * wp.abs(inv) - 1.0, 1.0)
        middle[0] -= s * inv
    elif a[1] >= a[2]:
        inv = 1.0 / normal[1]
        size[1] = HALF * smaller(all * wp.abs(inv) - 1.0, 1.0)
        middle[1] -= s * inv
    else:
        inv = 1.0 / normal[2]
        size[2] = HALF * smaller(all * wp.abs(inv) - 1.0, 1.0)
        middle[2] -= s * inv
    z = wp.dot(view.forward, middle)
    dz = wp.dot(wp.abs(view.forward), size)
    columns = wp.vec2i(0, camera.width - 1)
    rows = wp.vec2i(0, camera.height - 1)
    if z - dz > NEAREST:
        columns = seen_span(view.right, view, middle, size, z, dz, camera.fx, camera.cx, camera.width)
        if columns[0] <= columns[1]:
            rows = seen_span(view.down, view, middle, size, z, dz, camera.fy, camera.cy, camera.height)
    elif not in_view(camera, view, middle, wp.length(size), 1.0e9):
        rows[1] = -1
    if columns[0] <= columns[1] and rows[0] <= rows[1]:
        draw_plane(camera, view, centre, normal, s, rows, columns, tag, buffer, first)


@wp.kernel(enable_backward=False)
def splat_kernel(
    grid: VoxelMaps,
    camera: KernelPinhole,
    poses: wp.array(dtype=wp.mat44),
    buffer: wp.array(dtype=wp.uint64),
    first_env: int,
    lanes: int,
):
    """Draw the faces of all blocks in view: each pixel keeps the least word of depth and voxel."""
    env, lane = wp.tid()
    env += first_env
    view = view_of(grid, camera, poses[env])
    first = env * (camera.height * camera.width + PADDING)
    forgotten = grid.oldest[env]
    max_depth = camera.max_depth * grid.inv_voxel
    for k in range(lane, wp.min(grid.used[env], grid.assigned[env]), lanes):
        slot = grid.slots[env, k]
        place = grid.places[slot]
        base = wp.vec3(float(place[0]), float(place[1]), float(place[2])) * float(BLOCK) - view.origin
        if in_view(camera, view, base + wp.vec3(4.0, 4.0, 4.0), BLOCK_RADIUS, max_depth):
            x = int(0)
            while x < BLOCK:  # not unrolled, which would fill the cache of instructions
                left = grid.faced[(slot << 3) | x]
                while left != _EMPTY:
                    bit = left & (~left + _ONE)
                    left = left ^ bit
                    yz = int(wp.bit_count(bit - _ONE))
                    index = (slot << 9) | (x << 6) | yz
                    plane = plane_of(grid.faces[index])
                    normal = wp.vec3(plane[0], plane[1], plane[2])
                    y = yz >> 3
                    z = yz & 7
                    centre = base + wp.vec3(float(x) + 0.5, float(y) + 0.5, float(z) + 0.5)
                    if wp.dot(normal, centre) < plane[3] and (
                        grid.forgets == 0 or grid.stamp[index] > forgotten
                    ):
                        parity = ((x & 1) << 2) | ((y & 1) << 1) | (z & 1)
                        tag = (wp.uint64(parity) << _HIGH) | wp.uint64(index)
                        draw_face(camera, view, centre, normal, plane[3], tag, buffer, first)
                x += 1


@wp.kernel(enable_backward=False)
def resolve_kernel(
    grid: VoxelMaps,
    camera: KernelPinhole,
    poses: wp.array(dtype=wp.mat44),
    buffer: wp.array(dtype=wp.uint64),
    first_env: int,
    rgb: wp.array(dtype=wp.vec3ub),
    depth: wp.array(dtype=float),
    unknown: wp.array(dtype=wp.bool),
):
    """Colour and depth of each pixel from its nearest face, or 0 where there is none."""
    env, v, part = wp.tid()
    env += first_env
    row = (env * camera.height + v) * camera.width
    drawn = row + env * PADDING
    for u in range(part * camera.run, wp.min((part + 1) * camera.run, camera.width)):
        word = buffer[drawn + u]
        d = wp.cast(wp.uint32(word >> _HIGH), float)
        if (word & _BEYOND) != _EMPTY:
            d -= YIELD
        d = d / grid.inv_voxel
        buffer[drawn + u] = _NOTHING  # for the next time
        nothing = word == _NOTHING or d > camera.max_depth
        if nothing:
            rgb[row + u] = wp.vec3ub()
            depth[row + u] = 0.0
        else:
            rgb[row + u] = color_of(grid.faces[int(word & _INDEX)])
            depth[row + u] = d
        unknown[row + u] = nothing
