"""Seeded multi-room houses: furnished, textured, with exact free space."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from robonav.envs.scenes.procedural.free_space import Clearance, open_rooms
from robonav.envs.scenes.procedural.furnish import PlacedPiece, furnish
from robonav.envs.scenes.procedural.layout import Layout, sample_layout
from robonav.envs.scenes.procedural.mesh import MeshBuilder
from robonav.envs.scenes.procedural.palette import Lights, Palette
from robonav.envs.scenes.procedural.shell import Shell
from robonav.envs.scenes.procedural.textures import texture_library
from robonav.envs.scenes.scene import Scene, SceneError

SPLITS = {"train": 1000, "val": 100}  # houses of each by default
COMFORT = 0.07  # furniture leaves this much more than the agent's radius on each side, metres


def generate_house(
    seed: int, radius_m: float = 0.18, height_m: float = 1.5, scene_id: str | None = None
) -> Scene:
    """Generate one house; the same seed gives the same bytes.

    Args:
        seed: Any non-negative integer.
        radius_m: Radius of the agent's cylinder, metres; at most 0.25 so that it passes every door.
        height_m: Height of the agent's cylinder, metres; at most 2.0 so that it passes every lintel.
        scene_id: Name of the scene; by default it names the seed.

    Returns:
        A scene with exact `free_space` whose island 1 spans all rooms; `metadata` has rooms, doors and size.

    Raises:
        SceneError: If the agent is too large for the houses' doors.
    """
    if not (0 < radius_m <= 0.25 and 0 < height_m <= 2.0):
        raise SceneError(
            f"procedural houses have doors for agents up to 0.25 m radius and 2.0 m height, "
            f"not {radius_m} m and {height_m} m: use a smaller agent or scenes of your own"
        )
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    layout = sample_layout(rng)
    ceiling, density = rng.random() < 0.7, 0.0 if rng.random() < 0.08 else rng.uniform(0.05, 0.35)
    exact, wide = (Clearance(layout.size, radius_m + extra) for extra in (0.0, COMFORT))
    open_rooms(exact, layout)
    open_rooms(wide, layout)
    placed = furnish(rng, layout, wide, density)
    for item in placed:
        for footprint in item.footprints():
            exact.close(footprint)
    vertices, triangles, colours, uvs, ids = _appearance(rng, layout, placed, ceiling).arrays()
    used, compact = np.unique(ids, return_inverse=True)
    return Scene(
        scene_id=scene_id or f"procedural/seed/{seed}",
        vertices=vertices,
        triangles=triangles,
        corner_colors=colours,
        corner_uvs=uvs,
        texture_ids=compact.astype(np.int32),
        textures=tuple(texture_library().textures[i].image for i in used),
        free_space=exact.islands(),
        metadata=_metadata(seed, layout, ceiling, len(placed)),
    )


def _appearance(
    rng: np.random.Generator, layout: Layout, placed: list[PlacedPiece], ceiling: bool
) -> MeshBuilder:
    """The mesh of a furnished layout with its materials and light."""
    library = texture_library()
    sizes = np.array([(t.width_m, t.height_m or layout.height) for t in library.textures])
    direction = rng.normal(0, 1, 3) * (1, 1, 0.3)
    mesh = MeshBuilder(sizes, direction / np.linalg.norm(direction))
    palette = Palette(rng, library)
    lights = Lights(rng, layout.rooms)
    shell = Shell(layout, [palette.room() for _ in layout.rooms], palette)
    for index in range(len(layout.rooms)):
        shell.add_room(index, ceiling)
        shell.add_decals(index)
    for number in range(len(layout.doors)):
        shell.add_doorway(number, ceiling)
    shell.add_to(mesh, lights)
    add_furniture(mesh, palette, lights, placed, layout.height - 0.01)
    return mesh


def add_furniture(
    mesh: MeshBuilder, palette: Palette, lights: Lights, placed: list[PlacedPiece], ceiling_z: float
) -> None:
    """Add all pieces, each part in its material; nothing reaches through the ceiling."""
    if not placed:
        return
    places = np.array([[item.x, item.y, 0.0] for item in placed])
    light = lights.at(np.array([item.room for item in placed]), places[:, None])[:, 0]
    boxes, box_owner, seen, box_materials = [], [], [], []
    cylinders, cylinder_owner, cylinder_materials = [], [], []
    for owner, item in enumerate(placed):
        choice = [palette.part(use) for use in item.piece.uses]
        for box in item.piece.boxes:
            boxes.append((*box[:5], min(box.z1, ceiling_z)))
            seen.append(item.piece.seen_faces(box))
            box_owner.append(owner)
            box_materials.append(choice[box.part])
        for u, v, radius, z0, z1, part in item.piece.cylinders:
            cylinders.append((*item.at(u, v), radius, z0, min(z1, ceiling_z)))
            cylinder_owner.append(owner)
            cylinder_materials.append(choice[part])
    if boxes:
        poses = np.array([(item.x, item.y, item.yaw) for item in placed])[box_owner]
        tints = light[box_owner] * [material.tint for material in box_materials]
        mesh.add_boxes(np.array(boxes), poses, np.array(seen), box_materials, tints)
    if cylinders:
        tints = light[cylinder_owner] * [material.tint for material in cylinder_materials]
        mesh.add_cylinders(np.array(cylinders), cylinder_materials, tints)


def _metadata(seed: int, layout: Layout, ceiling: bool, pieces: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "rooms": len(layout.rooms),
        "size_m": layout.size,
        "wall_height_m": layout.height,
        "ceiling": ceiling,
        "furniture": pieces,
        "room_bounds": [(r.x0, r.y0, r.x1, r.y1) for r in layout.rooms],
        "room_kinds": [r.kind for r in layout.rooms],
        "room_centres": [r.centre for r in layout.rooms],
        "doors": [
            {"rooms": d.rooms, "centre": d.centre, "axis": d.axis, "width_m": d.hi - d.lo, "height_m": d.top}
            for d in layout.doors
        ],
    }


class ProceduralHouses:
    """A set of generated houses; `train` and `val` never share a seed.

    Args:
        split: "train" or "val".
        count: How many houses; by default 1000 of `train` and 100 of `val`. A longer set begins with the
            houses of a shorter one.
        radius_m: Radius of the agent that the free space is for, metres.
        height_m: Height of that agent, metres.

    Raises:
        SceneError: If there is no such split, or no house is asked for.
    """

    def __init__(
        self, split: str = "train", count: int | None = None, radius_m: float = 0.18, height_m: float = 1.5
    ) -> None:
        if split not in SPLITS:
            raise SceneError(
                f"procedural houses have the splits {' and '.join(SPLITS)}, not {split!r}: use one"
            )
        count = SPLITS[split] if count is None else count
        if count < 1:
            raise SceneError(
                f"a set of procedural houses needs at least one house, not {count}: ask for more"
            )
        self.split = split
        self.scene_ids: Sequence[str] = [f"procedural/{split}/{number:06d}" for number in range(count)]
        self._known = frozenset(self.scene_ids)
        self._agent = (radius_m, height_m)

    def load(self, scene_id: str) -> Scene:
        """Generate the house of an id.

        Raises:
            SceneError: If the id is not one of `scene_ids`.
        """
        if scene_id not in self._known:
            raise SceneError(
                f"{scene_id!r} is not one of the {len(self.scene_ids)} procedural houses "
                f"of split {self.split!r}: ids run from {self.scene_ids[0]} to {self.scene_ids[-1]}"
            )
        return generate_house(house_seed(scene_id), *self._agent, scene_id=scene_id)


def house_seed(scene_id: str) -> int:
    """64-bit seed of a house, hashed from split and number."""
    return int.from_bytes(hashlib.sha256(f"robonav {scene_id}".encode()).digest()[:8], "big")
