"""Reading of raster files, and splits of plans by building."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from robonav.envs.scenes.damage import READ_ERRORS, reason_of
from robonav.envs.scenes.floorplans.plan import MAX_CELLS
from robonav.envs.scenes.scene import SceneError

_VAL_SHARE = 0.2
Item = TypeVar("Item")


def read_raster(path: Path) -> NDArray[np.uint8]:
    """A two-dimensional array of small integers or booleans from a .npy file; nothing is ever unpickled.

    Raises:
        SceneError: The file is absent, damaged, or of another kind or size.
    """
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)  # looks at the header only
        if not isinstance(mapped, np.ndarray):
            raise ValueError("an archive of several arrays")
        if mapped.ndim != 2 or not 0 < mapped.size <= MAX_CELLS or mapped.dtype.kind not in "bui":
            raise ValueError(f"shape {mapped.shape}, type {mapped.dtype}")
        array = np.array(mapped)
    except FileNotFoundError as error:
        raise SceneError(f"{path} does not exist: the plan is not complete, so copy it again") from error
    except READ_ERRORS as error:
        raise SceneError(
            f"{path} is no grid ({reason_of(error)}): expected a two-dimensional .npy array "
            f"of whole numbers with at most {MAX_CELLS:,} cells, so export it again"
        ) from error
    return np.clip(array, 0, 255).astype(np.uint8)


def split_by_building(plans: Sequence[Item], building_of: Callable[[Item], str], split: str) -> list[Item]:
    """The plans of one split: a fifth of the buildings is `val`, all others are `train`.

    A building's split depends on its name only, unless that leaves a split empty: then the building that
    came nearest changes sides. The plans of a single building are in every split.
    """
    draws = {building: _draw(building) for building in sorted({building_of(plan) for plan in plans})}
    if len(draws) == 1:
        return list(plans)
    ranked = sorted(draws, key=lambda name: draws[name])
    below = sum(draw < _VAL_SHARE for draw in draws.values())
    val = set(ranked[: min(max(below, 1), len(ranked) - 1)])
    return [plan for plan in plans if (building_of(plan) in val) == (split != "train")]


def _draw(building: str) -> float:
    digest = hashlib.sha256(f"robonav building {building}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
