# mypy: disable-error-code="valid-type, arg-type, operator, assignment"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""The loops of a plane sweep over pixels and depths; in C++, they are several times faster."""

from __future__ import annotations

import warp as wp

wp.set_module_options({"enable_backward": False})


@wp.func_native("""
    const float nearest = 0.15f;  // nothing is looked for nearer to the earlier camera, as a share of depth
    const int side = held.shape[1], depths = inverse_depths.shape[1], stride = side * sweep.shape[3];
    const float half = 0.5f * side, end = side - 0.5f, right = (column + 0.5f) / half - 1.0f;
    const float* frame = held.data + (size_t)agent * side * side;
    const float* shown = present.data + (size_t)agent * side * side + column;
    const wp::vec4 moved = since.data[agent];
    const float c = cosf(moved[1]), s = sinf(moved[1]);
    float sum_now = 0.0f, sum_before = 0.0f;
    for (int k = 0; k < depths; ++k) {
        float* out = sweep.data + (size_t)agent * side * stride + column * sweep.shape[3] + k;
        float nearness = -1.0f, scale = 0.0f, across = 0.0f;
        const float *first = frame, *second = frame;
        bool inside = false;
        for (int i = 0; i < side; ++i, out += stride) {
            const float wanted = inverse_depths.data[i * depths + k];
            if (wanted != nearness) {
                nearness = wanted;
                const float depth = c + s * right + nearness * moved[2];  // there, as a share of that here
                const float left = s - c * right + nearness * moved[3];
                scale = 1.0f / depth;
                const float x = half - half * left * scale - 0.5f;
                inside = moved[0] > 0.0f && depth > nearest && x > -0.5f && x < end;
                if (inside) {
                    const int j = (int)floorf(x);
                    across = x - j;
                    first = frame + (j < 0 ? 0 : j);
                    second = frame + (j + 1 < side ? j + 1 : side - 1);
                }
            }
            const float y = half + (i + 0.5f - half) * scale - 0.5f;
            if (!(inside && y > -0.5f && y < end)) {
                *out = -1.0f;
                continue;
            }
            const int above = (int)(y + 1.0f) - 1;
            const float down = y - above;
            const int top = (above < 0 ? 0 : above) * side;
            const int bottom = (above + 1 < side ? above + 1 : above) * side;
            const float upper = first[top] + across * (second[top] - first[top]);
            const float lower = first[bottom] + across * (second[bottom] - first[bottom]);
            const float before = upper + down * (lower - upper);
            *out = before;
            if (k == depths - 1) {
                sum_now += shown[i * side];
                sum_before += before;
            }
        }
    }
    sums.data[agent * side + column] = wp::vec2(sum_now, sum_before);
""")
def _lay_over(
    agent: int,
    column: int,
    present: wp.array3d(dtype=wp.float32),
    held: wp.array3d(dtype=wp.float32),
    since: wp.array(dtype=wp.vec4),
    inverse_depths: wp.array2d(dtype=wp.float32),
    sums: wp.array2d(dtype=wp.vec2),
    sweep: wp.array4d(dtype=wp.float32),
) -> None:
    """One column of an agent's image, at all depths."""


@wp.kernel
def lay_over_kernel(
    present: wp.array3d(dtype=wp.float32),
    held: wp.array3d(dtype=wp.float32),
    since: wp.array(dtype=wp.vec4),
    inverse_depths: wp.array2d(dtype=wp.float32),
    sums: wp.array2d(dtype=wp.vec2),
    sweep: wp.array4d(dtype=wp.float32),
) -> None:
    """Brightness in the earlier frames of what each pixel shows, if it lies at each depth; -1 = not shown.

    Of each column, sums (N, side) of the brightness now and then where the last depth, the farthest, is seen.
    """
    agent, column = wp.tid()
    _lay_over(agent, column, present, held, since, inverse_depths, sums, sweep)


@wp.func_native("""
    const float contrast = 4.0f;  // of differences, so that usual ones are near 1
    const int side = present.shape[1], depths = sweep.shape[3] - 1;
    const float* shown = present.data + (size_t)(agent * side + row) * side;
    float* told = sweep.data + (size_t)(agent * side + row) * side * (depths + 1);
    for (int column = 0; column < side; ++column, told += depths + 1) {
        told[depths] = told[depths - 1] >= 0.0f ? 1.0f : 0.0f;
        for (int k = 0; k < depths; ++k) {
            const float difference = contrast * fabsf(shown[column] - gain * told[k]);
            told[k] = told[k] >= 0.0f ? difference : 0.0f;
        }
    }
""")
def _differ(
    agent: int,
    row: int,
    gain: float,
    present: wp.array3d(dtype=wp.float32),
    sweep: wp.array4d(dtype=wp.float32),
) -> None:
    """One row of an agent's image, at all depths."""


@wp.kernel
def differ_kernel(
    present: wp.array3d(dtype=wp.float32),
    gains: wp.array(dtype=wp.float32),
    sweep: wp.array4d(dtype=wp.float32),
) -> None:
    """Make differences of what `lay_over_kernel` gave, and tell where there are any."""
    agent, row = wp.tid()
    _differ(agent, row, gains[agent], present, sweep)
