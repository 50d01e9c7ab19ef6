"""The integration kernel of a CPU; `integrate_cpu.h` has its C++, which Warp compiles with its own."""

# Warp's dialect: array types are calls.
# mypy: ignore-errors

from __future__ import annotations

from pathlib import Path

import warp as wp

from robonav.maps.reconstruction.blocks import (
    AXIS_BITS,
    AXIS_HALF,
    COLOR_BITS,
    COUNT_BITS,
    HASH,
    MAX_NEAR,
    MAX_OBSERVATIONS,
    NEAR_BITS,
    PLANE_BITS,
    PLANE_UNITS,
    REACH,
    SDF_UNITS,
    SETTLED,
    SLOT_BITS,
    KernelPinhole,
    VoxelMaps,
)
from robonav.maps.reconstruction.integrate import BEHIND, COLOR_BAND, GRAZING, SettlingVoxels

_CONSTANTS = f"""
constexpr int AXIS_BITS = {AXIS_BITS}, AXIS_HALF = {AXIS_HALF}, SLOT_BITS = {SLOT_BITS};
constexpr int COLOR_BITS = {COLOR_BITS}, COUNT_BITS = {COUNT_BITS}, NEAR_BITS = {NEAR_BITS};
constexpr int PLANE_BITS = {PLANE_BITS}, SETTLED = {SETTLED};
constexpr int MAX_NEAR = {MAX_NEAR}, MAX_OBSERVATIONS = {MAX_OBSERVATIONS};
constexpr float REACH = {REACH}f, BEHIND = {BEHIND}f, COLOR_BAND = {COLOR_BAND}f, GRAZING = {GRAZING}f;
constexpr float SDF_UNITS = {SDF_UNITS}f, PLANE_UNITS = {PLANE_UNITS}f;
constexpr unsigned long long HASH = {HASH}ull;
"""
_SOURCE = _CONSTANTS + Path(__file__).with_suffix(".h").read_text()
wp.set_module_options({"extra_build_options": wp.ModuleBuildOptions(extra_cpu_preamble=_SOURCE)})


@wp.func_native("""
    pixel_batches::integrate(grid, camera, pose, ripe, depth.data, rgb.data, waiting.data, failures.data, env,
        frame, retry, scratch.data);
""")
def integrate(
    grid: VoxelMaps,
    camera: KernelPinhole,
    pose: wp.mat44,
    depth: wp.array(dtype=float),
    env: int,
    rgb: wp.array(dtype=wp.vec3ub),
    frame: int,
    retry: int,
    scratch: wp.array(dtype=float),
    waiting: wp.array(dtype=wp.uint8),
    failures: wp.array(dtype=wp.int32),
    ripe: SettlingVoxels,
) -> None:
    """Add a frame to a map, as `integrate_kernel` of `integrate.py` does."""


@wp.kernel(enable_backward=False)
def integrate_kernel(
    grid: VoxelMaps,
    camera: KernelPinhole,
    poses: wp.array(dtype=wp.mat44),
    depth: wp.array(dtype=float),
    first_env: int,
    rgb: wp.array(dtype=wp.vec3ub),
    frames: wp.array(dtype=wp.int32),
    retry: int,
    waiting: wp.array(dtype=wp.uint8),
    failures: wp.array(dtype=wp.int32),
    ripe: SettlingVoxels,
    scratch: wp.array(dtype=float),
):
    """`integrate_kernel` of `integrate.py` on a CPU; one thread integrates one frame."""
    env = first_env + wp.tid()
    integrate(
        grid,
        camera,
        poses[env],
        depth,
        env,
        rgb,
        frames[env],
        retry,
        scratch,
        waiting,
        failures,
        ripe,
    )
