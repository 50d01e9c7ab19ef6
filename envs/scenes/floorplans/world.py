"""Extrudes a floor plan: walls, doors, floor and ceiling with textures and light, and seeded furniture."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from robonav.envs.scenes.floorplans.clutter import Clutter
from robonav.envs.scenes.floorplans.geometry import Geometry
from robonav.envs.scenes.floorplans.plan import FloorPlan
from robonav.envs.scenes.floorplans.shell import PlanShell
from robonav.envs.scenes.free_space import AgentShape
from robonav.envs.scenes.procedural.furnish import PlacedPiece
from robonav.envs.scenes.procedural.houses import COMFORT, add_furniture
from robonav.envs.scenes.procedural.layout import DOOR_TOP
from robonav.envs.scenes.procedural.mesh import MeshBuilder, SceneArrays
from robonav.envs.scenes.procedural.palette import Lights, Palette
from robonav.envs.scenes.procedural.textures import texture_library
from robonav.envs.scenes.scene import FreeSpace, Scene, SceneError

_TRIANGLES = 15_500  # of which furniture gets what the shell leaves: the rasteriser draws up to 16,000
_SHELL_PER_RUN = 5  # triangles of the shell for each stretch of wall, about
_TAKEN_BARE, _TAKEN_FURNISHED = 0.15, 0.04  # share of the free space that furniture may take


def build_world(plan: FloorPlan, agent: AgentShape, scene_id: str) -> Scene:
    """Extrude and furnish a plan; the same plan and id give the same bytes.

    Args:
        plan: The plan.
        agent: Shape that the free space is for.
        scene_id: Name of the scene; materials, light, height and furniture are drawn by it.

    Returns:
        A scene with exact `free_space`; `metadata` holds rooms, doors and furniture.

    Raises:
        SceneError: If the agent does not fit below the lintels or nowhere on the plan.
    """
    if not (plan.roughness_m + 0.05 <= agent.radius_m <= 0.5 and 0 < agent.height_m < DOOR_TOP):
        raise SceneError(
            f"floor plans are extruded for agents of {plan.roughness_m + 0.05:g} to 0.5 m radius and less "
            f"than {DOOR_TOP:g} m height, not {agent.radius_m} m and {agent.height_m} m: use another agent"
        )
    rng = np.random.default_rng(_seed(scene_id))
    geometry = Geometry.of(plan)
    exact, wide = (geometry.free(agent.radius_m + extra) for extra in (0.0, COMFORT))
    share = _TAKEN_FURNISHED if plan.furnished else _TAKEN_BARE
    clutter = Clutter(rng, geometry, wide, share, _TRIANGLES - _SHELL_PER_RUN * len(geometry.runs.room))
    placed = clutter.place(density=rng.uniform(0.1, 0.35))
    for item in placed:
        for footprint in item.footprints():
            exact.close(footprint)
    height = rng.uniform(2.4, 3.2)
    vertices, triangles, colours, uvs, ids = _solid(_mesh(rng, geometry, placed, height).arrays())
    used, compact = np.unique(ids, return_inverse=True)
    return Scene(
        scene_id=scene_id,
        vertices=(vertices + np.array([*plan.origin_xy, 0.0])).astype(np.float32),
        triangles=triangles,
        corner_colors=colours,
        corner_uvs=uvs,
        texture_ids=compact.astype(np.int32),
        textures=tuple(texture_library().textures[i].image for i in used),
        free_space=_placed_at(plan, exact.islands(), agent),
        metadata={
            **plan.metadata,
            "rooms": int(geometry.rooms.max()),
            "doors": len(geometry.passages),
            "furniture": len(placed),
            "obstacles": len(geometry.obstacles),
            "wall_height_m": height,
        },
    )


def _seed(scene_id: str) -> int:
    return int.from_bytes(hashlib.sha256(f"robonav floor plan {scene_id}".encode()).digest()[:8], "big")


def _mesh(
    rng: np.random.Generator, geometry: Geometry, placed: list[PlacedPiece], height: float
) -> MeshBuilder:
    """The mesh of a furnished plan, with its materials and light."""
    library = texture_library()
    sizes = np.array([(t.width_m, t.height_m or height) for t in library.textures])
    direction = rng.normal(0, 1, 3) * (1, 1, 0.3)
    mesh = MeshBuilder(sizes, direction / np.linalg.norm(direction))
    palette = Palette(rng, library)
    rooms = geometry.room_boxes()
    lights = Lights(rng, rooms)
    PlanShell(geometry, [palette.room() for _ in rooms], lights, palette, mesh, height).add()
    add_furniture(mesh, palette, lights, placed, height - 0.01)
    return mesh


def _solid(arrays: SceneArrays) -> SceneArrays:
    """The mesh without triangles of zero area."""
    vertices, triangles, colours, uvs, ids = arrays
    corners = vertices[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    kept = np.linalg.norm(normals, axis=1) > 1e-9
    return vertices, triangles[kept], colours[kept], uvs[kept], ids[kept]


def _placed_at(plan: FloorPlan, space: FreeSpace, agent: AgentShape) -> FreeSpace:
    """Free space, moved from the plan's frame to the world frame."""
    if not space.islands.any():
        raise SceneError(
            f"{plan.metadata.get('file', 'the plan')} has no floor where an agent of {agent.radius_m} m "
            "radius fits: check its resolution, or use a smaller agent"
        )
    (x, y), (dx, dy) = plan.origin_xy, space.origin_xy
    return replace(space, origin_xy=(x + dx, y + dy))
