# mypy: disable-error-code="valid-type, empty-body"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""The loops over pixels of the rasteriser, in C++ (`pixels.h`): vectors of 8 halve the time."""

from __future__ import annotations

from pathlib import Path

import warp as wp

from robonav.envs.sensors.facets import Textures
from robonav.envs.sensors.raster.faces import Face

SOURCE = wp.ModuleBuildOptions(extra_cpu_preamble=Path(__file__).with_suffix(".h").read_text())
LANES = 8  # columns of scratch images are a multiple of it, and as many may be read behind the last


@wp.struct
class PixelRays:
    """A camera: the ray of column i, row j is (left + i / focal, top + j / focal, 1) in its frame."""

    width: wp.int32
    height: wp.int32
    stride: wp.int32  # of scratch images
    focal: wp.float32
    left: wp.float32
    top: wp.float32
    max_x: wp.float32  # at z = 1, of the outer border of the image
    max_y: wp.float32


@wp.struct
class ProjectedFace:
    """A face in one view: coefficients of w, u w and v w over (column, row, 1), and its rows."""

    w: wp.vec3
    uw: wp.vec3
    vw: wp.vec3
    first_row: wp.int32
    last_row: wp.int32
    face: wp.int32


@wp.func_native("""
    const wp::vec3 edges[4] = {edge_0, edge_1, edge_2, edge_3};
    raster_pixels::fill(lens, placed, id, edges, nearness.data, owner.data);
""")
def fill(
    lens: PixelRays,
    placed: ProjectedFace,
    id: int,
    edge_0: wp.vec3,
    edge_1: wp.vec3,
    edge_2: wp.vec3,
    edge_3: wp.vec3,
    nearness: wp.array(dtype=wp.float32),
    owner: wp.array(dtype=wp.int32),
) -> None:
    """Draw the face `id` where edge_0..3 >= 0 and it is the nearest so far, by spans of 8 rows at once."""


@wp.func_native("""
    raster_pixels::shade_run(lens, placed, face, textures, levels, row, column, count, nearness.data,
        rgb.data, depth.data);
""")
def shade_run(
    lens: PixelRays,
    placed: ProjectedFace,
    face: Face,
    textures: Textures,
    levels: int,
    row: int,
    column: int,
    count: int,
    nearness: wp.array(dtype=wp.float32),
    rgb: wp.array(dtype=wp.vec3ub),
    depth: wp.array(dtype=wp.float32),
) -> None:
    """Colour `count` pixels from `column` on, which all see one face, as _shade_kernel of shading.py does.

    But the mip level comes from the exponent of the footprint, and the normal is that of w.
    """
