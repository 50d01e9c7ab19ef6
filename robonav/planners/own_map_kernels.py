# mypy: disable-error-code="valid-type, arg-type, operator, assignment"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""The loops of the policy's own map over points and cells: several times cheaper than tensor operations."""

from __future__ import annotations

from pathlib import Path

import warp as wp

wp.config.log_level = 40  # errors only: Warp greets on every start otherwise
_CPP = Path(__file__).with_suffix(".h").read_text()
_SOURCE = wp.ModuleBuildOptions(extra_cpu_preamble=_CPP, extra_cuda_preamble=_CPP)
wp.set_module_options({"enable_backward": False, "extra_build_options": _SOURCE})

_HALF_SURE = wp.constant(0.5)  # evidence at which a cell counts as half known


@wp.struct
class Grid:
    """A map of cells * cells: cell (x, y) lies in row x * 2 * cells + y of an agent's rows.

    The free bit between x and y takes the carry of y, so that one addition moves a cell and one mask wraps
    both coordinates.
    """

    cell_m: wp.float32
    cells: wp.int32
    mask: wp.int32


@wp.func
def packed(grid: Grid, point: wp.vec2) -> int:
    """The cell that a point in metres lies in."""
    x = int(wp.floor(point[0] / grid.cell_m)) & (grid.cells - 1)
    y = int(wp.floor(point[1] / grid.cell_m)) & (grid.cells - 1)
    return x * 2 * grid.cells + y


@wp.kernel
def add_kernel(
    grid: Grid,
    position: wp.array(dtype=wp.vec2),
    heading: wp.array(dtype=wp.int64),
    points: wp.array2d(dtype=wp.vec2),
    signs: wp.array2d(dtype=wp.vec3),
    evidence: wp.array2d(dtype=wp.vec3),
) -> None:
    """Add signs (N, P) to evidence (N, rows) in the cells of points (headings, P), as N agents see them."""
    agent, k = wp.tid()
    cell = packed(grid, position[agent] + points[int(heading[agent]), k])
    wp.atomic_add(evidence, agent, cell, signs[agent, k])


@wp.kernel
def summarise_kernel(
    grid: Grid,
    position: wp.array(dtype=wp.vec2),
    heading: wp.array(dtype=wp.int64),
    points: wp.array2d(dtype=wp.vec2),
    evidence: wp.array2d(dtype=wp.vec3),
    summary: wp.array2d(dtype=wp.vec2ub),
) -> None:
    """Summarise the evidence of the cells that `add_kernel` changed."""
    agent, k = wp.tid()
    cell = packed(grid, position[agent] + points[int(heading[agent]), k])
    signs = evidence[agent, cell]
    free, occupied, seen = signs[0], signs[1], signs[2]
    obstacle = 0.5 + 0.5 * (occupied - free) / (occupied + free + _HALF_SURE)
    known = seen / (seen + _HALF_SURE)
    summary[agent, cell] = wp.vec2ub(wp.uint8(wp.rint(255.0 * obstacle)), wp.uint8(wp.rint(255.0 * known)))


@wp.func_native("""
    spatial_memory::look(grid, agent, heading, place, here, offsets, log2_samples, summary, windows);
""")
def _look(
    grid: Grid,
    agent: int,
    heading: int,
    place: int,
    here: int,
    offsets: wp.array2d(dtype=wp.int32),
    log2_samples: wp.array(dtype=wp.int32),
    summary: wp.array2d(dtype=wp.vec2ub),
    windows: wp.array3d(dtype=wp.vec2ub),
) -> None:
    """One place in an agent's windows: in C++, the loop over samples is several times faster."""


@wp.kernel
def window_kernel(
    grid: Grid,
    position: wp.array(dtype=wp.vec2),
    heading: wp.array(dtype=wp.int64),
    offsets: wp.array2d(dtype=wp.int32),
    log2_samples: wp.array(dtype=wp.int32),
    summary: wp.array2d(dtype=wp.vec2ub),
    windows: wp.array3d(dtype=wp.vec2ub),
) -> None:
    """Fill windows (N, side * side, scales) with the mean of 2 ** log2_samples[scale] cells each.

    Offsets (headings, all samples * side * side) are packed cells, scale by scale and sample by sample.
    """
    agent, place = wp.tid()
    here = packed(grid, position[agent])
    _look(grid, agent, int(heading[agent]), place, here, offsets, log2_samples, summary, windows)
