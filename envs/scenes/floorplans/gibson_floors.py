"""Floors of real Gibson buildings: grids of agent positions (.npy, 1 = free) with an index.json."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from robonav.envs.scenes.damage import READ_ERRORS, reason_of
from robonav.envs.scenes.floorplans.files import read_raster, split_by_building
from robonav.envs.scenes.floorplans.plan import FloorPlan, Mask, make_plan
from robonav.envs.scenes.floorplans.scenes import plan_scenes
from robonav.envs.scenes.free_space import AgentShape
from robonav.envs.scenes.lazy_scenes import LazyScenes
from robonav.envs.scenes.procedural.free_space import CELL
from robonav.envs.scenes.scene import SceneError

RESOLUTION_M = 0.1
_MISSED_CELLS = 4  # holes of up to as many cells are where no sample fell: any obstacle makes a larger one
_ROUGHNESS_M = 0.075
_MIN_WALL_CELLS = 4
_MAX_INDEX_BYTES = 50_000_000
_LONGEST_NAME = 200
_EIGHT = np.ones((3, 3))


def open_kind(spec: str, split: str, agent: AgentShape) -> LazyScenes | None:
    """The floors of a folder with its index.json, or one .npy file; None if it is neither."""
    path = Path(spec)
    if path.is_file() and path.suffix.lower() == ".npy":
        return plan_scenes({f"gibson_floors/{path.stem}": partial(_read, path, _origin(path))}, agent)
    if not (path / "index.json").is_file() or not any(path.glob("*_f*.npy")):
        return None
    floors = _listed(path / "index.json")
    chosen = split_by_building(list(floors), lambda name: name.rpartition("_f")[0], split)
    readers = {f"gibson_floors/{n}": partial(_read, path / f"{n}.npy", floors[n]) for n in chosen}
    return plan_scenes(readers, agent)


def _origin(path: Path) -> tuple[float, float]:
    """Habitat x, z of the first cell of one floor, from the index beside it; else 0."""
    index = path.with_name("index.json")
    return _listed(index).get(path.stem, (0.0, 0.0)) if index.is_file() else (0.0, 0.0)


def _listed(index: Path) -> dict[str, tuple[float, float]]:
    """Names of all floors with the Habitat x, z of their first cell."""
    try:
        if index.stat().st_size > _MAX_INDEX_BYTES:
            raise ValueError(f"{index.stat().st_size:,} bytes")
        listed: dict[str, list[dict[str, Any]]] = json.loads(index.read_text(encoding="utf-8"))
        found = {}
        for building, floors in sorted(listed.items()):
            if Path(building).name != building or not building.isprintable() or len(building) > _LONGEST_NAME:
                raise ValueError(f"{building} is no name of a building")
            for number, floor in enumerate(floors):
                x, z = (float(value) for value in floor["origin_xz"])
                if not np.isfinite([x, z]).all():
                    raise ValueError(f"{building} floor {number} has a bad origin")
                found[f"{building}_f{number}"] = (x, z)
    except READ_ERRORS as error:
        raise SceneError(
            f"{index} is damaged ({reason_of(error)}): expected a list of floors with origin_xz "
            "for each building, so copy it again"
        ) from error
    if not found:
        raise SceneError(f"{index} lists no floor: expected a list of floors for each building")
    return found


def _read(path: Path, origin_xz: tuple[float, float], agent: AgentShape) -> FloorPlan:
    """Read a grid of agent centres, row by Habitat z and column by x: walls are an agent's radius away."""
    grid = read_raster(path) > 0
    holes, count = ndimage.label(~grid)
    free = grid | (np.bincount(holes.ravel(), minlength=count + 1) <= _MISSED_CELLS)[holes]
    # Habitat's -z is the world's x and its -x is the world's y, as for the Gibson meshes.
    free = np.pad(free[::-1, ::-1], 1 + int(np.ceil(agent.radius_m / RESOLUTION_M)))
    margin = (np.array(free.shape) - grid.shape) // 2 * RESOLUTION_M
    x, z = origin_xz
    corner = (-z - grid.shape[0] * RESOLUTION_M - margin[0], -x - grid.shape[1] * RESOLUTION_M - margin[1])
    fine = np.repeat(np.repeat(free, 2, axis=0), 2, axis=1)
    floor = set_back(fine, agent.radius_m + CELL / 2)
    plan = make_plan(str(path), floor, CELL, (*corner, 0.0), furnished=True, roughness_m=_ROUGHNESS_M)
    plan.metadata["file"] = str(path)
    return plan


def set_back(free: Mask, radius_m: float) -> Mask:
    """Floor around a space of agent centres: it reaches a radius farther.

    A wall between two rooms may be thinner than two radii, as the samples' agent was slimmer than ours. It
    stays, one cell thick, on the cells whose neighbour's nearest free cell is on the other side (the integer
    medial axis of Hesselink and Roerdink, 2008).

    Args:
        free: (X, Y) bool, cells of `CELL`.
        radius_m: Metres.
    """
    distance, nearest = ndimage.distance_transform_edt(~free, return_indices=True)
    floor = distance * CELL <= radius_m
    axis = np.zeros_like(free)
    for k in (0, 1):
        here = [slice(None), slice(None)]
        there = [slice(None), slice(None)]
        here[k], there[k] = slice(None, -1), slice(1, None)
        a, b = tuple(here), tuple(there)
        apart = np.linalg.norm(nearest[(slice(None), *a)] - nearest[(slice(None), *b)], axis=0)
        both = distance[a] + distance[b]
        opposite = (apart > both) & (both >= _MIN_WALL_CELLS - 1) & (distance[a] > 0) & (distance[b] > 0)
        axis[a] |= opposite & (distance[a] >= distance[b])
        axis[b] |= opposite & (distance[a] < distance[b])
    axis |= ~floor
    parts, count = ndimage.label(axis, _EIGHT)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    return floor & ~(axis & (sizes >= _MIN_WALL_CELLS)[parts])
