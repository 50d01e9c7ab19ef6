# mypy: disable-error-code="valid-type, arg-type, operator, assignment"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""The loop of a plane sweep over pixels and depths."""

from __future__ import annotations

import warp as wp

wp.set_module_options({"enable_backward": False})

_NEAREST = wp.constant(0.15)  # nothing is looked for nearer to the earlier camera, as a share of depth
_MOST_GAIN = wp.constant(1.5)  # by which exposure is supposed to differ
_CONTRAST = wp.constant(4.0)  # of differences, so that usual ones are near 1


@wp.func
def _brightness_at(frame: wp.array2d(dtype=wp.float32), row: float, column: float) -> float:
    """Brightness between pixel centres, or -1 outside of the frame."""
    last = frame.shape[0] - 1
    if row <= -0.5 or column <= -0.5 or row >= float(last) + 0.5 or column >= float(last) + 0.5:
        return -1.0
    i, j = int(wp.floor(row)), int(wp.floor(column))
    down, right = row - float(i), column - float(j)
    top, bottom, first, second = wp.max(i, 0), wp.min(i + 1, last), wp.max(j, 0), wp.min(j + 1, last)
    upper = frame[top, first] * (1.0 - right) + frame[top, second] * right
    lower = frame[bottom, first] * (1.0 - right) + frame[bottom, second] * right
    return upper * (1.0 - down) + lower * down


@wp.func
def _direction(side: int, pixel: int) -> wp.vec2:
    """Tangents to the right and downward of a pixel of a square image, for 90 degrees of view."""
    half = 0.5 * float(side)
    return wp.vec2((float(pixel % side) + 0.5) / half - 1.0, (float(pixel // side) + 0.5) / half - 1.0)


@wp.func
def _brightness_before(
    held: wp.array2d(dtype=wp.float32), turn: wp.vec2, way: wp.vec2, direction: wp.vec2, nearness: float
) -> float:
    """Brightness in the earlier frame of what lies in a direction at 1 / nearness, -1 where it shows none."""
    depth = turn[0] + turn[1] * direction[0] + nearness * way[0]  # in the earlier frame, as shares of it
    left = turn[1] - turn[0] * direction[0] + nearness * way[1]
    if depth <= _NEAREST:
        return -1.0
    half = 0.5 * float(held.shape[0])
    return _brightness_at(held, half + half * direction[1] / depth - 0.5, half - half * left / depth - 0.5)


@wp.kernel
def overlap_kernel(
    present: wp.array3d(dtype=wp.float32),
    held: wp.array3d(dtype=wp.float32),
    turn: wp.array(dtype=wp.vec2),
    sums: wp.array2d(dtype=wp.float32),
) -> None:
    """Add up both frames' brightness (N, 2) where they show the same directions."""
    agent, pixel = wp.tid()
    side = present.shape[1]
    before = _brightness_before(held[agent], turn[agent], wp.vec2(0.0, 0.0), _direction(side, pixel), 0.0)
    if before >= 0.0:
        wp.atomic_add(sums, agent, 0, present[agent, pixel // side, pixel % side])
        wp.atomic_add(sums, agent, 1, before)


@wp.kernel
def compare_kernel(
    present: wp.array3d(dtype=wp.float32),
    held: wp.array3d(dtype=wp.float32),
    since: wp.array2d(dtype=wp.float32),
    turn: wp.array(dtype=wp.vec2),
    sums: wp.array2d(dtype=wp.float32),
    inverse_depths: wp.array2d(dtype=wp.float32),
    sweep: wp.array4d(dtype=wp.float32),
) -> None:
    """One pixel of the present frame of one agent, at all depths; the last of them is the farthest."""
    agent, pixel = wp.tid()
    side, depths = present.shape[1], inverse_depths.shape[1]
    row, column = pixel // side, pixel % side
    direction, way = _direction(side, pixel), wp.vec2(since[agent, 2], since[agent, 3])
    gain = wp.clamp(sums[agent, 0] / wp.max(sums[agent, 1], 1e-6), 1.0 / _MOST_GAIN, _MOST_GAIN)
    for k in range(depths):
        before = _brightness_before(held[agent], turn[agent], way, direction, inverse_depths[row, k])
        is_seen = before >= 0.0 and since[agent, 0] > 0.0
        difference = _CONTRAST * wp.abs(present[agent, row, column] - gain * before)
        sweep[agent, row, column, k] = wp.where(is_seen, difference, 0.0)
        sweep[agent, row, column, depths] = wp.where(is_seen, 1.0, 0.0)
