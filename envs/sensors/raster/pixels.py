# mypy: disable-error-code="valid-type, empty-body"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""The loops over pixels of the rasteriser, in C++: vectors of 8 pixels make them twice as fast."""

from __future__ import annotations

import warp as wp

from robonav.envs.sensors.facets import Textures
from robonav.envs.sensors.raster.faces import Face

LANES = 8  # columns of scratch images are a multiple of it, and as many may be read behind the last


@wp.struct
class Lens:
    """A camera: the ray of column i, row j is (left + i / focal, top + j / focal, 1) in its frame."""

    width: wp.int32
    height: wp.int32
    stride: wp.int32  # of scratch images
    focal: wp.float32
    left: wp.float32
    top: wp.float32
    max_x: wp.float32  # at z = 1, of the outer border of the image
    max_y: wp.float32


@wp.struct
class Placed:
    """A face as seen in one view: w, u w and v w as coefficients of (column, row, 1), and its rows."""

    w: wp.vec3
    uw: wp.vec3
    vw: wp.vec3
    first_row: wp.int32
    last_row: wp.int32
    face: wp.int32


@wp.func_native("""
    typedef float floats __attribute__((ext_vector_type(8), aligned(4)));
    typedef int ints __attribute__((ext_vector_type(8), aligned(4)));
    const ints lanes = {0, 1, 2, 3, 4, 5, 6, 7};
    const wp::vec3 edges[4] = {edge_0, edge_1, edge_2, edge_3};
    for (int begin = placed.first_row; begin <= placed.last_row; begin += 8) {
        const floats row = __builtin_convertvector(lanes + begin, floats);
        floats low = 0.0f, high = lens.width - 1;
        for (const wp::vec3& edge : edges) {
            const floats crossing = (edge[1] * row + edge[2]) * (-1.0f / edge[0]);
            if (edge[0] > 0.0f) low = crossing > low ? crossing : low;
            else high = crossing < high ? crossing : high;
        }
        low = low > lens.width ? lens.width : low;  // a row without a span may have its ends anywhere
        high = high < -1.0f ? -1.0f : high;
        const ints firsts = __builtin_convertvector(__builtin_elementwise_ceil(low), ints);
        const ints lasts = __builtin_convertvector(__builtin_elementwise_floor(high), ints);
        const floats start = placed.w[1] * row + placed.w[2];
        for (int k = 0; k < 8 && begin + k <= placed.last_row; ++k) {
            const int first = firsts[k], last = lasts[k], offset = (begin + k) * lens.stride;
            for (int i = first & ~7; i <= last; i += 8) {
                const ints column = lanes + i;
                floats* nearest = (floats*)(nearness.data + offset + i);
                ints* seen = (ints*)(owner.data + offset + i);
                const floats w = __builtin_convertvector(column, floats) * placed.w[0] + start[k];
                const ints wins = (column >= first) & (column <= last) & (w > *nearest);
                *nearest = wins ? w : *nearest;
                *seen = wins ? ints(id) : *seen;
            }
        }
    }
""")
def fill(
    lens: Lens,
    placed: Placed,
    id: int,
    edge_0: wp.vec3,
    edge_1: wp.vec3,
    edge_2: wp.vec3,
    edge_3: wp.vec3,
    nearness: wp.array(dtype=wp.float32),
    owner: wp.array(dtype=wp.int32),
) -> None:
    """Draw the face `id` where edge_0..3 >= 0 and it is the nearest so far, by spans of 8 rows at once."""


@wp.func_native("""
    typedef float floats __attribute__((ext_vector_type(8), aligned(4)));
    typedef int ints __attribute__((ext_vector_type(8), aligned(4)));
    typedef float color_t __attribute__((ext_vector_type(4)));
    typedef int color_ints __attribute__((ext_vector_type(4)));
    typedef unsigned char bytes __attribute__((ext_vector_type(4)));
    const floats lanes = {0, 1, 2, 3, 4, 5, 6, 7};
    auto texel = [&](int at) {
        bytes rgbx;
        __builtin_memcpy(&rgbx, textures.texels.data + at, 4);
        return __builtin_convertvector(rgbx, color_t);
    };
    auto color_of = [](const wp::vec3& c) { return color_t{c[0], c[1], c[2], 0.0f}; };
    auto start_of_row = [&](const wp::vec3& linear) { return linear[1] * row + linear[2]; };
    const bool textured = face.texture >= 0;
    const int* offsets = textures.level_offset.data + (textured ? face.texture * levels : 0);
    const wp::vec2i size = textures.size.data[textured ? face.texture : 0];
    const wp::vec3 sw = face.uv[0] * placed.w + face.uv_a[0] * placed.uw + face.uv_b[0] * placed.vw;
    const wp::vec3 tw = face.uv[1] * placed.w + face.uv_a[1] * placed.uw + face.uv_b[1] * placed.vw;
    const float u_start = start_of_row(placed.uw), v_start = start_of_row(placed.vw);
    const float s_start = start_of_row(sw), t_start = start_of_row(tw);
    const float pixel = 1.0f / lens.focal, dy = lens.top + row * pixel;
    const float texels_per_pixel_at_1m = face.texels_per_metre * pixel;
    const color_t base = color_of(face.color);
    const color_t along_a = color_of(face.color_a), along_b = color_of(face.color_b);
    for (int begin = 0; begin < count; begin += 8) {
        const floats x = lanes + (column + begin);
        const floats z = 1.0f / *(const floats*)(nearness.data + row * lens.stride + column + begin);
        floats u = (placed.uw[0] * x + u_start) * z, v = (placed.vw[0] * x + v_start) * z;
        // a face smaller than the slack of its edges is seen beyond them
        u = u > 0.0f ? u : 0.0f;
        v = v > 0.0f ? v : 0.0f;
        u = u < 1.0f ? u : 1.0f;
        v = v < 1.0f ? v : 1.0f;
        floats fx, fy;
        ints level, upper_left, upper_right, lower_left, lower_right;
        if (textured) {
            const floats dx = lens.left + x * pixel;
            const floats squared = 1.0f + dx * dx + dy * dy;
            const floats a = lens.focal * placed.w[0] * z, b = lens.focal * placed.w[1] * z;
            const floats wide = a * (a * squared - 2.0f * dx), high = b * (b * squared - 2.0f * dy);
            const floats scale = z * texels_per_pixel_at_1m;
            const floats half = 0.5f * scale * scale * (1.0f + (wide > high ? wide : high));
            ints bits;
            __builtin_memcpy(&bits, &half, sizeof(bits));
            level = (((bits + 0x7FFFFF) >> 23) - 126) >> 1;  // the least with half <= 4 ^ level
            level = level < 0 ? 0 : level >= levels ? levels - 1 : level;
            ints width = ints(size[0]) >> level, height = ints(size[1]) >> level;
            width = width < 1 ? 1 : width;
            height = height < 1 ? 1 : height;
            floats s = (sw[0] * x + s_start) * z, t = (tw[0] * x + t_start) * z;
            s = (s - __builtin_elementwise_floor(s)) * __builtin_convertvector(width, floats) - 0.5f;
            t = (t - __builtin_elementwise_floor(t)) * __builtin_convertvector(height, floats) - 0.5f;
            // within [-0.5, size - 0.5], even if not a number: only the first and the last texel need to wrap
            s = s > -0.5f ? s : -0.5f;
            t = t > -0.5f ? t : -0.5f;
            ints left = __builtin_convertvector(s + 1.0f, ints) - 1;
            ints top = __builtin_convertvector(t + 1.0f, ints) - 1;
            fx = s - __builtin_convertvector(left, floats);
            fy = t - __builtin_convertvector(top, floats);
            const ints right = left + 1 >= width ? 0 : left + 1, below = top + 1 >= height ? 0 : top + 1;
            left = left < 0 ? width - 1 : left;
            top = top < 0 ? height - 1 : top;
            upper_left = top * width + left;
            upper_right = top * width + right;
            lower_left = below * width + left;
            lower_right = below * width + right;
        }
        for (int k = 0; k < 8 && begin + k < count; ++k) {
            color_t color = base + u[k] * along_a + v[k] * along_b;
            if (textured) {
                const int start = offsets[level[k]];
                color_t upper = texel(start + upper_left[k]), lower = texel(start + lower_left[k]);
                upper += fx[k] * (texel(start + upper_right[k]) - upper);
                lower += fx[k] * (texel(start + lower_right[k]) - lower);
                color *= (upper + fy[k] * (lower - upper)) * (1.0f / 255.0f);
            }
            const color_ints rounded = __builtin_convertvector(color + 0.5f, color_ints);
            const bytes rgbx = __builtin_convertvector(rounded, bytes);
            const int at = row * lens.width + column + begin + k;
            depth.data[at] = z[k];
            __builtin_memcpy(rgb.data + at, &rgbx, 3);
        }
    }
""")
def shade_run(
    lens: Lens,
    placed: Placed,
    face: Face,
    textures: Textures,
    levels: int,
    row: int,
    column: int,
    count: int,
    nearness: wp.array(dtype=wp.float32),
    rgb: wp.array(dtype=wp.vec3ub),
    depth: wp.array(dtype=wp.float32),
) -> None:
    """Colour `count` pixels from `column` on, which all see one face, as _shade_kernel of shading.py does.

    But the mip level comes from the exponent of the footprint, and the normal is that of w.
    """
