"""A room that is known exactly: 6 m x 4 m x 2.5 m, every face of another colour, free space by arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import trimesh

from robonav.envs.scenes.scene import FreeSpace, Scene

SIZE = np.array([6.0, 4.0, 2.5])
RADIUS = 0.18


def box_room(scene_id: str = "box", shade: int = 0) -> Scene:
    """The room with its corner at the origin, seen from inside."""
    box = trimesh.creation.box(extents=SIZE)
    box.apply_translation(SIZE / 2)
    box.invert()
    colors = np.array(
        [[200, 60, 60], [60, 200, 60], [60, 60, 200], [200, 200, 60], [60, 200, 200], [200, 60, 200]]
    )
    normal = np.round(box.face_normals).astype(int)
    side = np.argmax(np.abs(normal), axis=1) * 2 + (normal.sum(axis=1) > 0)
    corner_colors = np.repeat(colors[side][:, None], 3, axis=1).astype(np.uint8) - np.uint8(shade)
    faces = len(box.faces)
    return Scene(
        scene_id=scene_id,
        vertices=box.vertices.astype(np.float32),
        triangles=box.faces.astype(np.int32),
        corner_colors=corner_colors,
        corner_uvs=np.zeros((faces, 3, 2), np.float32),
        texture_ids=np.full(faces, -1, np.int32),
        free_space=room_floor(),
    )


def room_floor() -> FreeSpace:
    """Cells whose centre keeps the agent's radius from every wall."""
    centres = [(np.arange(int(side / 0.05)) + 0.5) * 0.05 for side in SIZE[:2]]
    inside = [(c >= RADIUS) & (c <= side - RADIUS) for c, side in zip(centres, SIZE[:2], strict=True)]
    islands = np.logical_and.outer(*inside).astype(np.int32)
    return FreeSpace(islands, (0.0, 0.0), 0.0)


class Rooms:
    """A scene set of such rooms."""

    def __init__(self, count: int = 3) -> None:
        self.scene_ids: Sequence[str] = [f"room-{i}" for i in range(count)]

    def load(self, scene_id: str) -> Scene:
        return box_room(scene_id, shade=20 * int(scene_id.split("-")[1]))
