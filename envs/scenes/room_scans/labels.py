"""Labels of a scanned room's triangles from labelled planes and boxes, and their colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FACING = 0.6  # cosine: a scan's triangles are up to 50 degrees off its plane
_NOISE_M = 0.15  # planes are fitted to a whole room: a scanned wall bulges by as much
_LEVEL_M = 0.06  # floors are scanned well, and furniture begins above them
_BESIDE_M = 0.1  # beyond the ends of a plane
_BOX_M = 0.03
_ON_WALLS = ("DOOR_FRAME", "WINDOW_FRAME", "WALL_ART", "INVISIBLE_WALL_FACE")
_LEVEL = ("FLOOR", "CEILING")
_COLOURS = {
    "FLOOR": (150, 111, 78),
    "CEILING": (240, 238, 232),
    "WALL_FACE": (214, 207, 190),
    "INNER_WALL_FACE": (214, 207, 190),
    "DOOR_FRAME": (124, 82, 50),
    "WINDOW_FRAME": (158, 196, 226),
    "INVISIBLE_WALL_FACE": (158, 196, 226),
    "WALL_ART": (176, 74, 66),
    "TABLE": (168, 124, 72),
    "COUCH": (70, 104, 140),
    "BED": (120, 130, 170),
    "STORAGE": (96, 74, 60),
    "SCREEN": (28, 30, 36),
    "LAMP": (246, 222, 140),
    "PLANT": (66, 122, 56),
}
_UNKNOWN_OBJECT, _UNLABELLED = (150, 110, 150), (150, 150, 148)
_LIGHT = np.array([0.36, 0.85, 0.38])  # y up: from a window above and to the side
Corners = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Region:
    """A labelled rectangle or box.

    Attributes:
        label: Label from the file.
        rotation: (3, 3) from its own axes to the file's; a plane's y axis points out of the room.
        position: (3,) metres.
        low: (3,) lower bounds in its own frame, metres.
        high: (3,) upper bounds.
        is_box: Whether it is a box; a plane has no extent along y.
    """

    label: str
    rotation: NDArray[np.float64]
    position: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    is_box: bool


# The regions that are tried in turn, and how far along their normal a triangle may be; what is left goes on.
_PASSES: tuple[tuple[Callable[[Region], bool], float], ...] = (
    (lambda r: not r.is_box and r.label in _LEVEL, _LEVEL_M),
    (lambda r: r.is_box, _BOX_M),
    (lambda r: not r.is_box and r.label in _ON_WALLS, _NOISE_M),
    (lambda r: not r.is_box, _NOISE_M),
)


def label_triangles(corners: Corners, regions: Sequence[Region]) -> NDArray[np.int64]:
    """The region (T,) of each triangle, -1 = none.

    A triangle is of a plane if its centre is near it and within its rectangle, and if it faces into the
    room as the plane does: distance alone would take in what stands before a wall and miss what bulges.
    It is of a box if its centre is inside. Of several regions, the nearest counts.

    Args:
        corners: (T, 3, 3) in file coordinates, metres.
        regions: Planes and boxes.
    """
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    centres = corners.mean(axis=1)
    labels = np.full(len(corners), -1, dtype=np.int64)
    for belongs, reach in _PASSES:
        left = np.flatnonzero(labels < 0)
        nearest = np.full(len(left), np.inf)
        for number, region in enumerate(regions):
            if not belongs(region):
                continue
            distance = _distance(region, centres[left], normals[left], reach)
            closer = distance < nearest
            nearest[closer] = distance[closer]
            labels[left[closer]] = number
    return labels


def _distance(region: Region, centres: Corners, normals: Corners, reach: float) -> NDArray[np.float64]:
    """Metres (N,) from a plane, or from the middle of a box; inf where the triangle is not of it."""
    local = (centres - region.position) @ region.rotation
    beside = np.maximum(region.low - local, local - region.high)
    if region.is_box:
        inside = (beside <= reach).all(axis=1)
        return np.where(inside, np.linalg.norm(local - (region.low + region.high) / 2, axis=1), np.inf)
    faces_the_room = normals @ region.rotation[:, 1] < -_FACING
    inside = (beside[:, [0, 2]] <= _BESIDE_M).all(axis=1) & (np.abs(local[:, 1]) <= reach) & faces_the_room
    return np.where(inside, np.abs(local[:, 1]), np.inf)


def colour_corners(
    vertices: Corners, triangles: NDArray[np.int64], labels: NDArray[np.int64], regions: Sequence[Region]
) -> NDArray[np.uint8]:
    """Colours (T, 3, 3): of the label, lit by the surface's direction, with a little smooth variety."""
    # Two pieces of one kind differ a little; the last colour is for what has no label.
    own = [
        np.array(_COLOURS.get(r.label, _UNKNOWN_OBJECT)) * (0.9 + 0.05 * (k % 5))
        for k, r in enumerate(regions)
    ]
    colours = np.array([*own, _UNLABELLED])[labels]
    corners = vertices[triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, triangles[:, k], faces)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    light = 0.8 + 0.2 * normals @ _LIGHT
    variety = np.sin(vertices @ [2.1, 1.3, 0.7]) + np.sin(vertices @ [-0.8, 1.9, 2.6] + 1.0)
    shade = light * (1 + 0.04 * variety)
    return np.clip(colours[:, None] * shade[triangles][..., None], 0, 255).astype(np.uint8)
