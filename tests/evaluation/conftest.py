"""Small worlds whose surface is known in closed form."""

from __future__ import annotations

import pytest

from robonav.envs.scenes.scene import Scene
from tests.evaluation.rooms import box, free_space_around, scene_of


@pytest.fixture(scope="session")
def cabinet_room() -> Scene:
    """A 5 x 4 x 2.5 m room with a closed 1 x 1 x 1 m cabinet: its bottom and the floor below are hidden."""
    cabinet = (2.0, 1.5, 3.0, 2.5)
    meshes = [box((0, 0, 0), (5, 4, 2.5)), box((2, 1.5, 0), (3, 2.5, 1))]
    return scene_of("cabinet-room", meshes, free_space_around((5, 4), [cabinet]))


@pytest.fixture(scope="session")
def two_rooms() -> Scene:
    """Two 4 x 4 m rooms joined by a 1 m door in a 10 cm wall."""
    walls = [(3.95, 0.0, 4.05, 1.5), (3.95, 2.5, 4.05, 4.0)]
    meshes = [box((0, 0, 0), (8, 4, 2.5)), *(box((x0, y0, 0), (x1, y1, 2.5)) for x0, y0, x1, y1 in walls)]
    return scene_of("two-rooms", meshes, free_space_around((8, 4), walls))
