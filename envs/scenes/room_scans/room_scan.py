"""Room captures of headsets: a mesh with labelled planes and boxes, as JSON (Meta's scene format)."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from robonav.envs.scenes.damage import READ_ERRORS, reason_of
from robonav.envs.scenes.free_space import AgentShape, free_space_of
from robonav.envs.scenes.lazy_scenes import LazyScenes
from robonav.envs.scenes.meshes.check import check_extent, check_geometry
from robonav.envs.scenes.room_scans.labels import Region, colour_corners, label_triangles
from robonav.envs.scenes.scene import Scene, SceneError

_MAX_BYTES = 512_000_000
_MAX_ENTITIES = 10_000
_MAX_M = 1000.0
_MARK = b'"spatialEntities"'
_WORLD_FROM_FILE = np.array([[0.0, 0, -1], [-1, 0, 0], [0, 1, 0]])  # WebXR: x right, y up, z back
_Pose = tuple[NDArray[np.float64], NDArray[np.float64]]


def open_kind(spec: str, split: str, agent: AgentShape) -> LazyScenes | None:
    """A capture (.json), or all captures of a folder, whatever the split; None if it is neither."""
    path = Path(spec)
    if path.is_file() and path.suffix.lower() == ".json":
        scans = [path]
    elif path.is_dir():
        scans = [file for file in sorted(path.glob("*.json")) if file.is_file() and _looks_like_a_scan(file)]
    else:
        return None
    return LazyScenes({scan.name: partial(_load, scan, agent) for scan in scans}) if scans else None


def _looks_like_a_scan(path: Path) -> bool:
    with path.open("rb") as file:
        return _MARK in file.read(4096)


def _load(path: Path, agent: AgentShape) -> Scene:
    scene = load_room_scan(path)
    try:
        free_space = free_space_of(scene.vertices, scene.triangles, agent)
    except SceneError as error:
        raise SceneError(f"{path}: {error}") from error
    return replace(scene, free_space=free_space)


def load_room_scan(path: Path) -> Scene:
    """Load one capture, coloured by label, in the world frame (x forward, z up, metres).

    Raises:
        SceneError: The file is damaged, too large, or holds no mesh.
    """
    try:
        entities = _entities(path)
        mesh = next(entity for entity in entities if entity["semanticLabel_META"] == "GLOBAL_MESH")
        vertices, triangles = _mesh(mesh)
        regions = [region for entity in entities if (region := _region(entity)) is not None]
    except StopIteration as error:
        raise SceneError(
            f"{path} holds no GLOBAL_MESH: expected a capture with the mesh of the room, so capture it again"
        ) from error
    except READ_ERRORS as error:
        raise SceneError(
            f"{path} is no room scan ({reason_of(error)}): expected JSON with spatialEntities "
            "as headsets export it, so export it again"
        ) from error
    check_geometry(path, vertices, triangles)
    check_extent(path, vertices)
    labels = label_triangles(vertices[triangles], regions)
    return Scene(
        scene_id=path.name,
        vertices=(vertices @ _WORLD_FROM_FILE.T).astype(np.float32),
        triangles=triangles.astype(np.int32),
        corner_colors=colour_corners(vertices, triangles, labels, regions),
        corner_uvs=np.zeros((len(triangles), 3, 2), dtype=np.float32),
        texture_ids=np.full(len(triangles), -1, dtype=np.int32),
        metadata={"file": str(path), "labels": len(regions), "labelled_share": float((labels >= 0).mean())},
    )


def _entities(path: Path) -> list[dict[str, Any]]:
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"it has {path.stat().st_size:,} bytes, at most {_MAX_BYTES:,} are read")
    capture = json.loads(path.read_bytes())
    entities = capture["spatialEntities"]
    if not isinstance(entities, list) or not len(entities) <= _MAX_ENTITIES:
        raise ValueError(f"spatialEntities is no list of up to {_MAX_ENTITIES:,} entries")
    return [entity for entity in entities if isinstance(entity["semanticLabel_META"], str)]


def _mesh(entity: dict[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices (V, 3) in file coordinates and triangles (T, 3) of the room's mesh."""
    vertices = _decoded(entity["triangleMesh_META"]["vertices"], "vertices", "<f4")
    triangles = _decoded(entity["triangleMesh_META"]["indices"], "indices", "<u4")
    rotation, position = _pose(entity)
    with np.errstate(all="ignore"):  # check_geometry reports values that are not finite
        return vertices.astype(np.float64) @ rotation.T + position, triangles.astype(np.int64)


def _decoded(text: Any, name: str, kind: str) -> NDArray[Any]:
    """Rows (n, 3) of an array in base64."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"its {name} are damaged: {error}") from error
    if not data or len(data) % 12:
        raise ValueError(f"its {name} have {len(data):,} bytes, which is no multiple of three numbers")
    return np.frombuffer(data, dtype=kind).reshape(-1, 3)


def _pose(entity: dict[str, Any]) -> _Pose:
    """Rotation (3, 3) from and position (3,) of an entity's own frame, in file coordinates."""
    pose = entity["locatable_META"]
    position = _numbers(pose["position"], "xyz")
    return Rotation.from_quat(_numbers(pose["orientation"], "xyzw")).as_matrix(), position


def _numbers(given: dict[str, Any], names: Any) -> NDArray[np.float64]:
    values = np.array([float(given[name]) for name in names])
    if not (np.abs(values) <= _MAX_M).all():  # NaN is not
        raise ValueError(f"{' '.join(names)} are {values.tolist()}")
    return values


def _region(entity: dict[str, Any]) -> Region | None:
    """The labelled plane or box of an entity, if it has one.

    A plane's own y axis points out of the room, and its rectangle lies along x and z; a box is bounded
    along all three.
    """
    plane, box = entity.get("bounded2D_META"), entity.get("bounded3D_META")
    if box is not None:
        low = _numbers(box["offset"], "xyz")
        high = low + _numbers(box["extent"], ("width", "height", "depth"))
    elif plane is not None:
        x, z = _numbers(plane["offset"], "xy")
        width, height = _numbers(plane["extent"], ("width", "height"))
        low, high = np.array([x, 0.0, z]), np.array([x + width, 0.0, z + height])
    else:
        return None
    if (high < low).any():
        raise ValueError(f"the extent of a {entity['semanticLabel_META']} is negative")
    return Region(entity["semanticLabel_META"], *_pose(entity), low, high, is_box=box is not None)
