"""Small made-up floor plans and room scans in the files of their kinds."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
import yaml
from numpy.typing import NDArray
from PIL import Image

Mask = NDArray[np.bool_]


def two_rooms(resolution: float = 0.05) -> Mask:
    """Free floor (rows from the top, columns) of 8 m x 4 m: a wall at 5 m with a door of 0.9 m, and a box.

    Walls are one cell thick; the box is 0.6 m square, centred 1.5 m from the left and the lower wall.
    """
    cell = 1 / resolution
    free = np.zeros((round(4 * cell) + 2, round(8 * cell) + 2), dtype=bool)
    free[1:-1, 1:-1] = True
    wall = round(5 * cell)
    free[:, wall] = False
    free[round(2 * cell) : round(2.9 * cell), wall] = True
    top, left = free.shape[0] - round(1.8 * cell), round(1.2 * cell)
    free[top : top + round(0.6 * cell), left : left + round(0.6 * cell)] = False
    return free


def write_map(folder: Path, free: Mask, picture: str = "map.pgm", **settings: Any) -> Path:
    """A map of ROS map_server: free pixels are 254, occupied ones 0."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.where(free, 254, 0).astype(np.uint8)).save(folder / picture)
    given = {"image": picture, "resolution": 0.05, "origin": [0.0, 0.0, 0.0], "negate": 0}
    given |= {"occupied_thresh": 0.65, "free_thresh": 0.196} | settings
    (folder / "map.yaml").write_text(yaml.safe_dump(given))
    return folder / "map.yaml"


def write_gibson_floors(folder: Path, grids: dict[str, Mask]) -> Path:
    """Grids of agent centres, one floor a building, each with its first cell at Habitat's x = 1, z = 2."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, grid in grids.items():
        np.save(folder / f"{name}_f0.npy", grid.astype(np.uint8))
    index = {name: [{"y": 0.0, "origin_xz": [1.0, 2.0], "shape": list(g.shape)}] for name, g in grids.items()}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def write_kth_plan(folder: Path, free: Mask) -> Path:
    """A drawing: 254 is no wall; rooms are numbered, but the doorway between them is not."""
    folder.mkdir(parents=True)
    rooms = np.where(free, 1, 0)
    rooms[:, round(5 / 0.05)] = 0
    np.save(folder / "occ_map.npy", np.where(free, 254, 0).astype(np.uint8))
    np.save(folder / "valid_space.npy", rooms.astype(np.uint8))
    return folder


def room_capture(size: tuple[float, float, float] = (5.0, 2.5, 4.0), bulge: float = 0.0) -> dict[str, Any]:
    """A capture of a box-shaped room (x, y up, z) with a table in it, seen from inside.

    Args:
        size: Extents in metres; the floor is at y = 0 and its middle at the origin.
        bulge: By how much the middle of the +x wall stands out, metres.
    """
    room = trimesh.creation.box(extents=size)
    room.apply_translation([0, size[1] / 2, 0])
    room.invert()
    room = room.subdivide().subdivide().subdivide().subdivide()
    outward = np.isclose(room.vertices[:, 0], size[0] / 2)
    inner = outward & (np.abs(room.vertices[:, 2]) < size[2] / 2 - 0.1) & (room.vertices[:, 1] > 0.2)
    room.vertices[inner & (room.vertices[:, 1] < size[1] - 0.2), 0] -= bulge
    table = trimesh.creation.box(extents=[1.2, 0.7, 0.8])
    table.apply_translation([0, 0.4, -1.2])
    mesh = trimesh.util.concatenate([room, table.subdivide()])
    planes = {  # quaternions turn y to where each plane's outside is
        "FLOOR": ([1.0, 0, 0, 0], [0, 0, 0], (size[0], size[2])),
        "CEILING": ([0, 0, 0, 1.0], [0, size[1], 0], (size[0], size[2])),
        "WALL_FACE": ([0, 0, -(0.5**0.5), 0.5**0.5], [size[0] / 2, size[1] / 2, 0], (size[1], size[2])),
    }
    entities: list[dict[str, Any]] = [
        _entity(label, turn, at)
        | {
            "bounded2D_META": {
                "offset": {"x": -width / 2, "y": -height / 2},
                "extent": {"width": width, "height": height},
            }
        }
        for label, (turn, at, (width, height)) in planes.items()
    ]
    box = {
        "offset": {"x": -0.6, "y": 0.0, "z": -0.4},
        "extent": {"width": 1.2, "height": 0.75, "depth": 0.8},
    }
    entities.append(_entity("TABLE", [0, 0, 0, 1.0], [0, 0, -1.2]) | {"bounded3D_META": box})
    arrays = {"vertices": mesh.vertices.astype("<f4"), "indices": mesh.faces.astype("<u4")}
    coded = {name: base64.b64encode(array.tobytes()).decode() for name, array in arrays.items()}
    entities.append(_entity("GLOBAL_MESH", [0, 0, 0, 1.0], [0, 0, 0]) | {"triangleMesh_META": coded})
    return {"type": "scene", "version": 1, "spatialEntities": entities}


def _entity(label: str, turn: list[float], at: list[float]) -> dict[str, Any]:
    pose = {
        "orientation": dict(zip("xyzw", turn, strict=True)),
        "position": dict(zip("xyz", at, strict=True)),
    }
    return {"uuid": label, "semanticLabel_META": label, "locatable_META": pose}


def write_scan(path: Path, capture: dict[str, Any]) -> Path:
    """A capture as the headset exports it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(capture))
    return path
