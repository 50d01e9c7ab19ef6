"""The bytes of a .navmesh file: Habitat's MSET container with one tile of Detour's format 7.

Every count is held against the bytes that are there before anything is allocated.
Source: habitat-sim, src/esp/nav/PathFinder.cpp; Recast Navigation, DetourNavMesh.h (dtMeshHeader, dtPoly).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.scenes.scene import SceneError

MAX_CORNERS = 6  # DT_VERTS_PER_POLYGON
_WALK = 1  # the flag that Habitat's filter asks for
_GROUND = 0  # the other type of polygon is a jump between two points, which Habitat does not make
_OTHER_TILE = 0x8000
_MAX_EXTENT_M = 10_000.0
_MIN_AREA_M2 = 1e-5  # Habitat disables smaller polygons

_FILE = np.dtype(
    [
        ("magic", "S4"),
        ("version", "<i4"),
        ("tiles", "<i4"),
        ("params", "V28"),
        ("ref", "<u4"),
        ("size", "<i4"),
    ]
)
_COUNTS = (
    "polygons",
    "vertices",
    "links",
    "details",
    "detail_vertices",
    "detail_triangles",
    "nodes",
    "jumps",
)
_TILE = np.dtype(
    [("magic", "S4"), ("version", "<i4"), ("place", "V16"), *((name, "<u4") for name in _COUNTS),
     ("first_jump", "<i4"), ("agent", "<f4", 3), ("bounds", "<f4", (2, 3)), ("quantisation", "<f4")]
)  # fmt: skip
_POLYGON = np.dtype(
    [("link", "<u4"), ("corners", "<u2", MAX_CORNERS), ("neighbours", "<u2", MAX_CORNERS), ("flags", "<u2"),
     ("count", "u1"), ("area_and_type", "u1")]
)  # fmt: skip
_DETAIL = np.dtype(
    [("vertex", "<u4"), ("triangle", "<u4"), ("vertices", "u1"), ("triangles", "u1"), ("padding", "V2")]
)
_PARTS = {
    "polygons": _POLYGON,
    "vertices": np.dtype(("<f4", 3)),
    "links": np.dtype("V12"),
    "details": _DETAIL,
    "detail_vertices": np.dtype(("<f4", 3)),
    "detail_triangles": np.dtype(("u1", 4)),
    "nodes": np.dtype("V16"),
    "jumps": np.dtype("V36"),
}
_ORDER = ("vertices", "polygons", "links", "details", "detail_vertices", "detail_triangles", "nodes", "jumps")


@dataclass(frozen=True, eq=False)
class DetourTile:
    """Walkable polygons as the file has them: Habitat's frame (y up), corners clockwise seen from above.

    Attributes:
        vertices: (V, 3) float64, metres.
        polygons: (P, 6) int64 vertex indices, -1 beyond the polygon's last corner.
        neighbours: (P, 6) int64 polygon across the edge from corner k to k + 1, -1 = none.
        detail_triangles: (T, 3, 3) float64 corners of the finer surface that tells heights, metres.
        detail_polygons: (T,) int64 polygon that each of them belongs to.
        agent: Height, radius and highest step of the agent that it was made for, metres.
    """

    vertices: NDArray[np.float64]
    polygons: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    detail_triangles: NDArray[np.float64]
    detail_polygons: NDArray[np.int64]
    agent: tuple[float, float, float]


def read_tile(data: bytes, name: str) -> DetourTile:
    """Read the walkable polygons out of a .navmesh file's content.

    Args:
        data: The whole file.
        name: What messages call the file.

    Raises:
        SceneError: It is no such file, truncated, damaged, or of several tiles.
    """
    _check_container(data, name)
    header = np.frombuffer(data, _TILE, 1, _FILE.itemsize)[0]
    if header["magic"] != b"VAND" or header["version"] != 7:
        raise _damaged(name, f"its tile is marked {bytes(header['magic'])!r}, version {header['version']}")
    parts = _split(data, header, name)
    polygons = parts["polygons"]
    height, radius, climb = header["agent"]
    walkable = (polygons["flags"] & _WALK > 0) & (polygons["area_and_type"] >> 6 == _GROUND)
    corners, neighbours = _corners(parts, walkable, name)
    triangles, owners = _surface(parts, corners, name)
    sides = triangles[:, 1:] - triangles[:, :1]
    areas = 0.5 * np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1)
    walkable &= np.bincount(owners, areas, len(polygons)) >= _MIN_AREA_M2
    if not walkable.any():
        raise _damaged(name, f"none of its {len(polygons)} polygons is walkable")
    renumbered = np.where(walkable, np.cumsum(walkable) - 1, -1)
    kept = walkable[owners]
    return DetourTile(
        vertices=parts["vertices"].astype(np.float64),
        polygons=corners[walkable],
        neighbours=np.where(neighbours >= 0, renumbered[neighbours], -1)[walkable],
        detail_triangles=triangles[kept],
        detail_polygons=renumbered[owners[kept]],
        agent=(float(height), float(radius), float(climb)),
    )


def _check_container(data: bytes, name: str) -> None:
    if len(data) < _FILE.itemsize + _TILE.itemsize:
        raise _damaged(name, f"it has {len(data)} bytes, fewer than its two headers")
    head = np.frombuffer(data, _FILE, 1)[0]
    if head["magic"] != b"TESM" or head["version"] != 1:
        raise SceneError(
            f"{name} is no Habitat navmesh: it starts with {bytes(data[:4])!r}, version {head['version']}; "
            "expected b'TESM' (MSET), version 1, so make it anew with habitat-sim"
        )
    if head["tiles"] != 1:
        raise SceneError(
            f"{name} has {head['tiles']} tiles: expected the single one that habitat-sim writes, so make it "
            "anew with habitat-sim"
        )
    there = len(data) - _FILE.itemsize
    if not _TILE.itemsize <= head["size"] <= there:
        raise _damaged(name, f"its tile wants {head['size']:,} bytes and {there:,} are there")


def _split(data: bytes, header: Any, name: str) -> dict[str, NDArray[Any]]:
    """The tile's arrays, as views of the data; the counts must account for its size exactly."""
    counts = {part: int(header[part]) for part in _COUNTS}
    wanted = _TILE.itemsize + sum(counts[part] * _PARTS[part].itemsize for part in _ORDER)
    size = int(np.frombuffer(data, _FILE, 1)[0]["size"])
    if wanted != size:
        raise _damaged(name, f"its counts need {wanted:,} bytes and its tile has {size:,}")
    parts, offset = {}, _FILE.itemsize + _TILE.itemsize
    for part in _ORDER:
        parts[part] = np.frombuffer(data, _PARTS[part], counts[part], offset)
        offset += counts[part] * _PARTS[part].itemsize
    for part in ("vertices", "detail_vertices"):
        if not np.all(np.abs(parts[part]) <= _MAX_EXTENT_M):  # NaN is not
            raise _damaged(name, f"some of its vertices are NaN or over {_MAX_EXTENT_M:g} m from the origin")
    return parts


def _corners(
    parts: dict[str, NDArray[Any]], walkable: NDArray[np.bool_], name: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Vertex indices and neighbours (P, 6) of all polygons, -1 = none."""
    polygons = parts["polygons"]
    counts = polygons["count"][:, None].astype(np.int64)
    bad = counts[(counts > MAX_CORNERS) | (walkable[:, None] & (counts < 3))]
    if len(bad):
        raise _damaged(name, f"a polygon has {bad[0]} corners")
    used = np.arange(MAX_CORNERS) < counts
    corners = np.where(used, polygons["corners"].astype(np.int64), -1)
    if corners.max(initial=-1) >= len(parts["vertices"]):
        raise _damaged(name, f"it refers to vertex {corners.max()} of {len(parts['vertices'])}")
    neighbours = np.where(used, polygons["neighbours"].astype(np.int64), 0)
    neighbours = np.where(neighbours & _OTHER_TILE, 0, neighbours) - 1
    if neighbours.max(initial=-1) >= len(polygons):
        raise _damaged(name, f"it refers to polygon {neighbours.max()} of {len(polygons)}")
    return corners, neighbours


def _surface(
    parts: dict[str, NDArray[Any]], corners: NDArray[np.int64], name: str
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Corners (T, 3, 3) of all detail triangles, and the polygon (T,) of each.

    A triangle's index below the polygon's number of corners is one of these, from there on a detail vertex.
    """
    details, triangles = parts["details"], parts["detail_triangles"]
    if len(details) > len(corners):
        raise _damaged(name, f"it has heights for {len(details)} polygons of {len(corners)}")
    counts = details["triangles"].astype(np.int64)
    owners = np.repeat(np.arange(len(details)), counts)
    within = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = details["triangle"].astype(np.int64)[owners] + within
    if len(rows) > len(triangles) or (len(rows) and rows.max() >= len(triangles)):
        raise _damaged(name, f"it refers to more detail triangles than its {len(triangles)}")
    local = triangles[rows, :3].astype(np.int64)
    own = (corners >= 0).sum(axis=1)[owners, None]
    extra = details["vertex"].astype(np.int64)[owners, None] + local - own
    vertices = np.concatenate([parts["vertices"], parts["detail_vertices"]]).astype(np.float64)
    of_corner = corners[owners[:, None], np.minimum(local, MAX_CORNERS - 1)]
    index = np.where(local < own, of_corner, len(parts["vertices"]) + extra)
    if len(index) and (index.min() < 0 or index.max() >= len(vertices)):
        raise _damaged(name, f"a detail triangle refers to vertex {index.max()} of {len(vertices)}")
    return vertices[index], owners


def _damaged(name: str, finding: str) -> SceneError:
    return SceneError(
        f"{name} is a damaged navmesh: {finding}; copy it again, or make it anew with habitat-sim"
    )
