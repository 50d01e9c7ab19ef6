"""Axes and unit of a mesh file, given or guessed from its surfaces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robonav.envs.scenes.scene import SceneError

MESH_SUFFIXES = (".glb", ".gltf", ".ply", ".obj")
GUESS = "guess"
Direction = tuple[float, float, float]
_AXES: dict[str, tuple[Direction, Direction]] = {  # up: (up, front)
    "y": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
    "z": ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0)),
}
_UNITS = {1.0: "metres", 0.01: "centimetres", 0.001: "millimetres"}
_MOST_UNITS = 1e6
_HEIGHTS_M = (1.8, 20.0)  # of a scan of rooms, from its lowest point to its highest
_SHEET = 0.02  # of the mesh's longest side: so thick is one floor of a scan
_CLEARLY = 2.0  # times as much level surface at one height: else the format's own axis holds
_RATHER = 1.2  # the same, where the format has no standard and the mesh would be higher than a storey
_STOREY_M = (1.8, 3.5)
_MIN_FLOOR_SHARE = 0.3  # of the footprint: a floor fills most of it, a crate's lid does not


@dataclass(frozen=True)
class Placing:
    """Axes and unit of a mesh file.

    Attributes:
        up: Direction in file coordinates that becomes world z.
        front: Direction in file coordinates that becomes world x.
        scale: Metres in a unit of the file.
        said: Guesses against the format's own axes and unit, for people; "" if there are none.
        doubt: Evidence against the guess of the axis, for people; "" if there is none.
    """

    up: Direction
    front: Direction
    scale: float
    said: str = ""
    doubt: str = ""

    @property
    def rotation(self) -> NDArray[np.float64]:
        """(3, 3), rows are world x (front), y (left) and z (up) in file coordinates."""
        z, x = np.asarray(self.up, dtype=np.float64), np.asarray(self.front, dtype=np.float64)
        return np.stack([x, np.cross(z, x), z])


def native_up(path: Path) -> str:
    """The up axis of the file's format: y for glTF by its standard, z for .ply and .obj."""
    return "y" if path.suffix.lower() in (".glb", ".gltf") else "z"


def usual_front(path: Path, up: str) -> Direction | None:
    """Front of a mesh of the user's own: Habitat's where glTF has z up, as HM3D, so that navmeshes fit."""
    return (0.0, 1.0, 0.0) if native_up(path) == "y" and up == "z" else None


def place(
    path: Path,
    vertices: NDArray[np.floating],
    triangles: NDArray[np.integer],
    up: str | ArrayLike | None,
    front: ArrayLike | None,
    scale: float | None,
) -> Placing:
    """Axes and unit, given or guessed.

    Up is y or z: that along which the most surface lies at one height, as a floor does; walls are smaller.
    It is the format's own unless the other has twice as much; a .ply or .obj, for which no standard says what
    is up, is also turned if it is as high as a storey only then. The unit is metres unless the mesh were
    then lower than 1.8 m or higher than 20 m, and is not in centimetres or millimetres.

    Args:
        path: The file, for messages and for its format.
        vertices: (V, 3) finite, in file coordinates.
        triangles: (T, 3) vertex indices.
        up: "y", "z", a direction, None for the format's own, or `GUESS`.
        front: Direction, or None for that which belongs to y or z.
        scale: Metres in a unit of the file; None = guess.

    Raises:
        SceneError: The given axes or scale are invalid.
    """
    native = native_up(path)
    said, doubt = [], ""
    if np.ptp(vertices, axis=0).max() > _MOST_UNITS:  # no building in any unit: nothing to guess
        up, scale = None if isinstance(up, str) and up == GUESS else up, scale or 1.0
    if isinstance(up, str) and up == GUESS:
        up, doubt = _guessed_up(vertices, triangles, native)
        front = usual_front(path, up) if front is None else front
        if up != native:
            said.append(
                f"{up} up, as its largest level surface says, not {native} as usual for {path.suffix}"
            )
    directions = _directions(path, native if up is None else up, front)
    if scale is None:
        heights = np.asarray(vertices, dtype=np.float64) @ directions[0]
        scale = _guessed_scale(float(np.ptp(heights)))
        if scale != 1.0:
            said.append(f"in {_UNITS[scale]}, as it is {np.ptp(heights):,.0f} units high")
    if not 0 < scale < np.inf:
        raise SceneError(f"{path}: scale is {scale:g}: expected metres in a unit of the file, such as 0.01")
    taken = f"taken to be {' and '.join(said)}: if that is wrong, give --up and --scale" if said else ""
    return Placing(*directions, scale, taken, doubt)


def _directions(path: Path, up: str | ArrayLike, front: ArrayLike | None) -> tuple[Direction, Direction]:
    if isinstance(up, str):
        if up not in _AXES:
            raise SceneError(f"{path}: up axis {up!r} is unknown: expected y or z")
        up, default_front = _AXES[up]
        front = default_front if front is None else front
    if front is None:
        raise SceneError(f"{path}: an up direction was given without a front direction: give both")
    z, x = np.asarray(up, dtype=np.float64), np.asarray(front, dtype=np.float64)
    if not np.allclose(np.stack([z, x]) @ np.stack([z, x]).T, np.eye(2), atol=1e-4):
        raise SceneError(f"{path}: up {z} and front {x} must be unit vectors at right angles")
    return (z[0], z[1], z[2]), (x[0], x[1], x[2])


def _guessed_up(
    vertices: NDArray[np.floating], triangles: NDArray[np.integer], native: str
) -> tuple[str, str]:
    """The axis that is up, and what speaks against it."""
    other = "z" if native == "y" else "y"
    as_native, _ = _largest_sheet(vertices, triangles, "xyz".index(native))
    as_other, share = _largest_sheet(vertices, triangles, "xyz".index(other))
    if share < _MIN_FLOOR_SHARE or as_other <= _RATHER * as_native:
        return native, ""
    extents = np.ptp(vertices, axis=0)
    lies = native == "z" and _is_storey_only_if(extents["xyz".index(other)], extents["xyz".index(native)])
    if as_other > _CLEARLY * as_native or lies:
        return other, ""
    return native, f"it has more level surface with {other} up than with {native} up, as it is taken to lie"


def _is_storey_only_if(height: float, else_height: float) -> bool:
    """Whether one height is that of a storey, in some unit, and the other is more."""
    low, high = _STOREY_M
    return any(low <= height * unit <= high < else_height * unit for unit in _UNITS)


def _largest_sheet(
    vertices: NDArray[np.floating], triangles: NDArray[np.integer], axis: int
) -> tuple[float, float]:
    """Largest area of surfaces at one height along an axis and facing it, and its share of the footprint."""
    corners = np.asarray(vertices, dtype=np.float64)[triangles]
    normals = 0.5 * np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facing = np.abs(normals[:, axis]) > 0.8 * np.linalg.norm(normals, axis=1)
    if not facing.any():
        return 0.0, 0.0
    area, at = normals[facing, axis], corners[facing, :, axis].mean(axis=1)
    extents = np.ptp(corners.reshape(-1, 3), axis=0)
    thick = max(_SHEET * extents.max(), 1e-9)
    if extents[axis] <= thick:  # a picture on a wall is no room
        return 0.0, 0.0
    edges = np.arange(at.min() - thick, at.max() + 2 * thick, thick / 2)
    most = 0.0
    for sign in (-1, 1):  # a wall has two faces
        histogram = np.histogram(at, edges, weights=np.maximum(sign * area, 0))[0]
        most = max(most, float(np.convolve(histogram, [1.0, 1.0]).max()))  # a sheet may lie across two bins
    return most, most / max(float(np.prod(np.delete(extents, axis))), 1e-12)


def _guessed_scale(height: float) -> float:
    low, high = _HEIGHTS_M
    return next((unit for unit in _UNITS if low <= height * unit <= high), 1.0)
