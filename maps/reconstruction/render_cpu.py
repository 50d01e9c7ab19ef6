"""The rendering kernel of a CPU, in C++: eight faces at once, then eight pixels of the larger ones.

No function takes or returns `longs`: clang would use registers of 512 bits everywhere, which is slower.
"""

# Warp's dialect: array types are calls.
# mypy: ignore-errors

from __future__ import annotations

import warp as wp

from robonav.maps.reconstruction.blocks import COLOR_BITS, NEAR_BITS, Camera, Grid
from robonav.maps.reconstruction.views import BLOCK_RADIUS, HALF, NEAREST, PADDING, YIELD, View, view_of

_CUBE = 2.25  # voxels from the centre of 4x4x4 to where their faces end, with some for rounding
_BEGINNING = f"""
    typedef float floats __attribute__((ext_vector_type(8)));
    typedef int ints __attribute__((ext_vector_type(8)));
    typedef unsigned int words __attribute__((ext_vector_type(8)));
    typedef unsigned char bytes __attribute__((ext_vector_type(32)));
    typedef unsigned char bools __attribute__((ext_vector_type(8)));
    typedef bool bits __attribute__((ext_vector_type(8)));
    typedef unsigned long long word;
    typedef word longs __attribute__((ext_vector_type(8), aligned(8)));
    const float RADIUS = {BLOCK_RADIUS}f, CUBE = {_CUBE}f;
    const float HALF = {HALF}f, YIELD = {YIELD}f, NEAREST = {NEAREST}f;
    const int NEAR_BITS = {NEAR_BITS}, COLOR_BITS = {COLOR_BITS}, MASK = (1 << COLOR_BITS) - 1;
"""
_DRAW = """
    const ints lanes = {0, 1, 2, 3, 4, 5, 6, 7};
    auto number = [](ints x) { return __builtin_convertvector(x, floats); };
    auto whole = [](floats x) { return __builtin_convertvector(x, ints); };
    auto larger = [](floats a, floats b) { return a > b ? a : b; };
    auto smaller = [](floats a, floats b) { return a < b ? a : b; };
    auto magnitude = [](floats a) { return __builtin_elementwise_abs(a); };
    auto mask = [](ints x) -> unsigned int {
        return __builtin_bit_cast(unsigned char, __builtin_convertvector(x, bits));
    };

    const wp::vec3 ahead = view.forward, to_right = view.along_u, to_below = view.along_v;
    struct Box { floats x, y, z, size_x, size_y, size_z, depth, reach; ints left, right, top, bottom; };
    auto bound = [&](Box& box) __attribute__((always_inline)) {
        // depth of a box's centre, how far it reaches before and behind it, and the pixels that may show it
        const floats z = box.depth = ahead[0] * box.x + ahead[1] * box.y + ahead[2] * box.z;
        const floats dz = box.reach = wp::abs(ahead[0]) * box.size_x + wp::abs(ahead[1]) * box.size_y
            + wp::abs(ahead[2]) * box.size_z;
        const ints bounded = z - dz > NEAREST;
        const floats nearest = 1.0f / (z - dz), farthest = 1.0f / (z + dz), middle = 1.0f / z;
        auto span = [&](const wp::vec3& axis, float f, float c, int size, ints& first, ints& last)
            __attribute__((always_inline)) {
            const floats x = axis[0] * box.x + axis[1] * box.y + axis[2] * box.z;
            const floats dx = wp::abs(axis[0]) * box.size_x + wp::abs(axis[1]) * box.size_y
                + wp::abs(axis[2]) * box.size_z;
            const floats slope = x * middle;
            const floats reach_x = magnitude(axis[0] - ahead[0] * slope) * box.size_x;
            const floats reach_y = magnitude(axis[1] - ahead[1] * slope) * box.size_y;
            const floats reach_z = magnitude(axis[2] - ahead[2] * slope) * box.size_z;
            const floats reach = (reach_x + reach_y + reach_z) * nearest;
            const floats from = larger(slope - reach, (x - dx) * (x > dx ? farthest : nearest));
            const floats to = smaller(slope + reach, (x + dx) * (x > -dx ? nearest : farthest));
            const floats start = __builtin_elementwise_ceil(larger(from * f + (c - 0.5f), floats(0.0f)));
            const floats end = __builtin_elementwise_floor(smaller(to * f + (c - 0.5f), floats(size - 1)));
            first = bounded ? whole(smaller(start, floats(size))) : ints(0);
            last = bounded ? whole(larger(end, floats(-1.0f))) : ints(size - 1);
        };
        span(view.right, camera.fx, camera.cx, camera.width, box.left, box.right);
        span(view.down, camera.fy, camera.cy, camera.height, box.top, box.bottom);
        return (z + dz > 0.0f) & (box.left <= box.right) & (box.top <= box.bottom);
    };
    word cubes[16];  // bits of the voxels in those of four cubes that the bits of a number name
    for (int k = 0; k < 16; ++k) {
        const word few = (k & 1) | (k & 2) << 3, more = (k & 4) >> 2 | (k & 8) << 1;
        cubes[k] = (few | more << 32) * 0x0F0F0F0Full;
    }
    int queue[640], queued = 0;  // faces to be drawn, whose memory has been asked for
    auto list_block = [&](int slot) {  // the faces in those of its eight cubes of 4x4x4 voxels that may show
        const auto& place = grid.places.data[slot];
        Box cube = {number(lanes & 4) + (place[0] * 8.0f - view.origin[0] + 2.0f),
            number((lanes & 2) * 2) + (place[1] * 8.0f - view.origin[1] + 2.0f),
            number((lanes & 1) * 4) + (place[2] * 8.0f - view.origin[2] + 2.0f), CUBE, CUBE, CUBE};
        const int shows = mask(bound(cube) & (cube.depth - cube.reach < max_depth + YIELD));
        const word* const faced = grid.faced.data + slot * 8;
        for (int x = 0; x < 8; ++x)
            for (word left = faced[x] & cubes[x < 4 ? shows & 15 : shows >> 4]; left; left &= left - 1) {
                const int index = (slot << 9) | (x << 6) | __builtin_ctzll(left);
                __builtin_prefetch(grid.faces.data + index);
                if (grid.forgets) __builtin_prefetch(grid.stamp.data + index);
                queue[queued++] = index;
            }
    };

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

    // Three loops over some faces, because a branch that is guessed wrong at the end of the first one's long
    // chain of arithmetic costs as much as the chain.
    struct { floats nx, ny, nz, cx, cy, cz, h; ints left, right, top, bottom; words parity, tag; } drawn[8];
    struct { words upper[4], lower[4]; ints pixel[4]; unsigned int hits; } met[8];
    auto draw = [&](const int* listed, int batches) {
        word larges = 0;
        for (int b = 0; b < batches; ++b, listed += 8) {
            ints index, px, py, pz;
            __builtin_memcpy(&index, listed, sizeof(index));
            longs planes;
            for (int k = 0; k < 8; ++k) {
                planes[k] = grid.faces.data[listed[k]][0];
                const auto& place = grid.places.data[listed[k] >> 9];
                px[k] = place[0], py[k] = place[1], pz[k] = place[2];
            }
            const ints low = __builtin_convertvector(planes, ints);
            const ints high = __builtin_convertvector(planes >> 32, ints);
            const ints si = (low << 16) >> 16;
            const ints zi = (low - si) >> 16;
            const ints rest = high - ((zi * 65536 + si) >> 31);  // what a negative lower half has borrowed
            const ints yi = (rest << 16) >> 16;
            const floats s = number(si), nx = number((rest - yi) >> 16), ny = number(yi), nz = number(zi);
            const ints ix = (index >> 6) & 7, iy = (index >> 3) & 7, iz = index & 7;
            const floats cx = number(ix) + (number(px) * 8.0f - view.origin[0] + 0.5f);
            const floats cy = number(iy) + (number(py) * 8.0f - view.origin[1] + 0.5f);
            const floats cz = number(iz) + (number(pz) * 8.0f - view.origin[2] + 0.5f);
            const floats h = nx * cx + ny * cy + nz * cz - s;

            const floats ax = magnitude(nx), ay = magnitude(ny), az = magnitude(nz);
            const ints is_x = (ax >= ay) & (ax >= az), is_y = ~is_x & (ay >= az), is_z = ~is_x & ~is_y;
            const floats inverse = 1.0f / (is_x ? nx : is_y ? ny : nz);
            const floats shift = s * inverse;
            const floats thin = HALF * smaller((ax + ay + az) * magnitude(inverse) - 1.0f, floats(1.0f));
            Box face = {is_x ? cx - shift : cx, is_y ? cy - shift : cy, is_z ? cz - shift : cz,
                is_x ? thin : floats(HALF), is_y ? thin : floats(HALF), is_z ? thin : floats(HALF)};
            ints alive = bound(face) & (h < 0.0f);
            if (grid.forgets)
                for (int k = 0; k < 8; ++k) alive[k] &= grid.stamp.data[listed[k]] > forgotten ? -1 : 0;
            const ints left = face.left, right = face.right, top = face.top, bottom = face.bottom;
            const ints small = alive & (right - left < 2) & (bottom - top < 2);
            const words parity = __builtin_bit_cast(words, ((ix & 1) << 2) | ((iy & 1) << 1) | (iz & 1));
            const words tag = __builtin_bit_cast(words, index);

            met[b].hits = 0;  // a bit a corner and face
            for (int corner = 0; corner < 4; ++corner) {
                const ints u = corner & 1 ? right : left, v = corner & 2 ? bottom : top;
                const floats fu = number(u), fv = number(v);
                const floats rx = view.corner[0] + to_right[0] * fu + to_below[0] * fv;
                const floats ry = view.corner[1] + to_right[1] * fu + to_below[1] * fv;
                const floats rz = view.corner[2] + to_right[2] * fu + to_below[2] * fv;
                const floats g = nx * rx + ny * ry + nz * rz;
                const floats ox = h * rx - cx * g, oy = h * ry - cy * g, oz = h * rz - cz * g;
                const words upper = hit(h, g, ox, oy, oz, parity);
                met[b].upper[corner] = upper;
                met[b].lower[corner] = which(upper, tag, g, ox, oy, oz);
                met[b].pixel[corner] = v * camera.width + u;
                ints met_here = small & (upper != ~0u);
                if (corner & 1) met_here &= left < right;
                if (corner & 2) met_here &= top < bottom;
                met[b].hits |= mask(met_here) << (8 * corner);
            }
            larges |= (word)mask(alive & ~small) << (8 * b);
            drawn[b] = {nx, ny, nz, cx, cy, cz, h, left, right, top, bottom, parity, tag};
        }
        for (int b = 0; b < batches; ++b) {
            const auto& small = met[b];
            for (unsigned int left = small.hits; left; left &= left - 1) {
                const int corner = __builtin_ctz(left) >> 3, k = __builtin_ctz(left) & 7;
                const word seen = (word)small.upper[corner][k] << 32 | small.lower[corner][k];
                word& least = buffer.data[first + small.pixel[corner][k]];
                least = seen < least ? seen : least;
            }
        }
        for (; larges; larges &= larges - 1) {
            const auto& face = drawn[__builtin_ctzll(larges) >> 3];
            const int k = __builtin_ctzll(larges) & 7;
            const wp::vec3 n = wp::vec3(face.nx[k], face.ny[k], face.nz[k]);
            const wp::vec3 c = wp::vec3(face.cx[k], face.cy[k], face.cz[k]);
            const int left = face.left[k], right = face.right[k], top = face.top[k], bottom = face.bottom[k];
            const words parity = face.parity[k], tag = face.tag[k];
            const float h = face.h[k], g_u = wp::dot(n, to_right);
            const wp::vec3 off_u = h * to_right - c * g_u;
            for (int row = top; row <= bottom; row += 8) {
                const floats fv = number(lanes + row);
                const floats rx = view.corner[0] + to_below[0] * fv;
                const floats ry = view.corner[1] + to_below[1] * fv;
                const floats rz = view.corner[2] + to_below[2] * fv;
                const floats g = n[0] * rx + n[1] * ry + n[2] * rz;
                const floats off[3] = {h * rx - c[0] * g, h * ry - c[1] * g, h * rz - c[2] * g};
                ints from = left, to = right;
                if (right - left >= 8) {  // solve for the part of each row
                    floats begins = left, ends = right;
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
                for (int j = 0; j < 8 && row + j <= bottom; ++j) {
                    for (int u = from[j]; u <= to[j]; u += 8) {
                        const ints column = lanes + u;
                        const floats fu = number(column);
                        const floats gp = g[j] + g_u * fu;
                        const floats ox = off[0][j] + off_u[0] * fu;
                        const floats oy = off[1][j] + off_u[1] * fu;
                        const floats oz = off[2][j] + off_u[2] * fu;
                        words upper = hit(h, gp, ox, oy, oz, parity);
                        upper = column <= to[j] ? upper : words(~0u);
                        const words lower = which(upper, tag, gp, ox, oy, oz);
                        const longs raised = __builtin_convertvector(upper, longs) << 32;
                        const longs word = raised | __builtin_convertvector(lower, longs);
                        longs& least = *(longs*)(buffer.data + first + (row + j) * camera.width + u);
                        least = word < least ? word : least;
                    }
                }
            }
        }
    };

    // blocks in view, a few at a time: between asking for memory and its use lies other work
    const float west = -camera.cx / camera.fx, east = (camera.width - camera.cx) / camera.fx;
    const float north = -camera.cy / camera.fy, south = (camera.height - camera.cy) / camera.fy;
    const float beside_west = RADIUS * wp::sqrt(1.0f + west * west);
    const float beside_east = RADIUS * wp::sqrt(1.0f + east * east);
    const float beside_north = RADIUS * wp::sqrt(1.0f + north * north);
    const float beside_south = RADIUS * wp::sqrt(1.0f + south * south);
    const int* const slots = &wp::index(grid.slots, env, 0);
    const int MANY = 256;
    int found[MANY + 8];
    for (int begin = 0; begin < blocks; begin += MANY) {
        const int end = blocks - begin < MANY ? blocks : begin + MANY;
        int count = 0;
        for (int k = begin; k < end; k += 8) {
            ints x, y, z;
            for (int j = 0; j < 8; ++j) {
                const auto& place = grid.places.data[slots[k + j < end ? k + j : k]];
                x[j] = place[0], y[j] = place[1], z[j] = place[2];
            }
            const floats px = number(x) * 8.0f + (4.0f - view.origin[0]);
            const floats py = number(y) * 8.0f + (4.0f - view.origin[1]);
            const floats pz = number(z) * 8.0f + (4.0f - view.origin[2]);
            const floats deep = ahead[0] * px + ahead[1] * py + ahead[2] * pz;
            const floats aside = view.right[0] * px + view.right[1] * py + view.right[2] * pz;
            const floats under = view.down[0] * px + view.down[1] * py + view.down[2] * pz;
            const ints seen = (deep > -RADIUS) & (deep < max_depth + RADIUS) & (lanes + k < end)
                & (west * deep - aside <= beside_west) & (aside - east * deep <= beside_east)
                & (north * deep - under <= beside_north) & (under - south * deep <= beside_south);
            for (unsigned int left = mask(seen); left; left &= left - 1) {
                const int slot = found[count++] = slots[k + __builtin_ctz(left)];
                __builtin_prefetch(grid.faced.data + slot * 8);
            }
        }
        for (int k = 0; k < count; ++k) {
            list_block(found[k]);
            int done = 0;
            for (; queued - done >= 128; done += 64) draw(queue + done, 8);
            if (done) __builtin_memmove(queue, queue + done, (queued -= done) * sizeof(int));
        }
    }
    for (int k = queued; k & 7; ++k) queue[k] = queue[queued - 1];  // drawing a face again changes nothing
    for (int k = 0; k < queued; k += 64) draw(queue + k, queued - k < 64 ? (queued - k + 7) >> 3 : 8);
"""


@wp.func_native(_BEGINNING + _DRAW)
def draw(
    grid: Grid,
    camera: Camera,
    view: View,
    max_depth: float,
    env: int,
    blocks: int,
    forgotten: int,
    buffer: wp.array(dtype=wp.uint64),
    first: int,
) -> None:
    """Draw the faces of a map's blocks as `splat_kernel` does."""


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
        ints color = 0;
        for (int c = 0; c < 3; ++c) {
            const ints sum = __builtin_convertvector((sums >> (NEAR_BITS + COLOR_BITS * c)) & MASK, ints);
            const floats mean = __builtin_convertvector(sum, floats) * scale + 0.5f;
            color |= (met ? __builtin_convertvector(mean, ints) : ints(0)) << (8 * c);
        }
        const auto four = __builtin_bit_cast(bytes, color);
        const auto three = __builtin_shufflevector(four, four, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17,
            18, 20, 21, 22, 24, 25, 26, 28, 29, 30, -1, -1, -1, -1, -1, -1, -1, -1);
        const floats shown = met ? d : floats(0.0f);
        const auto nothing = __builtin_convertvector(met + 1, bools);
        const int pixel = first + begin;
        if (count == 8) {
            __builtin_memcpy(rgb.data + pixel, &three, 24);
            __builtin_memcpy(depth.data + pixel, &shown, 32);
            __builtin_memcpy(unknown.data + pixel, &nothing, 8);
        } else {
            for (int k = 0; k < count; ++k) {
                __builtin_memcpy(rgb.data + pixel + k, (char*)&three + 3 * k, 3);
                depth.data[pixel + k] = shown[k];
                unknown.data[pixel + k] = nothing[k];
            }
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
    blocks = wp.min(grid.used[env], grid.assigned[env])
    draw(grid, camera, view, max_depth, env, blocks, forgotten, buffer, first)
    begin = env * pixels
    resolve(grid.faces, grid.inv_voxel, camera.max_depth, buffer, first, begin, pixels, rgb, depth, unknown)
