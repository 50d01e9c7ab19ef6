"""Walls, floors, ceilings, doorways, pictures, windows and rugs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from robonav.envs.scenes.procedural.layout import Layout, Room, wall_openings, wall_pieces
from robonav.envs.scenes.procedural.mesh import Array, Material, MeshBuilder
from robonav.envs.scenes.procedural.palette import WHITE, Lights, Palette, RoomLook

Point = tuple[float, float, float]
_DECAL_GAP, _RUG_HEIGHT = 0.005, 0.005
_UNIT_UV = np.array([[0.0, 0.0], [1, 0], [1, 1], [0, 1]])


@dataclass
class Shell:
    """Collects the quads of a house's shell; `add_to` hands them to a mesh in one go."""

    layout: Layout
    looks: list[RoomLook]
    palette: Palette
    _corners: list[list[Point]] = field(default_factory=list)
    _materials: list[Material] = field(default_factory=list)
    _shades: list[tuple[float, float]] = field(default_factory=list)
    _rooms: list[int] = field(default_factory=list)

    def add_room(self, index: int, ceiling: bool) -> None:
        """Floor, walls with lintels, and ceiling of one room."""
        room, look, h = self.layout.rooms[index], self.looks[index], self.layout.height
        x0, y0, x1, y1 = room.x0, room.y0, room.x1, room.y1
        self._quad(index, look.floor, [(x0, y1, 0), (x1, y1, 0), (x1, y0, 0), (x0, y0, 0)], 0.92, 0.92)
        if ceiling:
            self._quad(index, look.ceiling, [(x0, y0, h), (x1, y0, h), (x1, y1, h), (x0, y1, h)], 0.92, 0.92)
        for side in range(4):
            for lo, hi in wall_pieces(room, index, self.layout.doors, side):
                self._wall(index, side, lo, hi, 0.0)
            for lo, hi, top in wall_openings(index, self.layout.doors, side):
                if top < h:
                    self._wall(index, side, lo, hi, top)

    def add_doorway(self, number: int, ceiling: bool) -> None:
        """Threshold, soffit and jambs of one door, lit by its first room."""
        door = self.layout.doors[number]
        index, a, b, lo, hi, top = door.rooms[0], door.near, door.far, door.lo, door.hi, door.top
        frame = self.palette.frame

        def at(through: float, across: float, z: float) -> Point:
            return (through, across, z) if door.axis == 0 else (across, through, z)

        # Mirrored doors (axis 1) need the other winding for the same side to be the front.
        flip = slice(None) if door.axis == 0 else slice(None, None, -1)
        floor = [at(a, hi, 0), at(b, hi, 0), at(b, lo, 0), at(a, lo, 0)]
        self._quad(index, self.looks[index].floor, floor[flip], 0.8, 0.8)
        if ceiling or top < self.layout.height:
            soffit = [at(a, lo, top), at(b, lo, top), at(b, hi, top), at(a, hi, top)]
            self._quad(index, frame, soffit[flip], 0.65, 0.65)
        for edge, (p, q) in ((lo, (b, a)), (hi, (a, b))):
            p, q = (p, q) if door.axis == 0 else (q, p)
            jamb = [at(p, edge, top), at(q, edge, top), at(q, edge, 0), at(p, edge, 0)]
            self._quad(index, frame, jamb, 0.85, 0.75)

    def add_decals(self, index: int) -> None:
        """Pictures and windows on the walls of one room, perhaps a rug on its floor."""
        room, r = self.layout.rooms[index], self.palette.rng
        for side in range(4):
            for lo, hi in wall_pieces(room, index, self.layout.doors, side):
                if hi - lo > 0.8 and r.random() < 0.4:
                    self._hang(index, side, lo, hi)
        if min(room.size) > 1.8 and r.random() < 0.3:
            self._lay_rug(index)

    def _hang(self, index: int, side: int, lo: float, hi: float) -> None:
        r, room = self.palette.rng, self.layout.rooms[index]
        use = "window" if self._is_outer(room, side) and r.random() < 0.6 else "picture"
        width = min(r.uniform(0.9, 2.0) if use == "window" else r.uniform(0.35, 1.2), hi - lo - 0.2)
        height = r.uniform(0.9, 1.3) if use == "window" else width * r.uniform(0.7, 1.4)
        at, middle = lo + 0.1 + r.random() * max(hi - lo - 0.2 - width, 0.0), r.uniform(1.4, 1.6)
        z0, z1 = max(middle - height / 2, 0.5), min(middle + height / 2, self.layout.height - 0.15)
        corners = _on_wall(room, side, at, at + width, z0, z1, _DECAL_GAP)
        self._quad(index, self.palette.material(use, WHITE), corners, 1.0, 0.95)

    def _is_outer(self, room: Room, side: int) -> bool:
        (x, y), near = self.layout.size, 0.1
        return (room.x0 < near, room.x1 > x - near, room.y0 < near, room.y1 > y - near)[side]

    def _lay_rug(self, index: int) -> None:
        room, r, z = self.layout.rooms[index], self.palette.rng, _RUG_HEIGHT
        (x, y), (w, d) = room.centre, room.size
        a, b = (min(r.uniform(0.5, 1.4), side / 2 - 0.15) for side in (w, d))
        x += (2 * r.random() - 1) * (w / 2 - a - 0.05)
        y += (2 * r.random() - 1) * (d / 2 - b - 0.05)
        corners = [(x - a, y + b, z), (x + a, y + b, z), (x + a, y - b, z), (x - a, y - b, z)]
        self._quad(index, self.palette.material("rug", WHITE), corners, 0.95, 0.95)

    def _wall(self, index: int, side: int, lo: float, hi: float, z0: float) -> None:
        top = self.layout.height
        shade = (0.9, 1.0, 0.95, 0.84)[side]
        low = shade * (0.84 + 0.16 * z0 / top)
        corners = _on_wall(self.layout.rooms[index], side, lo, hi, z0, top, 0.0)
        self._quad(index, self.looks[index].walls[side], corners, shade, low)

    def _quad(self, room: int, material: Material, corners: list[Point], upper: float, lower: float) -> None:
        """Add a quad in the light of a room; `upper` and `lower` shade its first and last two corners."""
        self._corners.append(corners)
        self._materials.append(material)
        self._shades.append((upper, lower))
        self._rooms.append(room)

    def add_to(self, mesh: MeshBuilder, lights: Lights) -> None:
        """Light all quads and add them to the mesh."""
        points = np.array(self._corners)
        tints = np.array([material.tint for material in self._materials])[:, None]
        shades = np.array(self._shades)[:, [0, 0, 1, 1], None]
        textures = np.array([material.texture for material in self._materials])
        mesh.add_quads(points, self._uvs(points, mesh.texture_sizes[textures]), textures,
                       tints * shades * lights.at(np.array(self._rooms), points))  # fmt: skip

    def _uvs(self, points: Array, sizes: Array) -> Array:
        """World-aligned texture coordinates, so that patterns run on over lintels and thresholds."""
        along = points[..., 0] + points[..., 1]  # one of the two is constant on a wall
        direction = np.sign(along[:, 1] - along[:, 0])[:, None]
        upright = np.stack([direction * along, self.layout.height - points[..., 2]], axis=-1)
        level = (np.ptp(points[..., 2], axis=1) == 0)[:, None, None]
        stretched = np.array([material.stretched for material in self._materials])[:, None, None]
        repeated = np.where(level, points[..., :2], upright) / sizes[:, None]
        return np.where(stretched, _UNIT_UV, repeated)


def _on_wall(room: Room, side: int, lo: float, hi: float, z0: float, z1: float, gap: float) -> list[Point]:
    """Corners of an upright rectangle on a wall: upper left, upper right, lower right, lower left."""
    at = (room.x0 + gap, room.x1 - gap, room.y0 + gap, room.y1 - gap)[side]
    left, right = (lo, hi) if side in (0, 3) else (hi, lo)
    if side < 2:
        return [(at, left, z1), (at, right, z1), (at, right, z0), (at, left, z0)]
    return [(left, at, z1), (right, at, z1), (right, at, z0), (left, at, z0)]
