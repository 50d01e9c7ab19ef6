"""Small worlds whose surface is known in closed form."""

from __future__ import annotations

import numpy as np
import trimesh

from robonav.envs.scenes.scene import FreeSpace, Scene

RADIUS_M = 0.18


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> trimesh.Trimesh:
    return trimesh.creation.box(bounds=np.array([low, high]))


def scene_of(name: str, meshes: list[trimesh.Trimesh], free_space: FreeSpace) -> Scene:
    mesh = trimesh.util.concatenate(meshes)
    count = len(mesh.faces)
    return Scene(
        scene_id=name,
        vertices=np.asarray(mesh.vertices, dtype=np.float32),
        triangles=np.asarray(mesh.faces, dtype=np.int32),
        corner_colors=np.full((count, 3, 3), 180, dtype=np.uint8),
        corner_uvs=np.zeros((count, 3, 2), dtype=np.float32),
        texture_ids=np.full(count, -1, dtype=np.int32),
        free_space=free_space,
    )


def free_space_around(
    size: tuple[float, float], boxes: list[tuple[float, float, float, float]] | None = None
) -> FreeSpace:
    """Cells whose centre keeps the agent's radius from the outer walls and from boxes (x0 y0 x1 y1)."""
    cell = 0.05
    x, y = (np.arange(round(side / cell)) * cell + cell / 2 for side in size)
    X, Y = np.meshgrid(x, y, indexing="ij")
    free = np.minimum.reduce([X, Y, size[0] - X, size[1] - Y]) > RADIUS_M
    for x0, y0, x1, y1 in boxes or []:
        away = np.hypot(
            np.maximum.reduce([x0 - X, X - x1, 0 * X]), np.maximum.reduce([y0 - Y, Y - y1, 0 * Y])
        )
        free &= away > RADIUS_M
    return FreeSpace(free.astype(np.int32), (0.0, 0.0), 0.0, cell)


class OneScene:
    """A scene set of one scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene_ids = [scene.scene_id]
        self._scene = scene

    def load(self, scene_id: str) -> Scene:
        assert scene_id == self._scene.scene_id
        return self._scene
