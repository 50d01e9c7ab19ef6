"""Warehouses that come with robonav: `simple`, `complex` and `site`, a new one for each seed."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from robonav.envs.scenes.scene import SceneError
from robonav.envs.warehouse.layout import Lane, Station, UprightBox, WarehouseLayout

_DECK_M, _RACK_TOP_M = 0.35, 2.0  # height of the lowest shelf, and of a rack
_POST_M = 0.1
_BAY_M = (2.7, 1.1)  # of a pallet rack


def simple(name: str, rng: np.random.Generator) -> WarehouseLayout:
    """A hall of 10 × 10 m with two to four things in it."""
    blocks: list[UprightBox] = []
    wanted = rng.integers(2, 5)
    while len(blocks) < wanted:
        length, width = rng.uniform(0.8, 2.5, 2)
        x, y = rng.uniform(2.0, 8.0, 2)
        new = UprightBox(x, y, length, width, rng.uniform(0, math.pi))
        if all(math.hypot(x - other.x, y - other.y) > 3.2 for other in blocks):
            blocks.append(new)
    return WarehouseLayout(name, (10.0, 10.0), blocks)


def rack(x: float, y: float, bays: int, along_x: bool = True) -> list[UprightBox]:
    """A row of bays on posts, its centre at x, y: low vehicles pass below the lowest shelf."""
    length, depth = _BAY_M[0] * bays, _BAY_M[1]
    yaw = 0.0 if along_x else math.pi / 2
    c, s = math.cos(yaw), math.sin(yaw)
    posts = [
        (along, across)
        for along in np.linspace(-length / 2 + _POST_M / 2, length / 2 - _POST_M / 2, bays + 1)
        for across in (-depth / 2 + _POST_M / 2, depth / 2 - _POST_M / 2)
    ]
    deck = UprightBox(x, y, length, depth, yaw, _DECK_M, _RACK_TOP_M)
    return [
        deck,
        *(
            UprightBox(x + c * a - s * b, y + s * a + c * b, _POST_M, _POST_M, yaw, 0.0, _DECK_M)
            for a, b in posts
        ),
    ]


def complex_racks(name: str, rng: np.random.Generator) -> WarehouseLayout:
    """A hall of 20 × 14 m with three rows of four racks, some of which are missing or shifted."""
    blocks: list[UprightBox] = []
    for y in (3.2, 7.0, 10.8):
        for x in (3.4, 7.8, 12.2, 16.6):
            if rng.random() < 0.1:
                continue
            dx, dy = rng.uniform(-0.3, 0.3, 2)
            length = rng.uniform(2.2, 3.2)
            blocks.append(UprightBox(x + dx, y + dy, length, rng.uniform(0.9, 1.3)))
    return WarehouseLayout(name, (20.0, 14.0), blocks)


def site(name: str, rng: np.random.Generator) -> WarehouseLayout:
    """A site of 40 × 25 m: aisles of 1.6, 2.4 and 3.2 m between racks, docks, chargers, a one-way loop.

    Racks stand in two halves with a cross-aisle of 3 m between them; the widths of the aisles are drawn in
    a new order, and single bays are filled from the floor up.
    """
    halves = {"west": 10.9, "east": 27.1}  # x of their centres; five bays of 2.7 m each
    widths = rng.permutation([1.6, 2.4, 2.4, 3.2])
    blocks: list[UprightBox] = []
    aisles, y = [], 4.0
    for width in (*widths, None):
        for x in halves.values():
            blocks += rack(x, y + _BAY_M[1] / 2, 5)
            if rng.random() < 0.5:  # a pallet that stands on the floor below
                at = x + _BAY_M[0] * int(rng.integers(-2, 3))
                blocks.append(UprightBox(at, y + _BAY_M[1] / 2, 1.2, 0.8, 0.0, 0.0, 1.2))
        y += _BAY_M[1]
        if width is not None:
            aisles.append((y + width / 2, float(width)))
            y += width
    south, north = 2.0, (y + 25.0) / 2
    nodes, lanes = _lane_graph(aisles, south, north)
    docks = [Station(f"dock{i + 1}", "dock", (6.0 + 8.0 * i, 24.0, math.pi / 2)) for i in range(4)]
    chargers = [Station(f"charger{i + 1}", "charger", (38.8, 4.0 + 2.0 * i, 0.0)) for i in range(3)]
    bays = [
        Station(f"bay{i + 1}{half[0]}", "bay", (x, at, 0.0))
        for i, (at, _) in enumerate(aisles)
        for half, x in halves.items()
    ]
    return WarehouseLayout(
        name, (40.0, 25.0), blocks, stations=[*docks, *chargers, *bays], nodes=nodes, lanes=lanes
    )


def _lane_graph(
    aisles: list[tuple[float, float]], south: float, north: float
) -> tuple[dict[str, tuple[float, float]], list[Lane]]:
    """A one-way loop around the racks, counter-clockwise, the cross-aisle, and a lane in each aisle."""
    columns = {"w": 2.0, "m": 19.0, "e": 36.5}
    rows = {"s": south, **{f"a{i + 1}": at for i, (at, _) in enumerate(aisles)}, "n": north}
    nodes = {f"{row}-{column}": (x, y) for row, y in rows.items() for column, x in columns.items()}
    names = list(rows)
    lanes = [Lane(f"{a}-e", f"{b}-e", True, 3.0) for a, b in pairwise(names)]
    lanes += [Lane(f"{b}-w", f"{a}-w", True, 3.0) for a, b in pairwise(names)]
    lanes += [Lane(f"{a}-m", f"{b}-m", False, 3.0, 1.0) for a, b in pairwise(names)]
    lanes += [Lane("s-w", "s-m", True, 3.0), Lane("s-m", "s-e", True, 3.0)]
    lanes += [Lane("n-e", "n-m", True, 3.0), Lane("n-m", "n-w", True, 3.0)]
    for i, (_, width) in enumerate(aisles):
        one_way = width < 2.0  # two vehicles do not pass each other there
        lanes += [
            Lane(f"a{i + 1}-{a}", f"a{i + 1}-{b}", one_way, width, 1.0) for a, b in (("w", "m"), ("m", "e"))
        ]
    return nodes, lanes


KINDS = {"simple": simple, "complex": complex_racks, "site": site}
_SPLITS = {"train": 0, "val": 1}


def make_layout(kind: str, split: str, number: int) -> WarehouseLayout:
    """The warehouse of a kind, a split and a number: the same everywhere, and none of the other split's.

    Raises:
        SceneError: There is no such kind or split.
    """
    if kind not in KINDS:
        raise SceneError(f"there is no warehouse {kind!r}: choose one of {', '.join(KINDS)}")
    if split not in _SPLITS:
        raise SceneError(f"warehouses have no split {split!r}: choose train or val")
    rng = np.random.default_rng([list(KINDS).index(kind), _SPLITS[split], number])
    return KINDS[kind](f"{kind}/{split}-{number:03}", rng)
