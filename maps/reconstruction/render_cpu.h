// Draws the faces of a map, eight at once, then eight pixels of the larger ones.
//
// `render_cpu.py` defines the constants (names in capitals) ahead of this file, and Warp the structs of
// Python (VoxelMaps, KernelPinhole, CameraView) behind it: so their types are template parameters. No
// function takes or returns `longs`: clang would use registers of 512 bits everywhere, which is slower.

#define ALWAYS_INLINE inline __attribute__((always_inline))

namespace face_batches {
namespace {

typedef float floats __attribute__((ext_vector_type(8)));
typedef int ints __attribute__((ext_vector_type(8)));
typedef unsigned int words __attribute__((ext_vector_type(8)));
typedef unsigned char bytes __attribute__((ext_vector_type(32)));
typedef unsigned char bools __attribute__((ext_vector_type(8)));
typedef bool bits __attribute__((ext_vector_type(8)));
typedef unsigned long long word;
typedef word longs __attribute__((ext_vector_type(8), aligned(8)));

constexpr ints LANES = {0, 1, 2, 3, 4, 5, 6, 7};
constexpr int MANY = 256;  // blocks that are found before their faces are drawn

ALWAYS_INLINE floats number(ints x) { return __builtin_convertvector(x, floats); }
ALWAYS_INLINE ints whole(floats x) { return __builtin_convertvector(x, ints); }
ALWAYS_INLINE floats larger(floats a, floats b) { return a > b ? a : b; }
ALWAYS_INLINE floats smaller(floats a, floats b) { return a < b ? a : b; }
ALWAYS_INLINE floats magnitude(floats a) { return __builtin_elementwise_abs(a); }

ALWAYS_INLINE unsigned int mask(ints x) {  // a bit for each lane
    return __builtin_bit_cast(unsigned char, __builtin_convertvector(x, bits));
}

// Eight boxes along the axes: centre and half of the edges; then what `bound` finds out.
struct Box {
    floats x, y, z, size_x, size_y, size_z;
    floats depth, reach;            // depth of the centre, and how far the box reaches before and behind it
    ints left, right, top, bottom;  // pixels that may show it
};

// Eight planes n.(X - c) = h in voxels, cut by the cubes around their centres c as seen from the camera.
struct Faces {
    floats nx, ny, nz, cx, cy, cz, h;
    ints left, right, top, bottom;  // pixels that may show them
    words parity, tag;
};

// What eight small faces draw in the four corners of their images; a bit a corner and face that is seen.
struct Corners {
    words upper[4], lower[4];
    ints pixel[4];
    unsigned int hits;
};

// The upper half of what is drawn where rays meet planes at depth h / g, (x, y, z) / g from the centres.
// All ones where a ray leaves the plane outside of the cube.
ALWAYS_INLINE words upper_half(floats h, floats g, floats x, floats y, floats z, words parity) {
    const floats aside = larger(magnitude(x), larger(magnitude(y), magnitude(z)));
    const floats depth = h / g + (aside <= -0.5f * g ? floats(0.0f) : floats(YIELD));
    const words bits = (__builtin_bit_cast(words, depth) & 0xFFFFFFF8u) | parity;
    return aside <= -HALF * g ? bits : words(~0u);
}

// The lower half: the voxel's index, and a bit where the ray leaves the cube.
ALWAYS_INLINE words lower_half(words upper, words index, floats g, floats x, floats y, floats z) {
    const floats aside = larger(magnitude(x), larger(magnitude(y), magnitude(z)));
    const words lower = index | (aside <= -0.5f * g ? words(0u) : words(1u << 31));
    return upper == ~0u ? words(~0u) : lower;
}

// One map's faces as one view shows them: the least word of each pixel wins.
template <class Grid, class Camera, class View>
struct Drawing {
    const Grid grid;  // a copy: what is written through pointers cannot change it
    const Camera camera;
    const View view;
    const float max_depth;  // voxels
    const int forgotten;    // the last frame that is
    word* const image;
    word cubes[16];              // bits of the voxels in those of four cubes that the bits of a number name
    int queue[640], queued = 0;  // faces to be drawn, whose memory has been asked for
    Faces drawn[8];
    Corners met[8];

    ALWAYS_INLINE Drawing(
        const Grid& grid, const Camera& camera, const View& view, float max_depth, int forgotten, word* image)
        : grid(grid), camera(camera), view(view), max_depth(max_depth), forgotten(forgotten), image(image) {
        for (int k = 0; k < 16; ++k) {
            const word few = (k & 1) | (k & 2) << 3, more = (k & 4) >> 2 | (k & 8) << 1;
            cubes[k] = (few | more << 32) * 0x0F0F0F0Full;
        }
    }

    // First and last pixel of an axis of the image that may show boxes whose depth is known.
    ALWAYS_INLINE void bound_axis(
        const Box& box, const wp::vec3& axis, float f, float c, int size, ints& first, ints& last) const {
        const wp::vec3 ahead = view.forward;
        const ints bounded = box.depth - box.reach > NEAREST;
        const floats nearest = 1.0f / (box.depth - box.reach), farthest = 1.0f / (box.depth + box.reach);
        const floats x = axis[0] * box.x + axis[1] * box.y + axis[2] * box.z;
        const floats dx =
            wp::abs(axis[0]) * box.size_x + wp::abs(axis[1]) * box.size_y + wp::abs(axis[2]) * box.size_z;
        const floats slope = x * (1.0f / box.depth);
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
    }

    // Find out where boxes are seen, and whether they may be.
    ALWAYS_INLINE ints bound(Box& box) const {
        const wp::vec3 ahead = view.forward;
        box.depth = ahead[0] * box.x + ahead[1] * box.y + ahead[2] * box.z;
        box.reach =
            wp::abs(ahead[0]) * box.size_x + wp::abs(ahead[1]) * box.size_y + wp::abs(ahead[2]) * box.size_z;
        bound_axis(box, view.right, camera.fx, camera.cx, camera.width, box.left, box.right);
        bound_axis(box, view.down, camera.fy, camera.cy, camera.height, box.top, box.bottom);
        return (box.depth + box.reach > 0.0f) & (box.left <= box.right) & (box.top <= box.bottom);
    }

    // Queue the faces in those of a block's eight cubes of 4x4x4 voxels that may be seen.
    ALWAYS_INLINE void list_block(int slot) {
        const auto& place = grid.places.data[slot];
        Box cube = {number(LANES & 4) + (place[0] * 8.0f - view.origin[0] + 2.0f),
            number((LANES & 2) * 2) + (place[1] * 8.0f - view.origin[1] + 2.0f),
            number((LANES & 1) * 4) + (place[2] * 8.0f - view.origin[2] + 2.0f), CUBE, CUBE, CUBE};
        const int shows = mask(bound(cube) & (cube.depth - cube.reach < max_depth + YIELD));
        const word* const faced = grid.faced.data + slot * 8;
        for (int x = 0; x < 8; ++x)
            for (word left = faced[x] & cubes[x < 4 ? shows & 15 : shows >> 4]; left; left &= left - 1) {
                const int index = (slot << 9) | (x << 6) | __builtin_ctzll(left);
                __builtin_prefetch(grid.faces.data + index);
                if (grid.forgets) __builtin_prefetch(grid.stamp.data + index);
                queue[queued++] = index;
            }
    }

    // Read eight faces of the queue; `s` is their planes' distance from the centres of their voxels.
    ALWAYS_INLINE void read(const int* listed, Faces& face, floats& s) const {
        ints index, px, py, pz;
        __builtin_memcpy(&index, listed, sizeof(index));
        longs planes;
        for (int k = 0; k < 8; ++k) {
            planes[k] = grid.faces.data[listed[k]][0];
            const auto& place = grid.places.data[listed[k] >> 9];
            px[k] = place[0], py[k] = place[1], pz[k] = place[2];
        }
        const ints low = __builtin_convertvector(planes, ints),
                   high = __builtin_convertvector(planes >> 32, ints);
        const ints si = (low << 16) >> 16, zi = (low - si) >> 16;
        const ints rest = high - ((zi * 65536 + si) >> 31);  // what a negative lower half has borrowed
        const ints yi = (rest << 16) >> 16;
        s = number(si), face.nx = number((rest - yi) >> 16), face.ny = number(yi), face.nz = number(zi);
        const ints ix = (index >> 6) & 7, iy = (index >> 3) & 7, iz = index & 7;
        face.cx = number(ix) + (number(px) * 8.0f - view.origin[0] + 0.5f);
        face.cy = number(iy) + (number(py) * 8.0f - view.origin[1] + 0.5f);
        face.cz = number(iz) + (number(pz) * 8.0f - view.origin[2] + 0.5f);
        face.h = face.nx * face.cx + face.ny * face.cy + face.nz * face.cz - s;
        face.parity = __builtin_bit_cast(words, ((ix & 1) << 2) | ((iy & 1) << 1) | (iz & 1));
        face.tag = __builtin_bit_cast(words, index);
    }

    // Find out where faces are seen, and whether they may be.
    ALWAYS_INLINE ints bound(const int* listed, Faces& face, floats s) const {
        const floats ax = magnitude(face.nx), ay = magnitude(face.ny), az = magnitude(face.nz);
        const ints is_x = (ax >= ay) & (ax >= az), is_y = ~is_x & (ay >= az), is_z = ~is_x & ~is_y;
        const floats inverse = 1.0f / (is_x ? face.nx : is_y ? face.ny : face.nz);
        const floats shift = s * inverse;
        const floats thin = HALF * smaller((ax + ay + az) * magnitude(inverse) - 1.0f, floats(1.0f));
        Box box = {is_x ? face.cx - shift : face.cx, is_y ? face.cy - shift : face.cy,
            is_z ? face.cz - shift : face.cz, is_x ? thin : floats(HALF), is_y ? thin : floats(HALF),
            is_z ? thin : floats(HALF)};
        ints alive = bound(box) & (face.h < 0.0f);
        if (grid.forgets)
            for (int k = 0; k < 8; ++k) alive[k] &= grid.stamp.data[listed[k]] > forgotten ? -1 : 0;
        face.left = box.left, face.right = box.right, face.top = box.top, face.bottom = box.bottom;
        return alive;
    }

    // What faces of at most 2x2 pixels draw.
    ALWAYS_INLINE void meet_corners(const Faces& face, ints small, Corners& met) const {
        const wp::vec3 to_right = view.along_u, to_below = view.along_v;
        met.hits = 0;
        for (int corner = 0; corner < 4; ++corner) {
            const ints u = corner & 1 ? face.right : face.left, v = corner & 2 ? face.bottom : face.top;
            const floats fu = number(u), fv = number(v);
            const floats rx = view.corner[0] + to_right[0] * fu + to_below[0] * fv;
            const floats ry = view.corner[1] + to_right[1] * fu + to_below[1] * fv;
            const floats rz = view.corner[2] + to_right[2] * fu + to_below[2] * fv;
            const floats g = face.nx * rx + face.ny * ry + face.nz * rz;
            const floats ox = face.h * rx - face.cx * g, oy = face.h * ry - face.cy * g;
            const floats oz = face.h * rz - face.cz * g;
            const words upper = upper_half(face.h, g, ox, oy, oz, face.parity);
            met.upper[corner] = upper;
            met.lower[corner] = lower_half(upper, face.tag, g, ox, oy, oz);
            met.pixel[corner] = v * camera.width + u;
            ints met_here = small & (upper != ~0u);
            if (corner & 1) met_here &= face.left < face.right;
            if (corner & 2) met_here &= face.top < face.bottom;
            met.hits |= mask(met_here) << (8 * corner);
        }
    }

    ALWAYS_INLINE void draw_small(const Corners& small) const {
        for (unsigned int left = small.hits; left; left &= left - 1) {
            const int corner = __builtin_ctz(left) >> 3, k = __builtin_ctz(left) & 7;
            const word seen = (word)small.upper[corner][k] << 32 | small.lower[corner][k];
            word& least = image[small.pixel[corner][k]];
            least = seen < least ? seen : least;
        }
    }

    // The columns of eight rows in which all six conditions -HALF g <= off <= HALF g hold, linear in the
    // column.
    ALWAYS_INLINE void solve(
        floats g, float g_u, const floats off[3], const wp::vec3& off_u, ints& from, ints& to) const {
        floats begins = number(from), ends = number(to);
        for (int axis = 0; axis < 3; ++axis)
            for (float sign = -1.0f; sign < 2.0f; sign += 2.0f) {
                float slope = -HALF * g_u + sign * off_u[axis];
                slope = wp::abs(slope) < 1.0e-12f ? 1.0e-12f : slope;
                const floats root = (-HALF * g + sign * off[axis]) * (-1.0f / slope);
                if (slope > 0.0f)
                    begins = larger(begins, root);
                else
                    ends = smaller(ends, root);
            }
        from = whole(__builtin_elementwise_ceil(smaller(begins, floats(camera.width))));
        to = whole(__builtin_elementwise_floor(larger(ends, floats(-1.0f))));
    }

    // Draw face k of eight, eight rows and then eight pixels of a row at once.
    ALWAYS_INLINE void draw_large(const Faces& face, int k) const {
        const wp::vec3 to_right = view.along_u, to_below = view.along_v;
        const wp::vec3 n = wp::vec3(face.nx[k], face.ny[k], face.nz[k]);
        const wp::vec3 c = wp::vec3(face.cx[k], face.cy[k], face.cz[k]);
        const int left = face.left[k], right = face.right[k], top = face.top[k], bottom = face.bottom[k];
        const words parity = face.parity[k], tag = face.tag[k];
        const float h = face.h[k], g_u = wp::dot(n, to_right);
        const wp::vec3 off_u = h * to_right - c * g_u;
        for (int row = top; row <= bottom; row += 8) {
            const floats fv = number(LANES + row);
            const floats rx = view.corner[0] + to_below[0] * fv;
            const floats ry = view.corner[1] + to_below[1] * fv;
            const floats rz = view.corner[2] + to_below[2] * fv;
            const floats g = n[0] * rx + n[1] * ry + n[2] * rz;
            const floats off[3] = {h * rx - c[0] * g, h * ry - c[1] * g, h * rz - c[2] * g};
            ints from = left, to = right;
            if (right - left >= 8) solve(g, g_u, off, off_u, from, to);
            for (int j = 0; j < 8 && row + j <= bottom; ++j) {
                for (int u = from[j]; u <= to[j]; u += 8) {
                    const ints column = LANES + u;
                    const floats fu = number(column);
                    const floats gp = g[j] + g_u * fu;
                    const floats ox = off[0][j] + off_u[0] * fu;
                    const floats oy = off[1][j] + off_u[1] * fu;
                    const floats oz = off[2][j] + off_u[2] * fu;
                    words upper = upper_half(h, gp, ox, oy, oz, parity);
                    upper = column <= to[j] ? upper : words(~0u);
                    const words lower = lower_half(upper, tag, gp, ox, oy, oz);
                    const longs raised = __builtin_convertvector(upper, longs) << 32;
                    const longs seen = raised | __builtin_convertvector(lower, longs);
                    longs& least = *(longs*)(image + (row + j) * camera.width + u);
                    least = seen < least ? seen : least;
                }
            }
        }
    }

    // Draw 8 * batches faces. Three loops over them, because a branch that is guessed wrong at the end of the
    // first one's long chain of arithmetic costs as much as the chain.
    void draw(const int* listed, int batches) {
        word larges = 0;
        for (int b = 0; b < batches; ++b, listed += 8) {
            Faces face;
            floats s;
            read(listed, face, s);
            const ints alive = bound(listed, face, s);
            const ints small = alive & (face.right - face.left < 2) & (face.bottom - face.top < 2);
            meet_corners(face, small, met[b]);
            larges |= (word)mask(alive & ~small) << (8 * b);
            drawn[b] = face;
        }
        for (int b = 0; b < batches; ++b) draw_small(met[b]);
        for (; larges; larges &= larges - 1)
            draw_large(drawn[__builtin_ctzll(larges) >> 3], __builtin_ctzll(larges) & 7);
    }

    // Those of the blocks `begin` to `end` that may be seen, eight at once; their number.
    ALWAYS_INLINE int find_blocks(const int* slots, int begin, int end, int* found) const {
        const float west = -camera.cx / camera.fx, east = (camera.width - camera.cx) / camera.fx;
        const float north = -camera.cy / camera.fy, south = (camera.height - camera.cy) / camera.fy;
        const float beside_west = RADIUS * wp::sqrt(1.0f + west * west);
        const float beside_east = RADIUS * wp::sqrt(1.0f + east * east);
        const float beside_north = RADIUS * wp::sqrt(1.0f + north * north);
        const float beside_south = RADIUS * wp::sqrt(1.0f + south * south);
        const wp::vec3 ahead = view.forward;
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
            const ints seen = (deep > -RADIUS) & (deep < max_depth + RADIUS) & (LANES + k < end)
                              & (west * deep - aside <= beside_west) & (aside - east * deep <= beside_east)
                              & (north * deep - under <= beside_north)
                              & (under - south * deep <= beside_south);
            for (unsigned int left = mask(seen); left; left &= left - 1) {
                const int slot = found[count++] = slots[k + __builtin_ctz(left)];
                __builtin_prefetch(grid.faced.data + slot * 8);
            }
        }
        return count;
    }

    // Draw the blocks in view, a few at a time: between asking for memory and its use lies other work.
    ALWAYS_INLINE void draw_blocks(const int* slots, int blocks) {
        int found[MANY + 8];
        for (int begin = 0; begin < blocks; begin += MANY) {
            const int count = find_blocks(slots, begin, blocks - begin < MANY ? blocks : begin + MANY, found);
            for (int k = 0; k < count; ++k) {
                list_block(found[k]);
                int done = 0;
                for (; queued - done >= 128; done += 64) draw(queue + done, 8);
                if (done) __builtin_memmove(queue, queue + done, (queued -= done) * sizeof(int));
            }
        }
        for (int k = queued; k & 7; ++k)
            queue[k] = queue[queued - 1];  // drawing a face again changes nothing
        for (int k = 0; k < queued; k += 64) draw(queue + k, queued - k < 64 ? (queued - k + 7) >> 3 : 8);
    }
};

// Draw the faces of the first blocks of a map.
template <class Grid, class Camera, class View>
void draw_faces(const Grid& grid, const Camera& camera, const View& view, float max_depth, int env,
    int blocks, int forgotten, word* image) {
    Drawing<Grid, Camera, View> drawing(grid, camera, view, max_depth, forgotten, image);
    drawing.draw_blocks(&wp::index(grid.slots, env, 0), blocks);
}

// The mean colour of eight faces, three bytes each in 24 of 32, black where none was met.
ALWAYS_INLINE bytes mean_colors(const wp::vec_t<2, wp::int64>* faces, ints face, ints met) {
    longs sums;
    for (int k = 0; k < 8; ++k) sums[k] = faces[face[k]][1];
    const ints observed = __builtin_convertvector(sums & ((1 << NEAR_BITS) - 1), ints);
    const floats scale = 1.0f / number(met ? observed : ints(1));
    ints color = 0;
    for (int c = 0; c < 3; ++c) {
        const ints sum = __builtin_convertvector((sums >> (NEAR_BITS + COLOR_BITS * c)) & COLOR_MASK, ints);
        color |= (met ? whole(number(sum) * scale + 0.5f) : ints(0)) << (8 * c);
    }
    const auto four = __builtin_bit_cast(bytes, color);
    return __builtin_shufflevector(four, four, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18, 20, 21, 22,
        24, 25, 26, 28, 29, 30, -1, -1, -1, -1, -1, -1, -1, -1);
}

// Colour and depth of an image's pixels from what was drawn, which is cleared for the next time.
ALWAYS_INLINE void resolve(const wp::vec_t<2, wp::int64>* faces, float inv_voxel, float max_depth,
    word* image, int pixels, wp::vec_t<3, wp::uint8>* rgb, float* depth, bool* unknown) {
    for (int begin = 0; begin < pixels; begin += 8) {
        longs& drawn = *(longs*)(image + begin);
        const words upper = __builtin_convertvector(drawn >> 32, words);
        const ints lower = __builtin_convertvector(drawn, ints);
        drawn = ~0ull;
        const floats yielded = __builtin_bit_cast(floats, upper) - (lower < 0 ? floats(YIELD) : floats(0.0f));
        const floats d = yielded / inv_voxel;
        const ints met = (upper != ~0u) & (d <= max_depth);
        const bytes colors = mean_colors(faces, met ? lower & 0x7FFFFFFF : ints(0), met);
        const floats shown = met ? d : floats(0.0f);
        const auto nothing = __builtin_convertvector(met + 1, bools);
        if (pixels - begin >= 8) {
            __builtin_memcpy(rgb + begin, &colors, 24);
            __builtin_memcpy(depth + begin, &shown, 32);
            __builtin_memcpy(unknown + begin, &nothing, 8);
            continue;
        }
        for (int k = 0; begin + k < pixels; ++k) {
            __builtin_memcpy(rgb + begin + k, (char*)&colors + 3 * k, 3);
            depth[begin + k] = shown[k];
            unknown[begin + k] = nothing[k];
        }
    }
}

}  // namespace
}  // namespace face_batches
