"""Mesh files of a reconstruction."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray


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
        ValueError: The suffix is another one, or the mesh has no triangle.
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
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    return path
