"""The rendering kernel of a CPU, in C++: eight faces at once, then eight pixels of the larger ones.

No function takes or returns `longs`: clang would use registers of 512 bits everywhere, which is slower.
"""

# Warp's dialect: array types are calls.
# mypy: ignore-errors

from __future__ import annotations

import warp as wp

from robonav.maps.blocks import BLOCK, COLOR_BITS, NEAR_BITS, Camera, Grid
from robonav.maps.views import HALF, NEAREST, PADDING, YIELD, View, view_of

_CUBE_RADIUS = 0.87 * 4 + 1.0  # voxels from the centre of 4x4x4 within which their faces lie
_BEGINNING = f"""
    typedef float floats __attribute__((ext_vector_type(8)));
    typedef int ints __attribute__((ext_vector_type(8)));
    typedef unsigned int words __attribute__((ext_vector_type(8)));
    typedef unsigned long long longs __attribute__((ext_vector_type(8), aligned(8)));
    const float RADIUS = {_CUBE_RADIUS}f, HALF = {HALF}f, YIELD = {YIELD}f, NEAREST = {NEAREST}f;
    const int NEAR_BITS = {NEAR_BITS}, COLOR_BITS = {COLOR_BITS}, MASK = (1 << COLOR_BITS) - 1;
"""
_DRAW = """
    const ints lanes = {0, 1, 2, 3, 4, 5, 6, 7};
    auto number = [](ints x) { return __builtin_convertvector(x, floats); };
    auto whole = [](floats x) { return __builtin_convertvector(x, ints); };
    auto larger = [](floats a, floats b) { return a > b ? a : b; };
    auto smaller = [](floats a, floats b) { return a < b ? a : b; };
    auto magnitude = [](floats a) { return __builtin_elementwise_abs(a); };

    // the eight cubes of 4x4x4 voxels that may be in view
    const floats px = number(lanes & 4) + (base[0] + 2.0f);
    const floats py = number((lanes & 2) * 2) + (base[1] + 2.0f);
    const floats pz = number((lanes & 1) * 4) + (base[2] + 2.0f);
    const floats deep = view.forward[0] * px + view.forward[1] * py + view.forward[2] * pz;
    const floats aside = view.right[0] * px + view.right[1] * py + view.right[2] * pz;
    const floats under = view.down[0] * px + view.down[1] * py + view.down[2] * pz;
    const float west = -camera.cx / camera.fx, east = (camera.width - camera.cx) / camera.fx;
    const float north = -camera.cy / camera.fy, south = (camera.height - camera.cy) / camera.fy;
    const ints seen = (deep > -RADIUS) & (deep < max_depth + RADIUS)
        & (west * deep - aside <= RADIUS * wp::sqrt(1.0f + west * west))
        & (aside - east * deep <= RADIUS * wp::sqrt(1.0f + east * east))
        & (north * deep - under <= RADIUS * wp::sqrt(1.0f + north * north))
        & (under - south * deep <= RADIUS * wp::sqrt(1.0f + south * south));
    if (!__builtin_reduce_or(seen)) return;
    const unsigned long long quarter = 0x0F0F0F0Full;
    const unsigned long long quarters[4] = {quarter, quarter << 4, quarter << 32, quarter << 36};
    unsigned long long halves[2] = {0, 0};  // bits of their voxels, for x < 4 and the rest
    for (int k = 0; k < 8; ++k)
        halves[k >> 2] |= seen[k] ? quarters[k & 3] : 0;

    int listed[520];
    int count = 0;
    for (int x = 0; x < 8; ++x)
        for (unsigned long long left = faced.data[slot * 8 + x] & halves[x >> 2]; left; left &= left - 1) {
            listed[count] = (x << 6) | __builtin_ctzll(left);
            __builtin_prefetch(faces.data + slot * 512 + listed[count++]);
        }
    if (forgets) {
        int kept = 0;
        for (int k = 0; k < count; ++k) {
            listed[kept] = listed[k];
            kept += stamp.data[slot * 512 + listed[k]] > forgotten;
        }
        count = kept;
    }
    for (int k = count; k & 7; ++k) listed[k] = listed[count - 1];  // drawing a face again changes nothing

    auto hit = [&](floats h, floats g, floats x, floats y, floats z, words parity) {
        // the upper half of a word, all ones where the ray leaves the plane outside of the cube
        const floats aside = larger(magnitude(x), larger(magnitude(y), magnitude(z)));
        const floats depth = h / g + (aside <= -0.5f * g ? floats(0.0f) : floats(YIELD));
        const words bits = (__builtin_bit_cast(words, depth) & 0xFFFFFFF8u) | parity;
        return aside <= -HALF * g ? bits : words(~0u);
    };
    auto which = [&](words upper, words index, floats g, floats x, floats y, floats z) {
        const floats aside = larger(magnitude(x), larger(magnitude(y), magnitude(z)));
        const words lower = index | (aside <= -0.5f * g ? words(0u) : words(1u << 31));
        return upper == ~0u ? words(~0u) : lower;
    };

    for (int begin = 0; begin < count; begin += 8) {
        ints local;
        __builtin_memcpy(&local, listed + begin, sizeof(local));
        longs planes;
        for (int k = 0; k < 8; ++k) planes[k] = faces.data[slot * 512 + listed[begin + k]][0];
        const ints low = __builtin_convertvector(planes, ints);
        const ints high = __builtin_convertvector(planes >> 32, ints);
        const ints si = (low << 16) >> 16;
        const ints zi = (low - si) >> 16;
        const ints rest = high - ((zi * 65536 + si) >> 31);  // what a negative lower half has borrowed
        const ints yi = (rest << 16) >> 16;
        const floats s = number(si), nx = number((rest - yi) >> 16), ny = number(yi), nz = number(zi);
        const ints ix = local >> 6, iy = (local >> 3) & 7, iz = local & 7;
        const floats cx = number(ix) + (base[0] + 0.5f);
        const floats cy = number(iy) + (base[1] + 0.5f);
        const floats cz = number(iz) + (base[2] + 0.5f);
        const floats h = nx * cx + ny * cy + nz * cz - s;

        const floats ax = magnitude(nx), ay = magnitude(ny), az = magnitude(nz);
        const ints is_x = (ax >= ay) & (ax >= az), is_y = ~is_x & (ay >= az), is_z = ~is_x & ~is_y;
        const floats inverse = 1.0f / (is_x ? nx : is_y ? ny : nz);
        const floats shift = s * inverse;
        const floats thin = HALF * smaller((ax + ay + az) * magnitude(inverse) - 1.0f, floats(1.0f));
        const floats sx = is_x ? thin : floats(HALF), mx = is_x ? cx - shift : cx;
        const floats sy = is_y ? thin : floats(HALF), my = is_y ? cy - shift : cy;
        const floats sz = is_z ? thin : floats(HALF), mz = is_z ? cz - shift : cz;
        const wp::vec3 ahead = view.forward;
        const floats z = ahead[0] * mx + ahead[1] * my + ahead[2] * mz;
        const floats dz = wp::abs(ahead[0]) * sx + wp::abs(ahead[1]) * sy + wp::abs(ahead[2]) * sz;
        const ints bounded = z - dz > NEAREST;
        const floats nearest = 1.0f / (z - dz), farthest = 1.0f / (z + dz), middle = 1.0f / z;
        auto span = [&](const wp::vec3& axis, float f, float c, int size, ints& first, ints& last) {
            const floats x = axis[0] * mx + axis[1] * my + axis[2] * mz;
            const floats dx = wp::abs(axis[0]) * sx + wp::abs(axis[1]) * sy + wp::abs(axis[2]) * sz;
            const floats slope = x * middle;
            const floats reach_x = magnitude(axis[0] - ahead[0] * slope) * sx;
            const floats reach_y = magnitude(axis[1] - ahead[1] * slope) * sy;
            const floats reach = (reach_x + reach_y + magnitude(axis[2] - ahead[2] * slope) * sz) * nearest;
            const floats from = larger(slope - reach, (x - dx) * (x > dx ? farthest : nearest));
            const floats to = smaller(slope + reach, (x + dx) * (x > -dx ? nearest : farthest));
            const floats start = __builtin_elementwise_ceil(larger(from * f + (c - 0.5f), floats(0.0f)));
            const floats end = __builtin_elementwise_floor(smaller(to * f + (c - 0.5f), floats(size - 1)));
            first = bounded ? whole(smaller(start, floats(size))) : ints(0);
            last = bounded ? whole(larger(end, floats(-1.0f))) : ints(size - 1);
        };
        ints left, right, top, bottom;
        span(view.right, camera.fx, camera.cx, camera.width, left, right);
        span(view.down, camera.fy, camera.cy, camera.height, top, bottom);
        const ints alive = (h < 0.0f) & (z + dz > 0.0f) & (left <= right) & (top <= bottom);
        if (!__builtin_reduce_or(alive)) continue;
        const ints small = alive & (right - left < 2) & (bottom - top < 2);
        const words parity = __builtin_bit_cast(words, ((ix & 1) << 2) | ((iy & 1) << 1) | (iz & 1));
        const words index = __builtin_bit_cast(words, local | (slot << 9));
        const wp::vec3 to_right = view.along_u, to_below = view.along_v;

        if (__builtin_reduce_or(small)) {
            for (int corner = 0; corner < 4; ++corner) {
                const ints u = corner & 1 ? right : left, v = corner & 2 ? bottom : top;
                const floats fu = number(u), fv = number(v);
                const floats rx = view.corner[0] + to_right[0] * fu + to_below[0] * fv;
                const floats ry = view.corner[1] + to_right[1] * fu + to_below[1] * fv;
                const floats rz = view.corner[2] + to_right[2] * fu + to_below[2] * fv;
                const floats g = nx * rx + ny * ry + nz * rz;
                const floats ox = h * rx - cx * g, oy = h * ry - cy * g, oz = h * rz - cz * g;
                const words upper = small ? hit(h, g, ox, oy, oz, parity) : words(~0u);
                const words lower = which(upper, index, g, ox, oy, oz);
                const ints pixel = small ? v * camera.width + u : ints(0);
                for (int k = 0; k < 8; ++k) {
                    const unsigned long long word = ((unsigned long long)upper[k] << 32) | lower[k];
                    unsigned long long& least = buffer.data[first + pixel[k]];
                    least = word < least ? word : least;
                }
            }
        }
        const ints large = alive & ~small;
        if (!__builtin_reduce_or(large)) continue;
        for (int k = 0; k < 8; ++k) {
            if (!large[k]) continue;
            const wp::vec3 n = wp::vec3(nx[k], ny[k], nz[k]), c = wp::vec3(cx[k], cy[k], cz[k]);
            const float hk = h[k], g_u = wp::dot(n, to_right);
            const wp::vec3 off_u = hk * to_right - c * g_u;
            for (int row = top[k]; row <= bottom[k]; row += 8) {
                const floats fv = number(lanes + row);
                const floats rx = view.corner[0] + to_below[0] * fv;
                const floats ry = view.corner[1] + to_below[1] * fv;
                const floats rz = view.corner[2] + to_below[2] * fv;
                const floats g = n[0] * rx + n[1] * ry + n[2] * rz;
                const floats off[3] = {hk * rx - c[0] * g, hk * ry - c[1] * g, hk * rz - c[2] * g};
                ints from = left[k], to = right[k];
                if (right[k] - left[k] >= 8) {  // solve for the part of each row
                    floats begins = left[k], ends = right[k];
                    for (int axis = 0; axis < 3; ++axis)
                        for (float sign = -1.0f; sign < 2.0f; sign += 2.0f) {
                            float slope = -HALF * g_u + sign * off_u[axis];
                            slope = wp::abs(slope) < 1.0e-12f ? 1.0e-12f : slope;
                            const floats root = (-HALF * g + sign * off[axis]) * (-1.0f / slope);
                            if (slope > 0.0f) begins = larger(begins, root);
                            else ends = smaller(ends, root);
                        }
                    from = whole(__builtin_elementwise_ceil(smaller(begins, floats(camera.width))));
                    to = whole(__builtin_elementwise_floor(larger(ends, floats(-1.0f))));
                }
                for (int j = 0; j < 8 && row + j <= bottom[k]; ++j) {
                    for (int u = from[j]; u <= to[j]; u += 8) {
                        const ints column = lanes + u;
                        const floats fu = number(column);
                        const floats gp = g[j] + g_u * fu;
                        const floats ox = off[0][j] + off_u[0] * fu;
                        const floats oy = off[1][j] + off_u[1] * fu;
                        const floats oz = off[2][j] + off_u[2] * fu;
                        words upper = hit(hk, gp, ox, oy, oz, words(parity[k]));
                        upper = column <= to[j] ? upper : words(~0u);
                        const words lower = which(upper, words(index[k]), gp, ox, oy, oz);
                        const longs raised = __builtin_convertvector(upper, longs) << 32;
                        const longs word = raised | __builtin_convertvector(lower, longs);
                        longs& least = *(longs*)(buffer.data + first + (row + j) * camera.width + u);
                        least = word < least ? word : least;
                    }
                }
            }
        }
    }
"""


@wp.func_native(_BEGINNING + _DRAW)
def draw_block(
    camera: Camera,
    view: View,
    base: wp.vec3,
    max_depth: float,
    slot: int,
    faced: wp.array(dtype=wp.uint64),
    faces: wp.array(dtype=wp.vec2l),
    forgets: int,
    forgotten: int,
    stamp: wp.array(dtype=wp.int32),
    buffer: wp.array(dtype=wp.uint64),
    first: int,
) -> None:
    """Draw the faces of a block, whose corner is at `base` as seen from the camera, as `draw_face` does."""


_RESOLVE = """
    for (int begin = 0; begin < pixels; begin += 8) {
        const int count = pixels - begin < 8 ? pixels - begin : 8;
        longs& drawn = *(longs*)(buffer.data + drawn_first + begin);
        const words upper = __builtin_convertvector(drawn >> 32, words);
        const ints lower = __builtin_convertvector(drawn, ints);
        drawn = ~0ull;  // for the next time
        const floats yielded = __builtin_bit_cast(floats, upper) - (lower < 0 ? floats(YIELD) : floats(0.0f));
        const floats d = yielded / inv_voxel;
        const ints met = (upper != ~0u) & (d <= max_depth);
        const ints face = met ? lower & 0x7FFFFFFF : ints(0);
        longs sums;
        for (int k = 0; k < 8; ++k) sums[k] = faces.data[face[k]][1];
        const ints number = __builtin_convertvector(sums & ((1 << NEAR_BITS) - 1), ints);
        const floats scale = 1.0f / __builtin_convertvector(met ? number : ints(1), floats);
        ints channels[3];
        for (int c = 0; c < 3; ++c) {
            const ints sum = __builtin_convertvector((sums >> (NEAR_BITS + COLOR_BITS * c)) & MASK, ints);
            const floats mean = __builtin_convertvector(sum, floats) * scale + 0.5f;
            channels[c] = met ? __builtin_convertvector(mean, ints) : ints(0);
        }
        for (int k = 0; k < count; ++k) {
            const int pixel = first + begin + k;
            rgb.data[pixel] = wp::vec_t<3, wp::uint8>(channels[0][k], channels[1][k], channels[2][k]);
            depth.data[pixel] = met[k] ? d[k] : 0.0f;
            unknown.data[pixel] = !met[k];
        }
    }
"""


@wp.func_native(_BEGINNING + _RESOLVE)
def resolve(
    faces: wp.array(dtype=wp.vec2l),
    inv_voxel: float,
    max_depth: float,
    buffer: wp.array(dtype=wp.uint64),
    drawn_first: int,
    first: int,
    pixels: int,
    rgb: wp.array(dtype=wp.vec3ub),
    depth: wp.array(dtype=float),
    unknown: wp.array(dtype=wp.bool),
) -> None:
    """Colour and depth of an image's pixels from what was drawn, as `resolve_kernel` does."""


@wp.kernel(enable_backward=False)
def render_kernel(
    grid: Grid,
    camera: Camera,
    poses: wp.array(dtype=wp.mat44),
    buffer: wp.array(dtype=wp.uint64),
    first_env: int,
    rgb: wp.array(dtype=wp.vec3ub),
    depth: wp.array(dtype=float),
    unknown: wp.array(dtype=wp.bool),
):
    """Draw the faces of one map, and resolve them while they are in the cache."""
    env = first_env + wp.tid()
    view = view_of(grid, camera, poses[env])
    pixels = camera.height * camera.width
    first = env * (pixels + PADDING)
    forgotten = grid.oldest[env]
    max_depth = camera.max_depth * grid.inv_voxel
    for k in range(wp.min(grid.used[env], grid.assigned[env])):
        slot = grid.slots[env, k]
        place = grid.places[slot]
        base = wp.vec3(float(place[0]), float(place[1]), float(place[2])) * float(BLOCK) - view.origin
        draw_block(
            camera,
            view,
            base,
            max_depth,
            slot,
            grid.faced,
            grid.faces,
            grid.forgets,
            forgotten,
            grid.stamp,
            buffer,
            first,
        )
    begin = env * pixels
    resolve(grid.faces, grid.inv_voxel, camera.max_depth, buffer, first, begin, pixels, rgb, depth, unknown)
