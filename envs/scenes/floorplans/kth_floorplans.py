"""Floor plans of real university buildings (KTH), in the layout of MapEx: occ_map.npy and valid_space.npy."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from scipy import ndimage

from robonav.envs.scenes.floorplans.files import read_raster, split_by_building
from robonav.envs.scenes.floorplans.plan import FloorPlan, make_plan
from robonav.envs.scenes.floorplans.scenes import plan_scenes
from robonav.envs.scenes.free_space import AgentShape
from robonav.envs.scenes.lazy_scenes import LazyScenes
from robonav.envs.scenes.scene import SceneError

RESOLUTION_M = 0.05  # the median doorway is then 0.9 m wide, and offices are 3 m by 5 m
_THRESHOLD_CELLS = 8  # doors in walls of up to twice this are not marked as part of a room
_BUILDING_DIGITS = 6  # of a drawing's number; its floors differ in the last two


def open_kind(spec: str, split: str, agent: AgentShape) -> LazyScenes | None:
    """The plans of a folder, or the folder's own plan; None if there is none."""
    root = Path(spec)
    if not root.is_dir():
        return None
    folders = (
        [root] if (root / "occ_map.npy").is_file() else sorted(p.parent for p in root.glob("*/occ_map.npy"))
    )
    if not folders:
        return None
    folders = split_by_building(folders, lambda folder: folder.name[:_BUILDING_DIGITS], split)
    return plan_scenes({f"kth_floorplans/{f.resolve().name}": partial(_read, f) for f in folders}, agent)


def _read(folder: Path, agent: AgentShape) -> FloorPlan:
    """Read a plan: floor is every cell that is neither wall nor outside (valid_space numbers the rooms)."""
    occupancy, rooms = (read_raster(folder / name) for name in ("occ_map.npy", "valid_space.npy"))
    if occupancy.shape != rooms.shape:
        raise SceneError(
            f"{folder / 'valid_space.npy'} is of shape {rooms.shape}: expected {occupancy.shape} as "
            "occ_map.npy beside it, so take both from the same plan"
        )
    inside = np.pad(rooms > 0, _THRESHOLD_CELLS)
    distance = ndimage.distance_transform_edt(
        ~inside
    )  # closing by a disc, in time that does not grow with it
    inside = ndimage.distance_transform_edt(distance <= _THRESHOLD_CELLS) > _THRESHOLD_CELLS
    inside |= np.pad(rooms > 0, _THRESHOLD_CELLS)
    core = slice(_THRESHOLD_CELLS, -_THRESHOLD_CELLS)
    floor = ((occupancy > 0) & inside[core, core])[::-1].T  # the first row of a drawing is at its top
    plan = make_plan(str(folder), floor, RESOLUTION_M, (0.0, 0.0, 0.0), furnished=False)
    plan.metadata["file"] = str(folder)
    return plan
