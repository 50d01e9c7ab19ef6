"""Floor plans of procedural houses: rooms by recursive splitting, doors by a spanning tree plus loops."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

UNIT = 0.05  # wall centre lines lie on this grid, metres
DOOR_TOP = 2.05
MIN_SIDE, CLOSET_SIDE = 42, 27  # shortest side of a room between wall centre lines, in units
Rect = tuple[int, int, int, int]


@dataclass(frozen=True)
class Room:
    """An axis-aligned room; x0, y0, x1, y1 are the faces of its walls, metres."""

    x0: float
    y0: float
    x1: float
    y1: float
    kind: str  # "room", "corridor" or "closet"

    @property
    def size(self) -> tuple[float, float]:
        """Extent along x and y, metres."""
        return self.x1 - self.x0, self.y1 - self.y0

    @property
    def centre(self) -> tuple[float, float]:
        """World x, y of the middle, metres."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2


@dataclass(frozen=True)
class Door:
    """An opening between two rooms, through the wall between the faces `near` and `far`.

    Attributes:
        rooms: Indices of the rooms at the near and the far face.
        axis: 0 = passage along x, 1 = along y.
        near: Coordinate along `axis` of the first room's face, metres.
        far: Coordinate along `axis` of the second room's face, metres.
        lo: Start of the opening along the other axis, metres.
        hi: End of the opening along the other axis, metres.
        top: Height of the lintel, or of the ceiling where there is none, metres.
    """

    rooms: tuple[int, int]
    axis: int
    near: float
    far: float
    lo: float
    hi: float
    top: float

    @property
    def centre(self) -> tuple[float, float]:
        """World x, y of the middle of the opening, metres."""
        through, across = (self.near + self.far) / 2, (self.lo + self.hi) / 2
        return (through, across) if self.axis == 0 else (across, through)


@dataclass(frozen=True)
class Layout:
    """Rooms and doors of one floor; `size` is its outer extent in metres, `height` that of its walls."""

    rooms: tuple[Room, ...]
    doors: tuple[Door, ...]
    size: tuple[float, float]
    height: float


@dataclass(frozen=True)
class _Contact:
    """Two rooms that share a wall, and the stretch of it along which both have floor."""

    rooms: tuple[int, int]
    axis: int
    lo: float
    hi: float


def sample_layout(rng: np.random.Generator) -> Layout:
    """Draw a floor plan of 5 to 16 rooms on 9 to 18 m a side in which every room can be reached."""
    while True:
        cells = rng.uniform(9.0, 18.0, size=2) / UNIT
        nx, ny = int(cells[0]), int(cells[1])
        area = nx * ny * UNIT**2
        per_room = (
            rng.uniform(20.0, 40.0) if rng.random() < 0.15 else rng.uniform(10.0, 20.0)
        )  # some with halls
        target = int(np.clip(round(area / per_room), 5, 16))
        leaves = _partition(rng, nx, ny, target)
        leaves = _drop_corner(rng, leaves, nx, ny)
        thickness = rng.uniform(0.10, 0.15)
        height = rng.uniform(2.4, 3.2)
        rooms = tuple(_room(rect, kind, thickness) for rect, kind in leaves)
        doors = _doors(rng, rooms, thickness, height)
        if doors is not None and len(rooms) >= 5:
            return Layout(rooms, doors, (nx * UNIT, ny * UNIT), height)


def _room(rect: Rect, kind: str, thickness: float) -> Room:
    x0, y0, x1, y1 = (UNIT * c for c in rect)
    half = thickness / 2
    return Room(x0 + half, y0 + half, x1 - half, y1 - half, kind)


def _partition(rng: np.random.Generator, nx: int, ny: int, target: int) -> list[tuple[Rect, str]]:
    """Split the floor until `target` rooms exist or nothing can be split."""
    leaves: list[tuple[Rect, str]] = [((0, 0, nx, ny), "room")]
    corridors = int(rng.choice(4, p=[0.15, 0.4, 0.3, 0.15]))
    while len(leaves) < target:
        sizes = [_splittable_area(leaf) * rng.uniform(0.4, 1.0) for leaf in leaves]
        index = int(np.argmax(sizes))
        if sizes[index] == 0:
            break
        rect, _ = leaves.pop(index)
        children = _split(rng, rect, corridor=corridors > 0 and len(leaves) + 3 <= target)
        corridors -= len(children) == 3
        leaves += children
    return leaves


def _splittable_area(leaf: tuple[Rect, str]) -> int:
    (x0, y0, x1, y1), kind = leaf
    can_split = kind == "room" and max(x1 - x0, y1 - y0) >= MIN_SIDE + CLOSET_SIDE + 8
    return (x1 - x0) * (y1 - y0) if can_split else 0


def _split(rng: np.random.Generator, rect: Rect, corridor: bool) -> list[tuple[Rect, str]]:
    """Cut a rectangle in two, or in three with a corridor in the middle."""
    sides = rect[2] - rect[0], rect[3] - rect[1]
    axis = int(sides[1] > sides[0])
    if min(sides) >= 2 * MIN_SIDE and max(sides) < 1.7 * min(sides) and rng.random() < 0.3:
        axis = 1 - axis
    length = sides[axis]
    width = int(rng.integers(25, 37))
    if corridor and sides[1 - axis] >= 100 and length >= 2 * MIN_SIDE + width:
        at = int(rng.integers(MIN_SIDE, length - MIN_SIDE - width + 1))
        first, rest = _cut(rect, axis, at)
        hall, last = _cut(rest, axis, width)
        return [(first, "room"), (hall, "corridor"), (last, "room")]
    closet = length < 2 * MIN_SIDE or (min(sides) < 80 and rng.random() < 0.35)
    at = CLOSET_SIDE + int(rng.integers(9)) if closet else int(length * rng.uniform(0.32, 0.68))
    at = at if closet else int(np.clip(at, MIN_SIDE, length - MIN_SIDE))
    if rng.random() < 0.5:
        first, last = _cut(rect, axis, at)
        return [(first, "closet" if closet else "room"), (last, "room")]
    first, last = _cut(rect, axis, length - at)
    return [(first, "room"), (last, "closet" if closet else "room")]


def _cut(rect: Rect, axis: int, at: int) -> tuple[Rect, Rect]:
    x0, y0, x1, y1 = rect
    if axis == 0:
        return (x0, y0, x0 + at, y1), (x0 + at, y0, x1, y1)
    return (x0, y0, x1, y0 + at), (x0, y0 + at, x1, y1)


def _drop_corner(
    rng: np.random.Generator, leaves: list[tuple[Rect, str]], nx: int, ny: int
) -> list[tuple[Rect, str]]:
    """Sometimes leave one corner room out, so that not every house is a rectangle."""
    if len(leaves) < 8 or rng.random() > 0.35:
        return leaves
    corners = [
        i for i, ((x0, y0, x1, y1), kind) in enumerate(leaves)
        if kind == "room" and (x0 == 0 or x1 == nx) and (y0 == 0 or y1 == ny)
    ]  # fmt: skip
    if not corners:
        return leaves
    dropped = int(rng.choice(corners))
    return [leaf for i, leaf in enumerate(leaves) if i != dropped]


def _contacts(rooms: tuple[Room, ...], thickness: float) -> list[_Contact]:
    """All pairs of rooms that share a wall with room for a door."""
    found = []
    for (i, a), (j, b) in itertools.combinations(enumerate(rooms), 2):
        for axis in (0, 1):
            first, second, order = (
                (a, b, (i, j)) if (a.x0, a.y0)[axis] < (b.x0, b.y0)[axis] else (b, a, (j, i))
            )
            gap = (second.x0 - first.x1, second.y0 - first.y1)[axis]
            lo = max((first.y0, first.x0)[axis], (second.y0, second.x0)[axis])
            hi = min((first.y1, first.x1)[axis], (second.y1, second.x1)[axis])
            if abs(gap - thickness) < 1e-6 and hi - lo >= 1.1:
                found.append(_Contact(order, axis, lo, hi))
    return found


def _doors(
    rng: np.random.Generator, rooms: tuple[Room, ...], thickness: float, height: float
) -> tuple[Door, ...] | None:
    """A random spanning tree of the contacts plus loops; None if not every room can be reached."""
    open_plan, loops = rng.uniform(0, 0.4), rng.uniform(0.08, 0.6)
    contacts = _contacts(rooms, thickness)
    kinds = [{rooms[i].kind for i in c.rooms} for c in contacts]
    order = np.argsort([rng.random() - 0.45 * ("corridor" in k) + 0.8 * ("closet" in k) for k in kinds])
    group = list(range(len(rooms)))
    doors = []
    for index in order:
        contact, kind = contacts[index], kinds[index]
        a, b = (group[i] for i in contact.rooms)
        if a != b:
            group = [a if g == b else g for g in group]
        elif "closet" in kind or rng.random() > loops:
            continue
        wide = kind == {"room"} and contact.hi - contact.lo > 2.4 and rng.random() < open_plan
        doors.append(_door(rng, rooms, contact, wide, height))
    return tuple(doors) if len(set(group)) == 1 else None


def _door(
    rng: np.random.Generator, rooms: tuple[Room, ...], contact: _Contact, wide: bool, height: float
) -> Door:
    i, j = contact.rooms
    near = (rooms[i].x1, rooms[i].y1)[contact.axis]
    far = (rooms[j].x0, rooms[j].y0)[contact.axis]
    space = contact.hi - contact.lo
    width = space * rng.uniform(0.4, 0.85) if wide else rng.uniform(0.85, min(1.1, space - 0.2))
    top = (height if rng.random() < 0.6 else 2.25) if wide else DOOR_TOP
    margin = 0.1
    lo = contact.lo + rng.uniform(margin, space - width - margin)
    return Door(contact.rooms, contact.axis, near, far, lo, lo + width, top)


def wall_openings(index: int, doors: tuple[Door, ...], side: int) -> list[tuple[float, float, float]]:
    """Openings (lo, hi, top) in one side of a room, sorted; the sides are x0, x1, y0, y1."""
    axis, high = divmod(side, 2)
    # A room's high side is the near face of a door, its low side the far face.
    return sorted((d.lo, d.hi, d.top) for d in doors if d.axis == axis and d.rooms[1 - high] == index)


def wall_pieces(room: Room, index: int, doors: tuple[Door, ...], side: int) -> list[tuple[float, float]]:
    """Stretches (lo, hi) of one side of a room that are wall from floor to ceiling."""
    lo, hi = (room.y0, room.y1) if side < 2 else (room.x0, room.x1)
    openings = wall_openings(index, doors, side)
    starts = [lo, *(o[1] for o in openings)]
    return list(zip(starts, [*(o[0] for o in openings), hi], strict=True))
