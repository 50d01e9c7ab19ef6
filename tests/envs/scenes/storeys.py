"""Houses of several storeys joined by stairs, known by arithmetic."""

from __future__ import annotations

import trimesh

HEIGHT = 2.7  # from floor to floor
SLAB = 0.2
STEPS, TREAD, WIDTH = 15, 0.26, 1.0
SIZE = (8.0, 6.0)
FOOT = 1.5  # x where the stairs begin; they lie along the wall y = 0


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> trimesh.Trimesh:
    return trimesh.creation.box(bounds=[low, high])


def walls(z: float, height: float) -> list[trimesh.Trimesh]:
    x, y = SIZE
    return [
        box((-0.1, -0.1, z), (0, y + 0.1, z + height)),
        box((x, -0.1, z), (x + 0.1, y + 0.1, z + height)),
        box((0, -0.1, z), (x, 0, z + height)),
        box((0, y, z), (x, y + 0.1, z + height)),
    ]


def side_of_stairs(storey: int) -> tuple[float, float]:
    """y from and to of the stairs that lead up to a storey: on alternate sides, for head room."""
    return (0.0, WIDTH) if storey % 2 else (SIZE[1] - WIDTH, SIZE[1])


def slab_with_a_stairwell(storey: int) -> list[trimesh.Trimesh]:
    """An upper floor that is open above the stairs."""
    (x, y), z, (low, high) = SIZE, storey * HEIGHT, side_of_stairs(storey)
    head = FOOT + STEPS * TREAD
    beside = (WIDTH, y) if storey % 2 else (0.0, y - WIDTH)
    return [
        box((0, beside[0], z - SLAB), (x, beside[1], z)),
        box((0, low, z - SLAB), (FOOT, high, z)),
        box((head, low, z - SLAB), (x, high, z)),
    ]


def stairs(storey: int) -> list[trimesh.Trimesh]:
    """Solid steps that lead up to a storey."""
    z, (low, high) = (storey - 1) * HEIGHT, side_of_stairs(storey)
    rise = HEIGHT / STEPS
    return [
        box((FOOT + k * TREAD, low, z), (FOOT + (k + 1) * TREAD, high, z + (k + 1) * rise))
        for k in range(STEPS)
    ]


def house(storeys: int = 2) -> trimesh.Trimesh:
    """Storeys of 8 m x 6 m above each other, the lowest floor at z = 0."""
    parts = [box((0, 0, -SLAB), (*SIZE, 0))]
    for storey in range(storeys):
        parts += walls(storey * HEIGHT, HEIGHT)
        if storey:
            parts += slab_with_a_stairwell(storey)
            parts += stairs(storey)
    return trimesh.util.concatenate(parts)
