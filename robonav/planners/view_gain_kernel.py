# mypy: disable-error-code="valid-type,no-untyped-def"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""Kernel (CPU): unseen surface along rays on an occupancy grid."""

from __future__ import annotations

import warp as wp

wp.config.log_level = 40  # errors only: Warp greets on every start otherwise
wp.set_module_options({"enable_backward": False})


@wp.kernel
def unseen_along(
    cells: wp.array2d(dtype=wp.uint8),
    detailed: wp.array2d(dtype=wp.bool),
    places: wp.array2d(dtype=wp.int32),
    first_angle: float,
    rays: int,
    reach: int,
    cell_size: float,
    occupied: int,
    wall_height: float,
    unseen: wp.array2d(dtype=float),
):
    """Unseen surface, m², along each ray of the cameras at each place (`view_gains`)."""
    place, ray = wp.tid()
    width = 2.0 * wp.pi / float(rays)
    angle = first_angle + float(ray) * width
    total = float(0.0)  # noqa: UP018 (so a Warp variable is declared, not a constant)
    for step in range(1, reach + 1):
        x = places[place, 0] + int(wp.round(float(step) * wp.cos(angle)))
        y = places[place, 1] + int(wp.round(float(step) * wp.sin(angle)))
        if x < 0 or y < 0 or x >= cells.shape[0] or y >= cells.shape[1]:
            break
        across = float(step) * cell_size * width
        blocked = int(cells[x, y]) == occupied
        if not detailed[x, y]:
            total += wp.where(blocked, wall_height, 2.0 * cell_size) * across
        if blocked:
            break
    unseen[place, ray] = total
