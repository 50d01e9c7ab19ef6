"""Exports for other programs: meshes of a reconstruction, maps for Nav2."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import trimesh
import yaml
from numpy.typing import NDArray

from robonav.maps.occupancy import FREE, OCCUPIED, UNKNOWN, OccupancyGrid


def write_mesh(
    path: str | Path,
    vertices: NDArray[np.floating],
    triangles: NDArray[np.integer],
    colors: NDArray[np.uint8] | None = None,
) -> Path:
    """Write a coloured triangle mesh; the file appears whole or not at all.

    A `.glb` is written y-up as glTF demands, a `.ply` in the world frame (z up).

    Args:
        path: File that ends in `.ply` or `.glb`.
        vertices: (V, 3) metres, world frame.
        triangles: (F, 3) vertex indices.
        colors: (V, 3) RGB, or None.

    Returns:
        The path that was written.

    Raises:
        ValueError: The suffix is neither `.ply` nor `.glb`, or the mesh has no triangle.
    """
    path = Path(path)
    if path.suffix.lower() not in (".ply", ".glb"):
        raise ValueError(f"{path} ends in {path.suffix!r}, expected .ply or .glb")
    if not len(triangles):
        raise ValueError(f"{path} not written: the mesh has no triangle; integrate frames with depth first")
    mesh = trimesh.Trimesh(vertices, triangles, vertex_colors=colors, process=False)
    if path.suffix.lower() == ".glb":
        mesh.apply_transform(np.array([[0, -1, 0, 0], [0, 0, 1, 0], [-1, 0, 0, 0], [0, 0, 0, 1]], float))
    data = mesh.export(file_type=path.suffix.lower()[1:])
    assert isinstance(data, bytes)  # of both formats; others give text or a dict
    return write_whole(path, data)


# Grey values of map_saver (ROS 1 and 2): what map_server reads as free, occupied and unknown.
_GREY = {FREE: 254, OCCUPIED: 0, UNKNOWN: 205}


def save_nav2_map(folder: str | Path, grid: OccupancyGrid, name: str = "map") -> Path:
    """Write `map.yaml` and `map.pgm` as Nav2's map_saver does, cropped to the known area.

    A cell becomes a pixel, north up: map_server, and `--scenes map.yaml`, read back the same free cells.

    Args:
        folder: An existing folder.
        grid: The map.
        name: Name of both files without their suffix.

    Returns:
        The path of the .yaml file.

    Raises:
        ValueError: Nothing is known yet.
    """
    folder = Path(folder)
    known = np.argwhere(grid.cells != UNKNOWN)
    if not len(known):
        raise ValueError(f"{folder / name}.yaml not written: nothing is known yet; integrate frames first")
    low, high = known.min(axis=0), known.max(axis=0) + 1
    grey = np.array([_GREY[state] for state in range(len(_GREY))], np.uint8)
    pixels = grey[grid.cells[low[0] : high[0], low[1] : high[1]]].T[::-1]
    image = b"P5\n%d %d\n255\n" % (pixels.shape[1], pixels.shape[0]) + pixels.tobytes()
    write_whole(folder / f"{name}.pgm", image)
    x, y = (grid.origin_xy + low * grid.cell_size).tolist()
    settings = {
        "image": f"{name}.pgm",
        "mode": "trinary",
        "resolution": float(grid.cell_size),
        "origin": [x, y, 0.0],
        "negate": 0,
        "occupied_thresh": 0.65,
        "free_thresh": 0.196,
    }
    return write_whole(folder / f"{name}.yaml", yaml.safe_dump(settings, sort_keys=False).encode())


def write_whole(path: Path, data: bytes) -> Path:
    """Write a file; it appears whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    return path
