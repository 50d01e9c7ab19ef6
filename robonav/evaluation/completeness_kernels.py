# mypy: disable-error-code="valid-type,arg-type,operator,assignment,return-value,var-annotated,no-untyped-def"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""The inner loop of completeness, on the CPU: one thread a ray."""

from __future__ import annotations

import warp as wp

wp.config.log_level = 40  # errors only: Warp greets on every start otherwise
wp.set_module_options({"enable_backward": False})

FRESH = wp.constant(1)  # no point was kept in this cell yet
WANTED = wp.constant(2)  # a sample near this cell still waits for a nearer point


@wp.struct
class Index:
    """Samples near each cell: `owners[first[r]:first[r + 1]]` for the cell with `row` r."""

    origin: wp.vec3
    shape: wp.vec3i
    cells_per_m: float
    row: wp.array(dtype=wp.int32)
    first: wp.array(dtype=wp.int32)
    owners: wp.array(dtype=wp.int32)
    samples: wp.array(dtype=wp.vec3)


@wp.func
def cell_of(index: Index, point: wp.vec3) -> int:
    """Flat cell of a point; points beyond the grid share its outermost cells."""
    local = (point - index.origin) * index.cells_per_m
    x = wp.clamp(int(wp.floor(local[0])), 0, index.shape[0] - 1)
    y = wp.clamp(int(wp.floor(local[1])), 0, index.shape[1] - 1)
    z = wp.clamp(int(wp.floor(local[2])), 0, index.shape[2] - 1)
    return (x * index.shape[1] + y) * index.shape[2] + z


@wp.kernel
def observe(
    index: Index,
    eye: wp.vec3,
    directions: wp.array(dtype=wp.vec3),
    lengths: wp.array(dtype=float),
    state: wp.array(dtype=wp.uint8),
    nearest: wp.array(dtype=float),
    cloud: wp.array(dtype=wp.vec3),
    cloud_size: wp.array(dtype=wp.int32),
):
    """Update the distances of the samples near each ray's point, and keep the first point of each cell."""
    ray = wp.tid()
    if not wp.isfinite(lengths[ray]):
        return
    point = eye + directions[ray] * lengths[ray]
    cell = cell_of(index, point)
    before = int(state[cell])
    if (before & FRESH) != 0:
        state[cell] = wp.uint8(before - FRESH)
        cloud[wp.atomic_add(cloud_size, 0, 1)] = point
    if (before & WANTED) != 0:
        row = index.row[cell]
        for entry in range(index.first[row], index.first[row + 1]):
            sample = index.owners[entry]
            wp.atomic_min(nearest, sample, wp.length(point - index.samples[sample]))
