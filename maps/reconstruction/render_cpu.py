"""The rendering kernel of a CPU; `render_cpu.h` has its C++, which Warp compiles with its own."""

# Warp's dialect: array types are calls.
# mypy: ignore-errors

from __future__ import annotations

from pathlib import Path

import warp as wp

from robonav.maps.reconstruction.blocks import COLOR_BITS, NEAR_BITS, KernelPinhole, VoxelMaps
from robonav.maps.reconstruction.views import BLOCK_RADIUS, HALF, NEAREST, PADDING, YIELD, CameraView, view_of

_CUBE = 2.25  # voxels from the centre of 4x4x4 to where their faces end, with some for rounding
_CONSTANTS = f"""
constexpr float RADIUS = {BLOCK_RADIUS}f, CUBE = {_CUBE}f, HALF = {HALF}f, YIELD = {YIELD}f;
constexpr float NEAREST = {NEAREST}f;
constexpr int NEAR_BITS = {NEAR_BITS}, COLOR_BITS = {COLOR_BITS}, COLOR_MASK = (1 << COLOR_BITS) - 1;
"""
_SOURCE = _CONSTANTS + Path(__file__).with_suffix(".h").read_text()
wp.set_module_options({"extra_build_options": wp.ModuleBuildOptions(extra_cpu_preamble=_SOURCE)})


@wp.func_native("""
    face_batches::draw_faces(grid, camera, view, max_depth, env, blocks, forgotten, buffer.data + first);
""")
def draw(
    grid: VoxelMaps,
    camera: KernelPinhole,
    view: CameraView,
    max_depth: float,
    env: int,
    blocks: int,
    forgotten: int,
    buffer: wp.array(dtype=wp.uint64),
    first: int,
) -> None:
    """Draw the faces of a map's blocks as `splat_kernel` does."""


@wp.func_native("""
    face_batches::resolve(faces.data, inv_voxel, max_depth, buffer.data + drawn_first, pixels,
        rgb.data + first, depth.data + first, unknown.data + first);
""")
def resolve(
    faces: wp.array(dtype=wp.vec2l),
    inv_voxel: float,
    max_depth: float,
    buffer: wp.array(dtype=wp.uint64),
    drawn_first: int,
    first: int,
    pixels: int,
    rgb: wp.array(dtype=wp.vec3ub),
    depth: wp.array(dtype=float),
    unknown: wp.array(dtype=wp.bool),
) -> None:
    """Colour and depth of an image's pixels from what was drawn, as `resolve_kernel` does."""


@wp.kernel(enable_backward=False)
def render_kernel(
    grid: VoxelMaps,
    camera: KernelPinhole,
    poses: wp.array(dtype=wp.mat44),
    buffer: wp.array(dtype=wp.uint64),
    first_env: int,
    rgb: wp.array(dtype=wp.vec3ub),
    depth: wp.array(dtype=float),
    unknown: wp.array(dtype=wp.bool),
):
    """Draw the faces of one map and resolve them to pixels."""
    env = first_env + wp.tid()
    view = view_of(grid, camera, poses[env])
    pixels = camera.height * camera.width
    first = env * (pixels + PADDING)
    forgotten = grid.oldest[env]
    max_depth = camera.max_depth * grid.inv_voxel
    blocks = wp.min(grid.used[env], grid.assigned[env])
    draw(grid, camera, view, max_depth, env, blocks, forgotten, buffer, first)
    begin = env * pixels
    resolve(grid.faces, grid.inv_voxel, camera.max_depth, buffer, first, begin, pixels, rgb, depth, unknown)
