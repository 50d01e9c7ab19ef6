// The loops of a plane sweep over pixels and depths. `plane_sweep_kernels.py` gives them to Warp ahead of its
// own code.

namespace plane_sweep {

constexpr float NEAREST =
    0.15f;  // no point is looked for nearer to the earlier camera, as a share of its depth
constexpr float CONTRAST = 4.0f;  // factor of differences, so that usual ones are near 1

using Images = wp::array_t<float>;

// A frame of side * side pixels.
struct Frame {
    const float* pixels;
    int side;
};

// Where a column of the present image lies in the earlier frame if its points have a certain inverse depth.
struct Column {
    bool inside;          // the earlier camera shows it
    float scale;          // of heights in the image
    float across;         // how far between the columns `first` and `second`
    const float* first;   // left column of the earlier frame
    const float* second;  // right one
};

// The column at slope `right` as seen before the camera moved (`moved`: see lay_over_kernel).
CUDA_CALLABLE inline Column place_column(
    const Frame& frame, const wp::vec4& moved, float c, float s, float right, float nearness) {
    const float half = 0.5f * frame.side, end = frame.side - 0.5f;
    const float depth = c + s * right + nearness * moved[2];  // there, as a share of that here
    const float left = s - c * right + nearness * moved[3];
    Column column = {false, 1.0f / depth, 0.0f, frame.pixels, frame.pixels};
    const float x = half - half * left * column.scale - 0.5f;
    column.inside = moved[0] > 0.0f && depth > NEAREST && x > -0.5f && x < end;
    if (column.inside) {
        const int j = (int)floorf(x);
        column.across = x - j;
        column.first = frame.pixels + (j < 0 ? 0 : j);
        column.second = frame.pixels + (j + 1 < frame.side ? j + 1 : frame.side - 1);
    }
    return column;
}

// Brightness at height y of a column, between four pixels.
CUDA_CALLABLE inline float brightness(const Column& column, float y, int side) {
    const int above = (int)(y + 1.0f) - 1;
    const float down = y - above;
    const int top = (above < 0 ? 0 : above) * side;
    const int bottom = (above + 1 < side ? above + 1 : above) * side;
    const float upper = column.first[top] + column.across * (column.second[top] - column.first[top]);
    const float lower = column.first[bottom] + column.across * (column.second[bottom] - column.first[bottom]);
    return upper + down * (lower - upper);
}

// One column of an agent's image, at all depths.
CUDA_CALLABLE inline void lay_over(int agent, int column, const Images& present, const Images& held,
    const wp::array_t<wp::vec4>& since, const Images& inverse_depths, const wp::array_t<wp::vec2>& sums,
    const Images& sweep) {
    const int side = held.shape[1], depths = inverse_depths.shape[1], stride = side * sweep.shape[3];
    const float half = 0.5f * side, end = side - 0.5f, right = (column + 0.5f) / half - 1.0f;
    const Frame frame = {held.data + (size_t)agent * side * side, side};
    const float* shown = present.data + (size_t)agent * side * side + column;
    const wp::vec4 moved = since.data[agent];
    const float c = cosf(moved[1]), s = sinf(moved[1]);
    float sum_now = 0.0f, sum_before = 0.0f;
    for (int k = 0; k < depths; ++k) {
        float* out = sweep.data + (size_t)agent * side * stride + column * sweep.shape[3] + k;
        float nearness = -1.0f;
        Column earlier = {};
        for (int i = 0; i < side; ++i, out += stride) {
            const float wanted = inverse_depths.data[i * depths + k];
            if (wanted != nearness) {
                nearness = wanted;
                earlier = place_column(frame, moved, c, s, right, nearness);
            }
            const float y = half + (i + 0.5f - half) * earlier.scale - 0.5f;
            if (!(earlier.inside && y > -0.5f && y < end)) {
                *out = -1.0f;
                continue;
            }
            const float before = brightness(earlier, y, side);
            *out = before;
            if (k == depths - 1) {
                sum_now += shown[i * side];
                sum_before += before;
            }
        }
    }
    sums.data[agent * side + column] = wp::vec2(sum_now, sum_before);
}

// One row of an agent's image, at all depths.
CUDA_CALLABLE inline void differ(int agent, int row, float gain, const Images& present, const Images& sweep) {
    const int side = present.shape[1], depths = sweep.shape[3] - 1;
    const float* shown = present.data + (size_t)(agent * side + row) * side;
    float* told = sweep.data + (size_t)(agent * side + row) * side * (depths + 1);
    for (int column = 0; column < side; ++column, told += depths + 1) {
        told[depths] = told[depths - 1] >= 0.0f ? 1.0f : 0.0f;
        for (int k = 0; k < depths; ++k) {
            const float difference = CONTRAST * fabsf(shown[column] - gain * told[k]);
            told[k] = told[k] >= 0.0f ? difference : 0.0f;
        }
    }
}

}  // namespace plane_sweep
