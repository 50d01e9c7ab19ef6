"""Furniture of boxes and cylinders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

Cylinder = tuple[float, float, float, float, float, int]  # x, y, radius, z0, z1, part


class Box(NamedTuple):
    """A box of a piece, metres.

    `part` is the material: 0 = main, 1 = second, 2 = a front, book spines or the like. `hidden` names the
    faces that other boxes cover, to save triangles: letters of "lrbfdu" (left, right, back, front, down, up).
    """

    x0: float
    y0: float
    z0: float
    x1: float
    y1: float
    z1: float
    part: int = 0
    hidden: str = ""


@dataclass
class Piece:
    """One piece of furniture in its own frame: back at y = -depth / 2, centred, standing on z = 0.

    Attributes:
        width: Extent along x, metres.
        depth: Extent along y, metres.
        boxes: its boxes.
        cylinders: x, y, radius, z0, z1 and part of each upright cylinder.
        blocks: Rectangles (x0, y0, x1, y1) that together cover all that an agent can touch.
        round_blocks: Circles (x, y, radius) of the same kind.
        uses: Kind of texture of each material.
        against_wall: Whether its back belongs to a wall.
    """

    width: float
    depth: float
    uses: tuple[str, str, str] = ("object", "wood", "front")
    against_wall: bool = True
    boxes: list[Box] = field(default_factory=list)
    cylinders: list[Cylinder] = field(default_factory=list)
    blocks: list[tuple[float, float, float, float]] = field(default_factory=list)
    round_blocks: list[tuple[float, float, float]] = field(default_factory=list)

    def seen_faces(self, box: Box) -> list[bool]:
        """Mask of the visible faces (left, right, back, front, down, up) of a box."""
        hidden = set(box.hidden)
        if box.z0 == 0:
            hidden.add("d")
        if self.against_wall and box.y0 == -self.depth / 2:
            hidden.add("b")
        return [name not in hidden for name in "lrbfdu"]

    def solid(self) -> Piece:
        """Block the whole rectangle of the piece, and return it."""
        self.blocks.append((-self.width / 2, -self.depth / 2, self.width / 2, self.depth / 2))
        return self


Rng = np.random.Generator


def _legs(w: float, d: float, z: float, thick: float) -> list[Box]:
    xs, ys = (-w / 2, w / 2 - thick), (-d / 2, d / 2 - thick)
    return [Box(x, y, 0, x + thick, y + thick, z, 1, "u") for x in xs for y in ys]


def table(rng: Rng) -> Piece:
    """A dining table, a desk or a low table on four legs."""
    w, d = rng.uniform(0.8, 1.9), rng.uniform(0.6, 0.95)
    z, top = 0.45 if rng.random() < 0.3 else 0.75, rng.uniform(0.03, 0.07)
    piece = Piece(w, d, against_wall=rng.random() < 0.4)
    piece.boxes = [Box(-w / 2, -d / 2, z - top, w / 2, d / 2, z), *_legs(w, d, z - top, 0.06)]
    return piece.solid()


def round_table(rng: Rng) -> Piece:
    """A round top on a column."""
    r, z = rng.uniform(0.35, 0.65), 0.5 + 0.25 * int(rng.integers(3))
    piece = Piece(2 * r, 2 * r, against_wall=False, round_blocks=[(0, 0, r)])
    piece.cylinders = [(0, 0, r, z - 0.05, z, 0), (0, 0, 0.07, 0.0, z - 0.05, 1)]
    return piece


def chair(rng: Rng) -> Piece:
    """A seat with a back on four legs."""
    w, z = rng.uniform(0.4, 0.5), 0.45
    piece = Piece(w, w, ("fabric", "wood", "front"), against_wall=rng.random() < 0.5)
    piece.boxes = [Box(-w / 2, -w / 2, z - 0.06, w / 2, w / 2, z), *_legs(w, w, z - 0.06, 0.05)]
    piece.boxes.append(Box(-w / 2, -w / 2, z, w / 2, -w / 2 + 0.05, rng.uniform(0.8, 1.0), 0, "d"))
    return piece.solid()


def sofa(rng: Rng) -> Piece:
    """A sofa with arms, or an armchair."""
    w, d, arm = (0.95, 1.6, 2.1)[rng.integers(3)], rng.uniform(0.8, 0.95), 0.18
    piece = Piece(w, d, ("fabric", "fabric", "fabric"), against_wall=rng.random() < 0.75)
    x0, y0, x1, y1, back = -w / 2, -d / 2, w / 2, d / 2, rng.uniform(0.7, 0.95)
    piece.boxes = [
        Box(x0 + arm, y0 + 0.2, 0, x1 - arm, y1 - 0.03, 0.42, 1, "lrb"),
        Box(x0 + arm, y0, 0, x1 - arm, y0 + 0.2, back, 0),
        Box(x0, y0, 0, x0 + arm, y1, 0.6, 0),
        Box(x1 - arm, y0, 0, x1, y1, 0.6, 0),
    ]
    return piece.solid()


def corner_sofa(rng: Rng) -> Piece:
    """An L of two seats with backs; the inner corner stays free."""
    w, d, deep, back = rng.uniform(1.9, 2.6), rng.uniform(1.5, 2.1), 0.85, 0.2
    z = rng.uniform(0.7, 0.9)
    piece = Piece(w, d, ("fabric", "fabric", "fabric"))
    x0, y0, x1, y1 = -w / 2, -d / 2, w / 2, d / 2
    piece.boxes = [
        Box(x0, y0, 0, x1, y0 + back, z, 0),
        Box(x0, y0 + back, 0, x0 + back, y1, z, 0, "b"),
        Box(x0 + back, y0 + back, 0, x1, y0 + deep, 0.42, 1, "lb"),
        Box(x0 + back, y0 + deep, 0, x0 + deep, y1, 0.42, 1, "lb"),
    ]
    piece.blocks = [(x0, y0, x1, y0 + deep), (x0, y0, x0 + deep, y1)]
    return piece


def bed(rng: Rng) -> Piece:
    """A mattress on a frame, a headboard, pillows."""
    w, d, z = (0.95, 1.45, 1.85)[rng.integers(3)], rng.uniform(1.95, 2.15), rng.uniform(0.4, 0.6)
    piece = Piece(w, d, ("fabric", "wood", "fabric"))
    x0, y0, x1, y1 = -w / 2, -d / 2, w / 2, d / 2
    piece.boxes = [
        Box(x0, y0, 0, x1, y0 + 0.06, rng.uniform(0.8, 1.3), 1),
        Box(x0, y0 + 0.06, 0, x1, y1, z - 0.18, 1, "b"),
        Box(x0 + 0.03, y0 + 0.06, z - 0.18, x1 - 0.03, y1 - 0.03, z, 0, "bd"),
        Box(x0 + 0.12, y0 + 0.12, z, x1 - 0.12, y0 + 0.5, z + 0.12, 2, "bd"),
    ]
    return piece.solid()


def cabinet(rng: Rng) -> Piece:
    """A cupboard, wardrobe, sideboard or chest of drawers with painted fronts."""
    w, d = rng.uniform(0.6, 1.8), rng.uniform(0.38, 0.62)
    z = (0.75, 0.9, 1.2, 1.9, 2.1)[rng.integers(5)]
    piece = Piece(w, d)
    x0, y0, x1, y1 = -w / 2, -d / 2, w / 2, d / 2
    piece.boxes = [Box(x0, y0, 0, x1, y1, z, 0, "f"), Box(x0, y1 - 0.02, 0, x1, y1, z, 2, "lrbu")]
    return piece.solid()


def bookshelf(rng: Rng) -> Piece:
    """Boards with rows of books between them, on a wall."""
    w, d, rows = rng.uniform(0.7, 1.6), rng.uniform(0.26, 0.36), int(rng.integers(2, 6))
    pitch, board = rng.uniform(0.34, 0.42), 0.03
    z = 0.06 + rows * pitch
    piece = Piece(w, d, ("wood", "wood", "books"))
    x0, y0, x1, y1 = -w / 2, -d / 2, w / 2, d / 2
    piece.boxes = [Box(x0, y0, 0, x0 + board, y1, z), Box(x1 - board, y0, 0, x1, y1, z)]
    piece.boxes.append(Box(x0 + board, y0, z - board, x1 - board, y1, z, 0, "lr"))
    for k in range(rows):
        low = 0.06 + k * pitch
        piece.boxes.append(Box(x0 + board, y0, low - board, x1 - board, y1, low, 0, "lrd" if k < 3 else "lr"))
        if rng.random() < 0.85:
            high = low + pitch - board - 0.04
            piece.boxes.append(
                Box(x0 + board, y0, low, x1 - board, y1 - 0.06, high, 2, "lrd" + "u" * (k > 2))
            )
    return piece.solid()


def counter(rng: Rng) -> Piece:
    """A kitchen counter with a worktop, often with wall cupboards over it."""
    w, d = rng.uniform(1.2, 3.0), 0.62
    piece = Piece(w, d)
    x0, y0, x1, y1 = -w / 2, -d / 2, w / 2, d / 2
    piece.boxes = [Box(x0, y0, 0, x1, y1 - 0.04, 0.86, 2, "u"), Box(x0, y0, 0.86, x1, y1, 0.9, 1)]
    if rng.random() < 0.6:
        piece.boxes.append(Box(x0, y0, 1.55, x1, y0 + 0.34, 2.1, 2))
    return piece.solid()


def column(rng: Rng) -> Piece:
    """A pillar from floor to ceiling; placing cuts it at the ceiling."""
    r = rng.uniform(0.14, 0.26)
    piece = Piece(2 * r, 2 * r, ("wall", "wood", "front"), against_wall=False)
    if rng.random() < 0.5:
        piece.boxes = [Box(-r, -r, 0, r, r, np.inf, 0, "u")]
        return piece.solid()
    piece.cylinders, piece.round_blocks = [(0, 0, r, 0, np.inf, 0)], [(0, 0, r)]
    return piece


def crate(rng: Rng) -> Piece:
    """A box, or a stack of two."""
    w, d, z = rng.uniform(0.35, 0.9), rng.uniform(0.35, 0.8), rng.uniform(0.3, 0.9)
    piece = Piece(w, d, ("object", "object", "front"), against_wall=rng.random() < 0.5)
    x0, y0, x1, y1 = -w / 2, -d / 2, w / 2, d / 2
    piece.boxes = [Box(x0, y0, 0, x1, y1, z)]
    if rng.random() < 0.4:
        high = z + rng.uniform(0.2, 0.6)
        piece.boxes.append(Box(x0 + 0.05, y0 + 0.04, z, x1 - 0.1, y1 - 0.08, high, 1, "d"))
    return piece.solid()


def barrel(rng: Rng) -> Piece:
    """A drum, a bin or a stool."""
    r, z = rng.uniform(0.16, 0.4), rng.uniform(0.4, 1.0)
    piece = Piece(2 * r, 2 * r, ("object", "object", "object"), against_wall=rng.random() < 0.5)
    piece.cylinders, piece.round_blocks = [(0, 0, r, 0, z, 0)], [(0, 0, r)]
    return piece


def plant(rng: Rng) -> Piece:
    """A pot with a bush of leaves on a stem."""
    r, z = rng.uniform(0.14, 0.22), rng.uniform(0.8, 1.6)
    crown = r * rng.uniform(1.2, 1.7)
    piece = Piece(2 * crown, 2 * crown, ("object", "wood", "plant"), against_wall=rng.random() < 0.7)
    piece.cylinders = [(0, 0, r, 0, 0.35, 0), (0, 0, 0.03, 0.35, z - 0.4, 1), (0, 0, crown, z - 0.4, z, 2)]
    piece.round_blocks = [(0, 0, crown)]
    return piece


def bathtub(rng: Rng) -> Piece:
    """A white tub with a rim."""
    w, d, z, rim = rng.uniform(1.5, 1.8), rng.uniform(0.7, 0.85), 0.55, 0.08
    piece = Piece(w, d, ("white", "white", "white"))
    x0, y0, x1, y1 = -w / 2, -d / 2, w / 2, d / 2
    piece.boxes = [
        Box(x0, y0, 0, x1, y0 + rim, z),
        Box(x0, y1 - rim, 0, x1, y1, z),
        Box(x0, y0 + rim, 0, x0 + rim, y1 - rim, z, 0, "bf"),
        Box(x1 - rim, y0 + rim, 0, x1, y1 - rim, z, 0, "bf"),
        Box(x0 + rim, y0 + rim, 0, x1 - rim, y1 - rim, 0.15, 0, "lrbf"),
    ]
    return piece.solid()


def basin(rng: Rng) -> Piece:
    """A wash-basin on a foot, or a toilet with its cistern."""
    w, d = rng.uniform(0.4, 0.6), rng.uniform(0.42, 0.6)
    piece = Piece(w, d, ("white", "white", "white"))
    x0, y0, x1, y1 = -w / 2, -d / 2, w / 2, d / 2
    if rng.random() < 0.5:
        piece.boxes = [Box(x0, y0, 0.7, x1, y1, 0.88), Box(-0.1, y0, 0, 0.1, 0, 0.7, 0, "u")]
    else:
        piece.boxes = [
            Box(x0, y0, 0, x1, y0 + 0.18, 0.8),
            Box(x0 + 0.04, y0 + 0.18, 0, x1 - 0.04, y1, 0.42, 0, "b"),
        ]
    return piece.solid()


Designer = Callable[[Rng], Piece]
# What a room holds: pieces in order of importance (first tried first), then what fills it up.
PROGRAMMES: dict[str, tuple[tuple[Designer, ...], tuple[Designer, ...]]] = {
    "bedroom": ((bed, cabinet), (chair, table, bookshelf, plant, crate, sofa)),
    "living": ((sofa, table, bookshelf), (corner_sofa, plant, cabinet, chair, round_table, sofa, barrel)),
    "lounge": ((corner_sofa, round_table), (plant, cabinet, chair, sofa, bookshelf, column)),
    "kitchen": ((counter, counter), (table, chair, chair, cabinet, round_table, barrel)),
    "dining": ((table, chair, chair, chair), (cabinet, plant, chair, round_table)),
    "office": ((table, chair, bookshelf), (table, chair, bookshelf, cabinet, plant, barrel)),
    "library": ((bookshelf, bookshelf, bookshelf), (bookshelf, table, chair, sofa)),
    "store": ((crate, crate, bookshelf), (crate, barrel, barrel, cabinet, column)),
    "bath": ((bathtub, basin, basin), (cabinet, barrel)),
    "hall": ((), (plant, cabinet, column, crate, chair)),
}
NARROW: tuple[Designer, ...] = (plant, cabinet, bookshelf, barrel, basin)
