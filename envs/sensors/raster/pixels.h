// The loops over pixels of the rasteriser, eight at once.
//
// Warp gets this ahead of its own code, which has the structs of Python (PixelRays, ProjectedFace, Face,
// Textures): so their types are template parameters.

#define ALWAYS_INLINE inline __attribute__((always_inline))

namespace raster_pixels {
namespace {

typedef float floats __attribute__((ext_vector_type(8), aligned(4)));
typedef int ints __attribute__((ext_vector_type(8), aligned(4)));
typedef float color_t __attribute__((ext_vector_type(4)));
typedef int color_ints __attribute__((ext_vector_type(4)));
typedef unsigned char bytes __attribute__((ext_vector_type(4)));

constexpr ints LANES = {0, 1, 2, 3, 4, 5, 6, 7};

ALWAYS_INLINE floats number(ints x) { return __builtin_convertvector(x, floats); }
ALWAYS_INLINE ints whole(floats x) { return __builtin_convertvector(x, ints); }
ALWAYS_INLINE floats below(floats x) { return __builtin_elementwise_floor(x); }

// First and last columns of eight rows where all of four conditions edge . (column, row, 1) >= 0 hold.
ALWAYS_INLINE void solve(const wp::vec3 edges[4], floats row, int width, ints& firsts, ints& lasts) {
    floats low = 0.0f, high = width - 1;
    for (int k = 0; k < 4; ++k) {
        const wp::vec3& edge = edges[k];
        const floats crossing = (edge[1] * row + edge[2]) * (-1.0f / edge[0]);
        if (edge[0] > 0.0f)
            low = crossing > low ? crossing : low;
        else
            high = crossing < high ? crossing : high;
    }
    low = low > width ? width : low;  // a row without a span may have its ends anywhere
    high = high < -1.0f ? -1.0f : high;
    firsts = whole(__builtin_elementwise_ceil(low));
    lasts = whole(below(high));
}

// Draw the face `id` where all four edges are >= 0 and it is the nearest so far, by spans of 8 rows at once.
template <class Lens, class Placed>
ALWAYS_INLINE void fill(
    const Lens& lens, const Placed& placed, int id, const wp::vec3 edges[4], float* nearness, int* owner) {
    for (int begin = placed.first_row; begin <= placed.last_row; begin += 8) {
        const floats row = number(LANES + begin);
        ints firsts, lasts;
        solve(edges, row, lens.width, firsts, lasts);
        const floats start = placed.w[1] * row + placed.w[2];
        for (int k = 0; k < 8 && begin + k <= placed.last_row; ++k) {
            const int first = firsts[k], last = lasts[k], offset = (begin + k) * lens.stride;
            for (int i = first & ~7; i <= last; i += 8) {
                const ints column = LANES + i;
                floats* nearest = (floats*)(nearness + offset + i);
                ints* seen = (ints*)(owner + offset + i);
                const floats w = number(column) * placed.w[0] + start[k];
                const ints wins = (column >= first) & (column <= last) & (w > *nearest);
                *nearest = wins ? w : *nearest;
                *seen = wins ? ints(id) : *seen;
            }
        }
    }
}

// Four texels of a mip level around each of eight pixels, and how far between them it lies.
struct Texels {
    ints level, upper_left, upper_right, lower_left, lower_right;
    floats fx, fy;
};

// The texels at (s, t), in sizes of the texture; width and height are those of the level.
ALWAYS_INLINE void place_texels(floats s, floats t, ints width, ints height, Texels& texels) {
    s = (s - below(s)) * number(width) - 0.5f;
    t = (t - below(t)) * number(height) - 0.5f;
    // within [-0.5, size - 0.5], even if not a number: only the first and the last texel need to wrap
    s = s > -0.5f ? s : -0.5f;
    t = t > -0.5f ? t : -0.5f;
    ints left = whole(s + 1.0f) - 1;
    ints top = whole(t + 1.0f) - 1;
    texels.fx = s - number(left);
    texels.fy = t - number(top);
    const ints right = left + 1 >= width ? 0 : left + 1, bottom = top + 1 >= height ? 0 : top + 1;
    left = left < 0 ? width - 1 : left;
    top = top < 0 ? height - 1 : top;
    texels.upper_left = top * width + left;
    texels.upper_right = top * width + right;
    texels.lower_left = bottom * width + left;
    texels.lower_right = bottom * width + right;
}

// The pixels of a row that see one face.
template <class Lens, class Placed, class Face, class Textures>
struct Run {
    const Lens& lens;
    const Placed& placed;
    const Face& face;
    const Textures& textures;
    const int levels, row;
    const bool textured;
    const int* const offsets;  // of the texture's levels
    const wp::vec_t<2, int> size;
    const wp::vec3 sw, tw;  // texture coordinates times w as coefficients of (column, row, 1)

    ALWAYS_INLINE Run(const Lens& lens, const Placed& placed, const Face& face, const Textures& textures,
        int levels, int row)
        : lens(lens),
          placed(placed),
          face(face),
          textures(textures),
          levels(levels),
          row(row),
          textured(face.texture >= 0),
          offsets(textures.level_offset.data + (textured ? face.texture * levels : 0)),
          size(textures.size.data[textured ? face.texture : 0]),
          sw(face.uv[0] * placed.w + face.uv_a[0] * placed.uw + face.uv_b[0] * placed.vw),
          tw(face.uv[1] * placed.w + face.uv_a[1] * placed.uw + face.uv_b[1] * placed.vw) {}

    // What is linear in column and row, times w, at some columns of depth z.
    ALWAYS_INLINE floats at(const wp::vec3& linear, floats column, floats z) const {
        return (linear[0] * column + (linear[1] * row + linear[2])) * z;
    }

    // The least mip level of which one texel covers a pixel's footprint; it comes from the footprint's
    // exponent.
    ALWAYS_INLINE ints mip_level(floats column, floats z) const {
        const float pixel = 1.0f / lens.focal, dy = lens.top + row * pixel;
        const float texels_per_pixel_at_1m = face.texels_per_metre * pixel;
        const floats dx = lens.left + column * pixel;
        const floats squared = 1.0f + dx * dx + dy * dy;
        const floats a = lens.focal * placed.w[0] * z, b = lens.focal * placed.w[1] * z;
        const floats wide = a * (a * squared - 2.0f * dx), high = b * (b * squared - 2.0f * dy);
        const floats scale = z * texels_per_pixel_at_1m;
        const floats half = 0.5f * scale * scale * (1.0f + (wide > high ? wide : high));
        ints bits;
        __builtin_memcpy(&bits, &half, sizeof(bits));
        const ints level = (((bits + 0x7FFFFF) >> 23) - 126) >> 1;  // the least with half <= 4 ^ level
        return level < 0 ? 0 : level >= levels ? levels - 1 : level;
    }

    ALWAYS_INLINE void find_texels(floats column, floats z, Texels& texels) const {
        texels.level = mip_level(column, z);
        ints width = ints(size[0]) >> texels.level, height = ints(size[1]) >> texels.level;
        width = width < 1 ? 1 : width;
        height = height < 1 ? 1 : height;
        place_texels(at(sw, column, z), at(tw, column, z), width, height, texels);
    }

    ALWAYS_INLINE color_t texel(int index) const {
        bytes rgbx;
        __builtin_memcpy(&rgbx, textures.texels.data + index, 4);
        return __builtin_convertvector(rgbx, color_t);
    }

    // The texture's colour at pixel k of eight, 0 to 1.
    ALWAYS_INLINE color_t sample(const Texels& texels, int k) const {
        const int start = offsets[texels.level[k]];
        color_t upper = texel(start + texels.upper_left[k]), lower = texel(start + texels.lower_left[k]);
        upper += texels.fx[k] * (texel(start + texels.upper_right[k]) - upper);
        lower += texels.fx[k] * (texel(start + texels.lower_right[k]) - lower);
        return (upper + texels.fy[k] * (lower - upper)) * (1.0f / 255.0f);
    }

    // Colour `count` pixels from `column` on.
    ALWAYS_INLINE void shade(
        int column, int count, const float* nearness, wp::vec_t<3, wp::uint8>* rgb, float* depth) const {
        auto color_of = [](const wp::vec3& c) { return color_t{c[0], c[1], c[2], 0.0f}; };
        const color_t base = color_of(face.color);
        const color_t along_a = color_of(face.color_a), along_b = color_of(face.color_b);
        for (int begin = 0; begin < count; begin += 8) {
            const floats x = number(LANES) + (column + begin);
            const floats z = 1.0f / *(const floats*)(nearness + row * lens.stride + column + begin);
            floats u = at(placed.uw, x, z), v = at(placed.vw, x, z);
            // a face smaller than the slack of its edges is seen beyond them
            u = u > 0.0f ? u : 0.0f;
            v = v > 0.0f ? v : 0.0f;
            u = u < 1.0f ? u : 1.0f;
            v = v < 1.0f ? v : 1.0f;
            Texels texels;
            if (textured) find_texels(x, z, texels);
            for (int k = 0; k < 8 && begin + k < count; ++k) {
                color_t color = base + u[k] * along_a + v[k] * along_b;
                if (textured) color *= sample(texels, k);
                const color_ints rounded = __builtin_convertvector(color + 0.5f, color_ints);
                const bytes rgbx = __builtin_convertvector(rounded, bytes);
                const int pixel = row * lens.width + column + begin + k;
                depth[pixel] = z[k];
                __builtin_memcpy(rgb + pixel, &rgbx, 3);
            }
        }
    }
};

// Colour `count` pixels of a row from `column` on, which all see one face.
template <class Lens, class Placed, class Face, class Textures>
void shade_run(const Lens& lens, const Placed& placed, const Face& face, const Textures& textures, int levels,
    int row, int column, int count, const float* nearness, wp::vec_t<3, wp::uint8>* rgb, float* depth) {
    const Run<Lens, Placed, Face, Textures> run(lens, placed, face, textures, levels, row);
    run.shade(column, count, nearness, rgb, depth);
}

}  // namespace
}  // namespace raster_pixels
