# mypy: disable-error-code="valid-type, arg-type, operator, assignment, return-value, var-annotated"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""Grid columns that a mesh occupies between two heights, by exact box-triangle overlap (Warp, CPU)."""

from __future__ import annotations

import numpy as np
import warp as wp
from numpy.typing import NDArray

wp.config.log_level = 40  # errors only: Warp greets on every start otherwise
wp.set_module_options({"enable_backward": False})


def occupied_columns(
    corners: NDArray[np.float32],
    origin_xy: NDArray[np.floating],
    cell_size: float,
    shape: tuple[int, int],
    z_low: float,
    z_high: float,
) -> NDArray[np.bool_]:
    """Grid columns (X, Y) that some triangle enters between z_low and z_high.

    Args:
        corners: (T, 3, 3) triangle corners in metres.
        origin_xy: Outer corner of column [0, 0].
        cell_size: Edge of a column, metres.
        shape: Columns along x and y.
        z_low: Lower end of the height band, metres.
        z_high: Upper end of the height band, metres.

    The overlap test is the separating-axis test of Akenine-Möller, "Fast 3D Triangle-Box Overlap
    Testing" (2001); it is conservative, so that a chair leg thinner than a cell is not lost.
    """
    in_band = (corners[..., 2].min(axis=1) <= z_high) & (corners[..., 2].max(axis=1) >= z_low)
    occupied = np.zeros(shape, dtype=np.uint8)
    wp.launch(
        _mark_columns,
        dim=int(in_band.sum()),
        inputs=[
            wp.array(corners[in_band], dtype=wp.vec3, device="cpu"),
            wp.vec2(*map(float, origin_xy)),
            float(cell_size),
            float(z_low),
            float(z_high),
        ],
        outputs=[wp.array(occupied, dtype=wp.uint8, device="cpu", copy=False)],
        device="cpu",
    )
    return occupied.astype(bool)


@wp.func
def _separated(axis: wp.vec3, half: wp.vec3, a: wp.vec3, b: wp.vec3, c: wp.vec3) -> bool:
    """Whether an axis separates the triangle from the box that is centred at the origin."""
    pa = wp.dot(axis, a)
    pb = wp.dot(axis, b)
    pc = wp.dot(axis, c)
    reach = half[0] * wp.abs(axis[0]) + half[1] * wp.abs(axis[1]) + half[2] * wp.abs(axis[2])
    return wp.min(pa, wp.min(pb, pc)) > reach or wp.max(pa, wp.max(pb, pc)) < -reach


@wp.func
def _edge_separates(edge: wp.vec3, half: wp.vec3, a: wp.vec3, b: wp.vec3, c: wp.vec3) -> bool:
    return (
        _separated(wp.vec3(0.0, -edge[2], edge[1]), half, a, b, c)
        or _separated(wp.vec3(edge[2], 0.0, -edge[0]), half, a, b, c)
        or _separated(wp.vec3(-edge[1], edge[0], 0.0), half, a, b, c)
    )


@wp.func
def _overlaps(half: wp.vec3, a: wp.vec3, b: wp.vec3, c: wp.vec3) -> bool:
    if (
        _separated(wp.vec3(1.0, 0.0, 0.0), half, a, b, c)
        or _separated(wp.vec3(0.0, 1.0, 0.0), half, a, b, c)
        or _separated(wp.vec3(0.0, 0.0, 1.0), half, a, b, c)
        or _separated(wp.cross(b - a, c - a), half, a, b, c)
    ):
        return False
    return not (
        _edge_separates(b - a, half, a, b, c)
        or _edge_separates(c - b, half, a, b, c)
        or _edge_separates(a - c, half, a, b, c)
    )


@wp.kernel
def _mark_columns(
    corners: wp.array2d(dtype=wp.vec3),
    origin: wp.vec2,
    cell_size: float,
    z_low: float,
    z_high: float,
    occupied: wp.array2d(dtype=wp.uint8),
) -> None:
    i = wp.tid()
    a = corners[i, 0]
    b = corners[i, 1]
    c = corners[i, 2]
    margin = wp.vec3(1.0e-4, 1.0e-4, 1.0e-4)  # a wall exactly between two columns must not fall through
    low = wp.min(a, wp.min(b, c)) - margin
    high = wp.max(a, wp.max(b, c)) + margin
    x_low = wp.max(int(wp.floor((low[0] - origin[0]) / cell_size)), 0)
    y_low = wp.max(int(wp.floor((low[1] - origin[1]) / cell_size)), 0)
    x_high = wp.min(int(wp.floor((high[0] - origin[0]) / cell_size)), occupied.shape[0] - 1)
    y_high = wp.min(int(wp.floor((high[1] - origin[1]) / cell_size)), occupied.shape[1] - 1)
    half = wp.vec3(0.5 * cell_size, 0.5 * cell_size, 0.5 * (z_high - z_low)) + margin
    for x in range(x_low, x_high + 1):
        for y in range(y_low, y_high + 1):
            if occupied[x, y] == wp.uint8(0):
                centre = wp.vec3(
                    origin[0] + (float(x) + 0.5) * cell_size,
                    origin[1] + (float(y) + 0.5) * cell_size,
                    0.5 * (z_low + z_high),
                )
                if _overlaps(half, a - centre, b - centre, c - centre):
                    occupied[x, y] = wp.uint8(1)
