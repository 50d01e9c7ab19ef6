"""Materials, tints and light of a procedural house's rooms."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robonav.envs.scenes.procedural.layout import Room
from robonav.envs.scenes.procedural.mesh import Material
from robonav.envs.scenes.procedural.textures import TextureLibrary

Color = tuple[float, float, float]
WHITE: Color = (1.0, 1.0, 1.0)
_STRETCHED = ("books", "front", "picture", "window", "rug")


@dataclass(frozen=True)
class RoomLook:
    """Materials of one room, of its walls in the order x0, x1, y0, y1."""

    walls: tuple[Material, Material, Material, Material]
    floor: Material
    ceiling: Material


class Palette:
    """Draws materials for one house with its own taste: colourfulness, brightness, wood."""

    def __init__(self, rng: np.random.Generator, library: TextureLibrary) -> None:
        self.rng = rng
        self._library = library
        # Real interiors are mostly white and grey; a third of the houses is as colourful as can be.
        self._colourful = rng.uniform(0.35, 1.0) if rng.random() < 0.35 else rng.uniform(0.0, 0.4)
        self._white_walls = rng.uniform(0.0, 0.8)
        self._wood_hue, self._wood_value = rng.uniform(0.04, 0.11), rng.uniform(0.35, 1.0)
        self.frame = self.material("wood", WHITE if rng.random() < 0.4 else self.wood())
        self._same_floor = self.floor() if rng.random() < 0.35 else None
        self._same_wall = self.wall() if rng.random() < 0.2 else None

    def material(self, use: str, tint: Color) -> Material:
        """A random texture for a use, in a tint."""
        ids = self._library.uses[use]
        return Material(ids[int(self.rng.integers(len(ids)))], tint, use in _STRETCHED)

    def wall(self) -> Material:
        """White or pale, sometimes strong or dark."""
        r = self.rng
        if r.random() < self._white_walls:
            return self.material("wall", colorsys.hsv_to_rgb(r.random(), 0.04, r.uniform(0.85, 1.0)))
        saturation = r.beta(1.1, 2.2) * self._colourful
        return self.material("wall", colorsys.hsv_to_rgb(r.random(), saturation, 1 - 0.6 * r.beta(1.0, 2.5)))

    def floor(self) -> Material:
        """Wood, grey or coloured."""
        r, kind = self.rng, self.rng.random()
        if kind < 0.45:
            return self.material("floor", self.wood())
        saturation = 0.06 if kind < 0.75 else r.uniform(0.1, 0.7) * self._colourful
        return self.material("floor", colorsys.hsv_to_rgb(r.random(), saturation, r.uniform(0.35, 1.0)))

    def wood(self) -> Color:
        """A brown near that of the house."""
        r = self.rng
        hue, value = self._wood_hue + r.normal(0, 0.01), self._wood_value + r.normal(0, 0.1)
        return colorsys.hsv_to_rgb(hue % 1, r.uniform(0.2, 0.6), min(max(value, 0.25), 1.0))

    def part(self, use: str) -> Material:
        """A material for a part of a piece of furniture."""
        r = self.rng
        if use == "plant":
            return self.material(
                "fabric", colorsys.hsv_to_rgb(r.uniform(0.22, 0.42), 0.7, r.uniform(0.3, 0.7))
            )
        if use == "books":
            return self.material("books", WHITE)
        if use == "white":
            return self.material("plain", (0.97, 0.97, 0.98))
        if use == "wall":
            return self.wall()
        if use == "wood" or (use != "fabric" and r.random() < 0.4):
            return self.material(use, self.wood())
        saturation, value = r.beta(1.3, 1.6) * max(self._colourful, 0.25), r.uniform(0.2, 1.0)
        return self.material(use, colorsys.hsv_to_rgb(r.random(), saturation, value))

    def room(self) -> RoomLook:
        """Materials of one room."""
        r = self.rng
        wall = self._same_wall or self.wall()
        walls = [wall] * 4
        if r.random() < 0.3:
            walls[int(r.integers(4))] = self.wall()
        ceiling = colorsys.hsv_to_rgb(r.random(), 0.02 if r.random() < 0.7 else 0.15, r.uniform(0.85, 1.0))
        tint = self.wood() if r.random() < 0.12 else ceiling
        floor = self._same_floor or self.floor()
        return RoomLook((walls[0], walls[1], walls[2], walls[3]), floor, self.material("ceiling", tint))


class Lights:
    """Light of every room, linear in x and y, so that corner colours carry it exactly.

    Args:
        rng: Source of randomness.
        rooms: The rooms of the house.
    """

    def __init__(self, rng: np.random.Generator, rooms: tuple[Room, ...]) -> None:
        exposure = rng.uniform(0.8, 1.6)
        self._balance = 1 + rng.uniform(-0.07, 0.07, 3)
        self._centre = np.array([room.centre for room in rooms])
        self._level = exposure * rng.uniform(0.75, 1.05, len(rooms))
        extent = np.maximum([room.size for room in rooms], 2.5)
        self._slope = rng.normal(0, 0.22, (len(rooms), 2)) * self._level[:, None] / extent

    def at(self, rooms: NDArray[np.int64], points: NDArray[np.float64]) -> NDArray[np.float64]:
        """RGB light (Q, n, 3) at points (Q, n, 3) in rooms (Q,)."""
        offset = points[..., :2] - self._centre[rooms][:, None]
        light = self._level[rooms][:, None] + np.sum(offset * self._slope[rooms][:, None], axis=-1)
        return np.clip(light, 0.35, 1.6)[..., None] * self._balance
