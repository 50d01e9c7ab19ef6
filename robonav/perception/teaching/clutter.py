"""Clutter of any shape and colour for the scenes that the predictor is taught on.

The procedural houses have a dozen designs of furniture: a predictor that knows no others misreads a
warehouse's racks, a shop's glass doors and lines on a floor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from robonav.envs.scenes.scene import FreeSpace, Scene
from robonav.perception.teaching.targets import OBSTACLE_M

_MOST_THINGS = 80
_DENSEST = 0.35  # things per square metre of free floor
_AGENT_M = 0.2  # radius that it keeps free of them
_FLAT_M = 0.004  # height of what is painted on the floor
_UNLIT = 0.5  # of the worlds, as in scans
_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=float)
# Triangles of a box's six faces (-x, +x, -y, +y, bottom, top), counter-clockwise seen from outside.
_FACES = np.array([[3, 1, 0, 2], [5, 7, 6, 4], [1, 5, 4, 0], [7, 3, 2, 6], [0, 4, 6, 2], [3, 7, 5, 1]])
_TRIANGLES = _FACES[:, [[0, 2, 1], [0, 3, 2]]].reshape(12, 3)
_SHADES = np.array([0.72, 0.88, 0.8, 0.94, 0.55, 1.0])
Rng = np.random.Generator
Boxes = list[tuple[float, float, float, float, float, float]]


@dataclass(frozen=True)
class Thing:
    """One thing, in a frame of its own that stands on the floor.

    Attributes:
        boxes: (B, 6) x0 y0 z0 x1 y1 z1, metres.
        paints: (B,) which of its paints each box has.
    """

    boxes: NDArray[np.float64]
    paints: NDArray[np.int64]


def _thing(boxes: Boxes, paints: list[int]) -> Thing:
    return Thing(np.array(boxes, dtype=float), np.array(paints))


def _cartons(rng: Rng) -> Thing:
    """A pile of boxes, or one block of any size."""
    width, depth = rng.uniform(0.15, 1.4, 2)
    boxes: Boxes = []
    z = 0.0
    for _ in range(rng.integers(1, 5)):
        height = rng.uniform(0.08, 0.9)
        boxes.append((-width / 2, -depth / 2, z, width / 2, depth / 2, z + height))
        z += height
        width, depth = (width, depth) * rng.uniform(0.7, 1.05, 2)
    return _thing(boxes, rng.integers(0, 3, len(boxes)).tolist())


def _posts(width: float, depth: float, height: float, thick: float) -> Boxes:
    return [
        (x, y, 0.0, x + thick, y + thick, height)
        for x in (-width / 2, width / 2 - thick)
        for y in (-depth / 2, depth / 2 - thick)
    ]


def _rack(rng: Rng) -> Thing:
    """Boards on posts, with or without goods."""
    width, depth, height = rng.uniform(0.6, 4.0), rng.uniform(0.3, 1.2), rng.uniform(0.8, 3.0)
    boxes = _posts(width, depth, height, rng.uniform(0.02, 0.1))
    paints = [0] * len(boxes)
    boards = np.linspace(rng.uniform(0.1, 0.9), height, rng.integers(2, 5))
    thick, filled = rng.uniform(0.02, 0.15), rng.random()
    for z in boards.tolist():
        boxes.append((-width / 2, -depth / 2, z - thick, width / 2, depth / 2, z))
        paints.append(1)
        for x in np.arange(-width / 2, width / 2 - 0.3, rng.uniform(0.3, 0.8)).tolist():
            if rng.random() < filled:
                size = rng.uniform(0.1, 0.3)
                boxes.append((x, -depth / 2, z, x + size, depth / 2, z + rng.uniform(0.1, 0.4)))
                paints.append(2)
    return _thing(boxes, paints)


def _table(rng: Rng) -> Thing:
    """A slab on four legs or on one."""
    width, depth, height = rng.uniform(0.3, 2.2), rng.uniform(0.3, 1.0), rng.uniform(0.35, 1.1)
    thick, slab = rng.uniform(0.015, 0.08), rng.uniform(0.02, 0.12)
    legs = _posts(width, depth, height, thick)
    if rng.random() < 0.3:
        legs = [(-thick, -thick, 0.0, thick, thick, height)]
    top = (-width / 2, -depth / 2, height - slab, width / 2, depth / 2, height)
    return _thing([*legs, top], [0] * len(legs) + [1])


def _pole(rng: Rng) -> Thing:
    half, height = rng.uniform(0.01, 0.25) / 2, rng.uniform(0.5, 2.8)
    return _thing([(-half, -half, 0.0, half, half, height)], [0])


def _panel(rng: Rng) -> Thing:
    """A partition, or a wall."""
    half, thick, height = rng.uniform(0.5, 5.0) / 2, rng.uniform(0.02, 0.3), rng.uniform(0.6, 2.7)
    return _thing([(-half, -thick / 2, 0.0, half, thick / 2, height)], [0])


def _lattice(rng: Rng) -> Thing:
    """The frame of a glass front, or a fence: one can see through, not go through."""
    width, height, thick = rng.uniform(0.8, 4.0), rng.uniform(0.8, 2.6), rng.uniform(0.02, 0.08)
    posts = np.arange(-width / 2, width / 2, rng.uniform(0.2, 0.9)).tolist()
    rails = np.linspace(thick, height, rng.integers(2, 6)).tolist()
    boxes: Boxes = [(x, -thick / 2, 0.0, x + thick, thick / 2, height) for x in posts]
    boxes += [(-width / 2, -thick / 2, z - thick, width / 2, thick / 2, z) for z in rails]
    return _thing(boxes, [0] * len(boxes))


def _marking(rng: Rng) -> Thing:
    """A line or a patch on the floor, which is no obstacle."""
    width, depth = (
        (rng.uniform(0.5, 8.0), rng.uniform(0.03, 0.2)) if rng.random() < 0.6 else rng.uniform(0.5, 4.0, 2)
    )
    return _thing([(-width / 2, -depth / 2, 0.0, width / 2, depth / 2, _FLAT_M)], [0])


def _lanes(rng: Rng) -> Thing:
    """Parallel lines on the floor, broken or not."""
    length, thick = rng.uniform(1.0, 8.0), rng.uniform(0.03, 0.15)
    rows = np.arange(rng.integers(2, 6)) * rng.uniform(0.3, 1.5)
    dash = rng.uniform(0.1, 0.6) if rng.random() < 0.5 else length
    starts = np.arange(0.0, length, 2 * dash)
    boxes: Boxes = [(x, y, 0.0, min(x + dash, length), y + thick, _FLAT_M) for x in starts for y in rows]
    return _thing(boxes, [0] * len(boxes))


_KINDS = (_cartons, _cartons, _rack, _table, _pole, _panel, _lattice, _marking, _lanes)


def cluttered(scene: Scene, rng: Rng) -> Scene:
    """A scene with things on its floor; its free space keeps clear of them.

    Args:
        scene: A scene whose free space is known.
        rng: Draws kinds, places and number.
    """
    if scene.free_space is None:
        return scene
    density = rng.uniform(0.02, _DENSEST)
    count = min(_MOST_THINGS, 1 + int(density * scene.free_space.area_m2()))
    corners, colors, is_blocked = [], [], np.zeros(scene.free_space.islands.shape, dtype=bool)
    shades = np.where(rng.random() < _UNLIT, np.ones(6), _SHADES)
    for x, y in scene.free_space.sample(rng, count):
        thing, yaw = _KINDS[rng.integers(len(_KINDS))](rng), rng.uniform(-np.pi, np.pi)
        axes = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
        corners.append(_corners(thing, axes, (x, y, scene.free_space.floor_z)))
        colors.append(_colors(thing, shades, rng))
        _block(is_blocked, thing, axes, np.array([x, y]), scene.free_space)
    if not (scene.free_space.islands[~is_blocked] == 1).any():
        return scene
    return _joined(scene, np.concatenate(corners), np.concatenate(colors), is_blocked)


def _corners(
    thing: Thing, axes: NDArray[np.float64], foot: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Corners of the triangles, (T, 3, 3) in the world."""
    local = thing.boxes[:, None, :3] + _CORNERS * (thing.boxes[:, 3:] - thing.boxes[:, :3])[:, None]
    world = np.concatenate([local[..., :2] @ axes, local[..., 2:]], axis=-1) + foot
    return world[:, _TRIANGLES].reshape(-1, 3, 3)


def _colors(thing: Thing, shades: NDArray[np.float64], rng: Rng) -> NDArray[np.uint8]:
    """One colour (T, 3) for each triangle; near white, grey or any."""
    greys = np.stack([rng.uniform(0.8, 1.0, 3), rng.uniform(0.05, 0.8, 3)])[rng.integers(0, 2, 3), range(3)]
    paints = np.where(rng.random((3, 1)) < 0.5, greys[:, None], rng.random((3, 3)))
    shaded = paints[thing.paints, None] * shades[:, None]  # (B, 6, 3)
    return (255 * shaded).astype(np.uint8).reshape(-1, 3).repeat(2, axis=0)


def _block(
    is_blocked: NDArray[np.bool_],
    thing: Thing,
    axes: NDArray[np.float64],
    foot: NDArray[np.float64],
    space: FreeSpace,
) -> None:
    """Mark the cells (X, Y) from which an agent would touch the rectangle that a thing takes up."""
    lowest, highest = OBSTACLE_M
    in_the_way = thing.boxes[(thing.boxes[:, 2] < highest) & (thing.boxes[:, 5] > lowest)]
    if not len(in_the_way):
        return
    low, high = in_the_way[:, :2].min(axis=0) - _AGENT_M, in_the_way[:, 3:5].max(axis=0) + _AGENT_M
    reach = float(np.hypot(*np.maximum(-low, high)))
    first, last = (space.cells(foot + side * reach).clip(0, space.islands.shape) for side in (-1, 1))
    window = tuple(slice(start, end + 1) for start, end in zip(first, last, strict=True))
    cells = np.moveaxis(np.indices(is_blocked[window].shape), 0, -1) + first
    local = (space.centres(cells) - foot) @ axes.T
    is_blocked[window] |= np.all((local > low) & (local < high), axis=-1)


def _joined(
    scene: Scene, corners: NDArray[np.float64], colors: NDArray[np.uint8], is_blocked: NDArray[np.bool_]
) -> Scene:
    assert scene.free_space is not None
    first, count = len(scene.vertices), len(corners)
    triangles = first + np.arange(3 * count, dtype=np.int32).reshape(-1, 3)
    islands = np.where(is_blocked, 0, scene.free_space.islands)
    return replace(
        scene,
        vertices=np.concatenate([scene.vertices, corners.reshape(-1, 3).astype(np.float32)]),
        triangles=np.concatenate([scene.triangles, triangles]),
        corner_colors=np.concatenate([scene.corner_colors, np.repeat(colors[:, None], 3, axis=1)]),
        corner_uvs=np.concatenate([scene.corner_uvs, np.zeros((count, 3, 2), dtype=np.float32)]),
        texture_ids=np.concatenate([scene.texture_ids, np.full(count, -1, dtype=np.int32)]),
        free_space=replace(scene.free_space, islands=islands),
    )
