"""Walls, floors, ceilings, doorways and what hangs on walls or lies on floors."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from robonav.envs.scenes.procedural_free_space import wall_openings, wall_pieces
from robonav.envs.scenes.procedural_layout import Layout, Room
from robonav.envs.scenes.procedural_mesh import Array, Material, MeshBuilder
from robonav.envs.scenes.procedural_textures import TextureLibrary

Color = tuple[float, float, float]
_DECAL_GAP = 0.012


@dataclass(frozen=True)
class RoomLook:
    """Materials and light of one room; `light` is brightness at the centre and its slope along x, y per metre."""

    walls: tuple[Material, Material, Material, Material]
    floor: Material
    ceiling: Material
    light: tuple[float, float, float]


class Palette:
    """Draws materials for one house."""

    def __init__(self, rng: np.random.Generator, library: TextureLibrary) -> None:
        self.rng = rng
        self._library = library
        self._colourful = rng.uniform(0.4, 1.0)
        self._wood_hue, self._wood_value = rng.uniform(0.04, 0.11), rng.uniform(0.3, 0.95)
        self._exposure = rng.uniform(0.7, 1.1)
        self._balance = 1 + rng.uniform(-0.08, 0.08, 3)
        self._same_floor = self.floor() if rng.random() < 0.35 else None
        self._same_wall = self.wall() if rng.random() < 0.2 else None

    def material(self, use: str, tint: Color) -> Material:
        """A random texture for a use, in a tint."""
        ids = self._library.uses[use]
        return Material(
            ids[int(self.rng.integers(len(ids)))], tint, use in ("books", "front", "picture", "window", "rug")
        )

    def wall(self) -> Material:
        """Mostly pale, sometimes strong or dark."""
        r = self.rng
        saturation = r.beta(1.1, 2.6) * self._colourful
        return self.material("wall", colorsys.hsv_to_rgb(r.random(), saturation, 1 - 0.55 * r.beta(1.0, 2.2)))

    def floor(self) -> Material:
        """Wood, grey or coloured."""
        r, kind = self.rng, self.rng.random()
        if kind < 0.5:
            return self.material("floor", self.wood())
        saturation = 0.08 if kind < 0.75 else r.uniform(0.15, 0.6)
        return self.material("floor", colorsys.hsv_to_rgb(r.random(), saturation, r.uniform(0.3, 0.95)))

    def wood(self) -> Color:
        """A brown near that of the house."""
        r = self.rng
        hue, value = self._wood_hue + r.normal(0, 0.01), self._wood_value + r.normal(0, 0.1)
        return colorsys.hsv_to_rgb(hue % 1, r.uniform(0.3, 0.65), float(np.clip(value, 0.25, 1)))

    def object(self, use: str) -> Material:
        """A material for a part of furniture."""
        r = self.rng
        if use == "plant":
            return self.material(
                "object", colorsys.hsv_to_rgb(r.uniform(0.22, 0.42), 0.7, r.uniform(0.3, 0.7))
            )
        if use == "books":
            return self.material("books", (1.0, 1.0, 1.0))
        if use == "white":
            return self.material("ceiling", (0.97, 0.97, 0.98))
        if use == "wood" or (use != "fabric" and r.random() < 0.4):
            return self.material(use, self.wood())
        saturation, value = r.beta(1.3, 1.6) * self._colourful, r.uniform(0.2, 1.0)
        return self.material(use, colorsys.hsv_to_rgb(r.random(), saturation, value))

    def room(self, room: Room) -> RoomLook:
        """How one room looks."""
        r = self.rng
        wall = self._same_wall or self.wall()
        walls = [wall] * 4
        if r.random() < 0.3:
            walls[int(r.integers(4))] = self.wall()
        value = r.uniform(0.85, 1.0)
        ceiling = self.material("ceiling", colorsys.hsv_to_rgb(r.random(), r.choice([0.02, 0.15]), value))
        if r.random() < 0.12:
            ceiling = self.material("ceiling", self.wood())
        level = self._exposure * r.uniform(0.75, 1.05)
        slope = r.normal(0, 0.28, 2) * level / np.maximum(room.size, 2.5)
        return RoomLook((walls[0], walls[1], walls[2], walls[3]), self._same_floor or self.floor(), ceiling,
                        (level, float(slope[0]), float(slope[1])))  # fmt: skip

    def light_at(self, look: RoomLook, room: Room, points: Array) -> Array:
        """RGB light (..., 3) at points (..., 3) of a room; linear, so corner colours carry it exactly."""
        level, slope_x, slope_y = look.light
        x, y = room.centre
        light = level + slope_x * (points[..., 0] - x) + slope_y * (points[..., 1] - y)
        return np.clip(light, 0.25, 1.25)[..., None] * self._balance


class Shell:
    """Adds the shell of a house to a mesh."""

    def __init__(self, layout: Layout, looks: list[RoomLook], palette: Palette, mesh: MeshBuilder) -> None:
        self.layout, self.looks, self.palette, self.mesh = layout, looks, palette, mesh

    def add_room(self, index: int, ceiling: bool) -> None:
        """Floor, walls with lintels, and ceiling of one room."""
        room, look, h = self.layout.rooms[index], self.looks[index], self.layout.height
        x0, y0, x1, y1 = room.x0, room.y0, room.x1, room.y1
        self._quad(index, look.floor, [(x0, y1, 0), (x1, y1, 0), (x1, y0, 0), (x0, y0, 0)], 0.92, 0.92)
        if ceiling:
            self._quad(index, look.ceiling, [(x0, y0, h), (x1, y0, h), (x1, y1, h), (x0, y1, h)], 0.9, 0.9)
        for side in range(4):
            for lo, hi in wall_pieces(room, index, self.layout.doors, side):
                self._wall(index, side, lo, hi, 0.0, h)
            for lo, hi, top in wall_openings(room, index, self.layout.doors, side):
                if top < h:
                    self._wall(index, side, lo, hi, top, h)

    def add_doorway(self, number: int, ceiling: bool) -> None:
        """Threshold, jambs and soffit of one door, in the look of its first room."""
        door, h = self.layout.doors[number], self.layout.height
        index = door.rooms[0]
        look = self.looks[index]
        a, b, lo, hi, top = door.near, door.far, door.lo, door.hi, door.top
        frame = Material(look.walls[0].texture, self.palette.wood())
        if door.axis == 0:
            low = [(a, hi, 0), (b, hi, 0), (b, lo, 0), (a, lo, 0)]
        else:
            low = [(lo, b, 0), (hi, b, 0), (hi, a, 0), (lo, a, 0)]
        self._quad(index, look.floor, low, 0.8, 0.8)
        if ceiling or top < h:
            self._quad(index, frame, [(x, y, top) for x, y, _ in low[::-1]], 0.6, 0.6)
        for edge, (p, q) in ((lo, (b, a)), (hi, (a, b))):
            if door.axis == 1:
                p, q = q, p
            ends = ((p, edge), (q, edge)) if door.axis == 0 else ((edge, p), (edge, q))
            (xa, ya), (xb, yb) = ends
            self._quad(index, frame, [(xa, ya, top), (xb, yb, top), (xb, yb, 0), (xa, ya, 0)], 0.8, 0.7)

    def add_decals(self, index: int) -> None:
        """Pictures and windows on the walls of one room, perhaps a rug on its floor."""
        room, r = self.layout.rooms[index], self.palette.rng
        for side in range(4):
            for lo, hi in wall_pieces(room, index, self.layout.doors, side):
                if hi - lo > 0.8 and r.random() < 0.45:
                    self._hang(index, side, lo, hi)
        if min(room.size) > 1.8 and r.random() < 0.3:
            self._lay_rug(index)

    def _hang(self, index: int, side: int, lo: float, hi: float) -> None:
        r, size = self.palette.rng, self.layout.size
        room = self.layout.rooms[index]
        outer = (room.x0 < 0.1, room.x1 > size[0] - 0.1, room.y0 < 0.1, room.y1 > size[1] - 0.1)[side]
        use = "window" if outer and r.random() < 0.6 else "picture"
        width = min(r.uniform(0.9, 2.0) if use == "window" else r.uniform(0.35, 1.2), hi - lo - 0.2)
        height = r.uniform(0.9, 1.3) if use == "window" else width * r.uniform(0.7, 1.4)
        at, middle = lo + 0.1 + r.random() * max(hi - lo - 0.2 - width, 0.0), r.uniform(1.4, 1.6)
        z0, z1 = max(middle - height / 2, 0.5), min(middle + height / 2, self.layout.height - 0.15)
        material = self.palette.material(use, (1.0, 1.0, 1.0))
        self._quad(index, material, _on_wall(room, side, at, at + width, z0, z1, _DECAL_GAP), 1.0, 0.95)

    def _lay_rug(self, index: int) -> None:
        room, r = self.layout.rooms[index], self.palette.rng
        half = np.minimum(r.uniform(0.5, 1.4, 2), np.array(room.size) / 2 - 0.15)
        x, y = r.uniform((room.x0 + half[0] + 0.05, room.y0 + half[1] + 0.05),
                         (room.x1 - half[0] - 0.05, room.y1 - half[1] - 0.05))  # fmt: skip
        (a, b), z = half, 0.008
        corners = [(x - a, y + b, z), (x + a, y + b, z), (x + a, y - b, z), (x - a, y - b, z)]
        self._quad(index, self.palette.material("rug", (1.0, 1.0, 1.0)), corners, 0.9, 0.9)

    def _wall(self, index: int, side: int, lo: float, hi: float, z0: float, z1: float) -> None:
        room = self.layout.rooms[index]
        shade = (0.86, 0.98, 0.92, 0.78)[side]
        corners = _on_wall(room, side, lo, hi, z0, z1, 0.0)
        low = 0.72 + 0.28 * min(z0 / self.layout.height, 1)
        self._quad(index, self.looks[index].walls[side], corners, shade, shade * low, run=(side + 1) % 4 < 2)

    def _quad(
        self, index: int, material: Material, corners: list[tuple[float, float, float]], upper: float, lower: float,
        run: bool = False,
    ) -> None:  # fmt: skip
        """Add one quad in the light of its room; upper and lower shade its first and last two corners."""
        points = np.array(corners)
        light = self.palette.light_at(self.looks[index], self.layout.rooms[index], points)
        shade = np.array([upper, upper, lower, lower])[:, None] * light * material.tint
        self.mesh.add_quads(
            points[None], self._uvs(material, points)[None], np.array([material.texture]), shade[None]
        )

    def _uvs(self, material: Material, points: Array) -> Array:
        """World-aligned texture coordinates, so that patterns run on over lintels and thresholds."""
        if material.stretched:
            return np.array([[0.0, 0.0], [1, 0], [1, 1], [0, 1]])
        width, height = self.mesh.texture_sizes[material.texture]
        if np.ptp(points[:, 2]) == 0:
            return points[:, :2] / (width, height or width)
        along = points[:, 0] + points[:, 1]
        direction = np.sign(along[1] - along[0])
        return np.stack([direction * along / width, (self.layout.height - points[:, 2]) / height], axis=1)


def _on_wall(
    room: Room, side: int, lo: float, hi: float, z0: float, z1: float, gap: float
) -> list[tuple[float, float, float]]:
    """Corners of an upright rectangle on a wall: upper left, upper right, lower right, lower left."""
    at = (room.x0 + gap, room.x1 - gap, room.y0 + gap, room.y1 - gap)[side]
    left, right = (lo, hi) if side in (0, 3) else (hi, lo)
    if side < 2:
        return [(at, left, z1), (at, right, z1), (at, right, z0), (at, left, z0)]
    return [(left, at, z1), (right, at, z1), (right, at, z0), (left, at, z0)]
