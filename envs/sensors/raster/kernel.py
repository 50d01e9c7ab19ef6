# mypy: disable-error-code="valid-type, arg-type, operator, assignment, return-value"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""Rasterises and shades frames of many scenes in one Warp kernel on the CPU.

Homogeneous rasterisation (Olano & Greer 1997), which needs no clipping: for the ray d through a pixel, the
plane of a face gives the inverse depth w = n.d / n.p, and Cramer's rule u w = d.(b x p) / n.p and
v w = d.(p x a) / n.p, with corner p seen from the eye, sides a and b and n = a x b. All are linear in the
pixel's column and row.
"""

from __future__ import annotations

import warp as wp

from robonav.envs.scenes.pyramids import LEVELS
from robonav.envs.sensors.facets import Textures
from robonav.envs.sensors.raster.faces import Face, Mesh
from robonav.envs.sensors.raster.pixels import SOURCE, PixelRays, ProjectedFace, fill, shade_run

wp.config.log_level = 40  # errors only: Warp greets on every start otherwise
wp.set_module_options({"enable_backward": False, "extra_build_options": SOURCE})

_EDGE_SLACK_PIXELS = wp.constant(5.0e-4)  # so that rounding leaves no crack where faces meet
_ROUNDING = wp.constant(1.0e-6)


@wp.struct
class RenderView:
    """One frame to draw: mesh, pose, and the addresses of its rgb (H, W, 3) and depth (H, W)."""

    pose: wp.mat44
    mesh: Mesh
    rgb: wp.uint64
    depth: wp.uint64


@wp.struct
class ViewAxes:
    """The axes of a view, and the world direction at_zero + i per_column + j per_row of a pixel's ray."""

    eye: wp.vec3
    right: wp.vec3
    down: wp.vec3
    ahead: wp.vec3
    per_column: wp.vec3
    per_row: wp.vec3
    at_zero: wp.vec3


@wp.func
def _gaze(lens: PixelRays, pose: wp.mat44) -> ViewAxes:
    gaze = ViewAxes()
    gaze.right = wp.vec3(pose[0, 0], pose[1, 0], pose[2, 0])
    gaze.down = wp.vec3(pose[0, 1], pose[1, 1], pose[2, 1])
    gaze.ahead = wp.vec3(pose[0, 2], pose[1, 2], pose[2, 2])
    gaze.eye = wp.vec3(pose[0, 3], pose[1, 3], pose[2, 3])
    gaze.per_column = gaze.right / lens.focal
    gaze.per_row = gaze.down / lens.focal
    gaze.at_zero = gaze.ahead + lens.left * gaze.right + lens.top * gaze.down
    return gaze


@wp.func
def _in_camera(gaze: ViewAxes, vector: wp.vec3) -> wp.vec3:
    return wp.vec3(wp.dot(vector, gaze.right), wp.dot(vector, gaze.down), wp.dot(vector, gaze.ahead))


@wp.func
def _per_pixel(gaze: ViewAxes, vector: wp.vec3) -> wp.vec3:
    return wp.vec3(
        wp.dot(vector, gaze.per_column), wp.dot(vector, gaze.per_row), wp.dot(vector, gaze.at_zero)
    )


@wp.func
def _smallest(a: float, b: float, c: float, d: float) -> float:
    return wp.min(wp.min(a, b), wp.min(c, d))


@wp.func
def _largest(a: float, b: float, c: float, d: float) -> float:
    return wp.max(wp.max(a, b), wp.max(c, d))


@wp.func
def _rows(lens: PixelRays, gaze: ViewAxes, face: Face) -> wp.vec2i:
    """First and last row that a face may touch; last < first if it is out of view."""
    p = _in_camera(gaze, face.corner - gaze.eye)
    q = p + _in_camera(gaze, face.side_a)
    r = p + _in_camera(gaze, face.side_b)
    s = wp.where(face.is_triangle > 0.0, p, q + r - p)
    x = lens.max_x
    from_left = _largest(p[0] + x * p[2], q[0] + x * q[2], r[0] + x * r[2], s[0] + x * s[2])
    from_right = _smallest(p[0] - x * p[2], q[0] - x * q[2], r[0] - x * r[2], s[0] - x * s[2])
    far = _largest(p[2], q[2], r[2], s[2])
    rows = wp.vec2i(0, -1)
    if far > 0.0 and from_left > 0.0 and from_right < 0.0:
        highest = _smallest(p[1], q[1], r[1], s[1])
        lowest = _largest(p[1], q[1], r[1], s[1])
        if _smallest(p[2], q[2], r[2], s[2]) > 0.01:
            highest = _smallest(p[1] / p[2], q[1] / q[2], r[1] / r[2], s[1] / s[2])
            lowest = _largest(p[1] / p[2], q[1] / q[2], r[1] / r[2], s[1] / s[2])
        else:  # it comes up to the eye's plane, where y / z has no bound but on the far side of y = 0
            highest = wp.where(highest > 0.0, highest / far, -lens.max_y)
            lowest = wp.where(lowest < 0.0, lowest / far, lens.max_y)
        slack = 0.01
        first = wp.max((highest - lens.top) * lens.focal - slack, 0.0)
        last = wp.min((lowest - lens.top) * lens.focal + slack, float(lens.height - 1))
        if first <= last:
            rows = wp.vec2i(int(wp.ceil(first)), int(wp.floor(last)))
    return rows


@wp.func
def _place(
    lens: PixelRays,
    gaze: ViewAxes,
    mesh: Mesh,
    faces: wp.array(dtype=Face),
    placed: wp.array(dtype=ProjectedFace),
) -> int:
    """Collect the faces that may be in view; returns their number."""
    number = wp.int32(0)
    slant_x = wp.sqrt(1.0 + lens.max_x * lens.max_x)
    slant_y = wp.sqrt(1.0 + lens.max_y * lens.max_y)
    spheres = wp.array(ptr=mesh.spheres, shape=(mesh.num_faces,), dtype=wp.vec4)
    for k in range(mesh.num_faces):
        sphere = spheres[k]
        middle = _in_camera(gaze, wp.vec3(sphere[0], sphere[1], sphere[2]) - gaze.eye)
        radius = sphere[3]
        if (
            middle[2] + radius > 0.0
            and wp.abs(middle[0]) - lens.max_x * middle[2] < radius * slant_x
            and wp.abs(middle[1]) - lens.max_y * middle[2] < radius * slant_y
        ):
            face = faces[k]
            rows = _rows(lens, gaze, face)
            p = face.corner - gaze.eye
            volume = wp.dot(face.normal, p)
            if rows[0] <= rows[1] and wp.abs(volume) > 1.0e-20:  # else seen edge-on
                mine = ProjectedFace()
                mine.w = _per_pixel(gaze, face.normal) / volume
                mine.uw = _per_pixel(gaze, wp.cross(face.side_b, p)) / volume
                mine.vw = _per_pixel(gaze, wp.cross(p, face.side_a)) / volume
                mine.first_row = rows[0]
                mine.last_row = rows[1]
                mine.face = k
                placed[number] = mine
                number += 1
    return number


@wp.func
def _edge(edge: wp.vec3, rounding: float) -> wp.vec3:
    """A half-plane, widened; its slope along a row can be divided by."""
    along = wp.where(wp.abs(edge[0]) < 1.0e-12, 1.0e-12, edge[0])
    slack = _EDGE_SLACK_PIXELS * (wp.abs(edge[0]) + wp.abs(edge[1])) + rounding
    return wp.vec3(along, edge[1], edge[2] + slack)


@wp.func
def _shade(
    lens: PixelRays,
    view: RenderView,
    faces: wp.array(dtype=Face),
    placed: wp.array(dtype=ProjectedFace),
    nearness: wp.array(dtype=wp.float32),
    owner: wp.array(dtype=wp.int32),
) -> None:
    mesh = view.mesh
    textures = Textures()
    textures.texels = wp.array(ptr=mesh.texels, shape=(mesh.num_texels,), dtype=wp.vec3ub)
    textures.level_offset = wp.array(
        ptr=mesh.level_offset, shape=(mesh.num_textures, wp.static(LEVELS)), dtype=wp.int32
    )
    textures.size = wp.array(ptr=mesh.texture_size, shape=(mesh.num_textures,), dtype=wp.vec2i)
    rgb = wp.array(ptr=view.rgb, shape=(lens.width * lens.height,), dtype=wp.vec3ub)
    depth = wp.array(ptr=view.depth, shape=(lens.width * lens.height,), dtype=wp.float32)
    for row in range(lens.height):
        column = wp.int32(0)
        while column < lens.width:
            start = column
            id = owner[row * lens.stride + start]
            while column < lens.width and owner[row * lens.stride + column] == id:
                column += 1
            if id >= 0:
                mine = placed[id]
                shade_run(
                    lens,
                    mine,
                    faces[mine.face],
                    textures,
                    wp.static(LEVELS),
                    row,
                    start,
                    column - start,
                    nearness,
                    rgb,
                    depth,
                )
            else:
                for k in range(row * lens.width + start, row * lens.width + column):
                    depth[k] = 0.0
                    rgb[k] = wp.vec3ub()


@wp.kernel
def draw_kernel(
    lens: PixelRays,
    count: wp.array(dtype=wp.int32),
    views: wp.array(dtype=RenderView),
    placed: wp.array(dtype=ProjectedFace),
    nearness: wp.array(dtype=wp.float32),
    owner: wp.array(dtype=wp.int32),
) -> None:
    """Draw views[:count[0]], one after the other; the last three arrays are scratch."""
    for frame in range(count[0]):
        view = views[frame]
        faces = wp.array(ptr=view.mesh.faces, shape=(view.mesh.num_faces,), dtype=Face)
        gaze = _gaze(lens, view.pose)
        number = _place(lens, gaze, view.mesh, faces, placed)
        for i in range(nearness.shape[0]):
            nearness[i] = 0.0
            owner[i] = -1
        for k in range(number):
            mine = placed[k]
            w = mine.w
            edge_2 = w - mine.uw - faces[mine.face].is_triangle * mine.vw
            edge_3 = w - mine.vw - faces[mine.face].is_triangle * mine.uw
            across = wp.vec3(float(lens.width), float(lens.height), 1.0)
            rounding = _ROUNDING * wp.dot(wp.abs(w), across)
            fill(
                lens,
                mine,
                k,
                _edge(mine.uw, rounding),
                _edge(mine.vw, rounding),
                _edge(edge_2, rounding),
                _edge(edge_3, rounding),
                nearness,
                owner,
            )
        _shade(lens, view, faces, placed, nearness, owner)
