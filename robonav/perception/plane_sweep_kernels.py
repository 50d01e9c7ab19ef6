# mypy: disable-error-code="valid-type, arg-type, operator, assignment"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""The loops of a plane sweep over pixels and depths, in C++ (`plane_sweep_kernels.h`) for speed."""

from __future__ import annotations

from pathlib import Path

import warp as wp

_CPP = Path(__file__).with_suffix(".h").read_text()
_SOURCE = wp.ModuleBuildOptions(extra_cpu_preamble=_CPP, extra_cuda_preamble=_CPP)
wp.set_module_options({"enable_backward": False, "extra_build_options": _SOURCE})


@wp.func_native("plane_sweep::lay_over(agent, column, present, held, since, inverse_depths, sums, sweep);")
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


@wp.func_native("plane_sweep::differ(agent, row, gain, present, sweep);")
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
