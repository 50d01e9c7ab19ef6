"""Maps of ROS map_server: a .yaml file and its image."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from robonav.envs.scenes.damage import READ_ERRORS, reason_of
from robonav.envs.scenes.floorplans.files import split_by_building
from robonav.envs.scenes.floorplans.plan import (
    MAX_CELLS,
    FloorPlan,
    Mask,
    check_extent,
    make_plan,
)
from robonav.envs.scenes.floorplans.scenes import plan_scenes
from robonav.envs.scenes.free_space import AgentShape
from robonav.envs.scenes.lazy_scenes import LazyScenes
from robonav.envs.scenes.scene import SceneError

_SUFFIXES = (".yaml", ".yml")
_MODES = ("trinary", "scale", "raw")
_MAX_YAML_BYTES = 1_000_000
_LONGEST_NAME = 255
_OCCUPANCY_OF_UNKNOWN = 50 / 255
_SAVED_UNKNOWN = 205  # what every map saver writes for a cell that was never seen


@dataclass(frozen=True)
class MapFile:
    """Content of a map's .yaml.

    Attributes:
        image: The picture of the map, beside the .yaml file or below.
        resolution: Metres a pixel.
        origin: World x, y (metres) and heading (radians) of the picture's lower left corner.
        negate: Whether white means occupied.
        occupied_thresh: Occupancy above which a pixel is occupied.
        free_thresh: Occupancy below which it is free.
        mode: trinary, scale or raw.
    """

    image: Path
    resolution: float
    origin: tuple[float, float, float]
    negate: bool
    occupied_thresh: float
    free_thresh: float
    mode: str


def open_kind(spec: str, split: str, agent: AgentShape) -> LazyScenes | None:
    """A map's .yaml file, or a folder of them; None if it is neither."""
    path = Path(spec)
    if path.is_file() and path.suffix.lower() in _SUFFIXES:
        maps = [path]
    elif path.is_dir():
        files = sorted(file for suffix in _SUFFIXES for file in path.glob(f"*{suffix}"))
        found = [file for file in files if file.is_file() and _looks_like_a_map(file)]
        maps = split_by_building(found, lambda file: file.stem, split) if found else []
    else:
        return None
    readers = {f"{m.resolve().parent.name}/{m.name}": partial(_read, m) for m in maps}
    return plan_scenes(readers, agent) if readers else None


def _looks_like_a_map(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(4096)
    return all(key in start for key in (b"image:", b"resolution:", b"origin:"))


def read_map_file(path: Path) -> MapFile:
    """Read a map's .yaml.

    Raises:
        SceneError: It is damaged, or names no picture in its own folder.
    """
    try:
        if path.stat().st_size > _MAX_YAML_BYTES:
            raise ValueError(f"{path.stat().st_size:,} bytes")
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = _checked(path, given)
        inside = found.image.resolve().is_relative_to(path.parent.resolve())
        beside = path.parent / re.split(r"[/\\]", str(given["image"]))[-1]
        if not (inside and found.image.exists()) and beside.is_file():  # it names another machine's folder
            found, inside = replace(found, image=beside), True
    except (yaml.YAMLError, RuntimeError, *READ_ERRORS) as error:
        raise SceneError(
            f"{path} is no map of ROS map_server ({reason_of(error)}): expected image, resolution, origin "
            "[x, y, yaw], occupied_thresh and free_thresh, so save the map again"
        ) from error
    if not inside:
        raise SceneError(
            f"{path} names the picture {found.image}: expected one in its own folder; copy it there, and "
            f"write `image: {found.image.name}` into the .yaml"
        )
    return found


def _checked(path: Path, given: Any) -> MapFile:
    if not isinstance(given, dict):
        raise ValueError("it holds no settings")
    image, mode = given["image"], given.get("mode", "trinary")
    mode = mode.lower() if isinstance(mode, str) else mode
    if (
        not isinstance(image, str) or len(image) > _LONGEST_NAME or mode not in _MODES
    ):  # nested aliases would blow up if they were printed
        raise ValueError(f"image is no file name, or mode is none of {', '.join(_MODES)}")
    x, y, yaw = (float(value) for value in given["origin"])
    resolution, negate = float(given["resolution"]), bool(int(given.get("negate", 0)))
    occupied, free = float(given.get("occupied_thresh", 0.65)), float(given.get("free_thresh", 0.196))
    if not all(math.isfinite(value) for value in (x, y, yaw)) or not 1e-4 <= resolution <= 10:
        raise ValueError(f"origin {[x, y, yaw]}, resolution {resolution}")
    if not 0 <= free <= occupied <= 1:
        raise ValueError(f"free_thresh {free}, occupied_thresh {occupied}")
    return MapFile(path.parent / image, resolution, (x, y, yaw), negate, occupied, free, mode)


def _read(path: Path, agent: AgentShape) -> FloorPlan:
    return read_plan(path)


def read_plan(path: Path) -> FloorPlan:
    """Read a map: free pixels are floor, occupied and unknown pixels are not.

    Raises:
        SceneError: It is damaged, or shows no floor.
    """
    found = read_map_file(path)
    grey = _picture(path, found)
    free = free_pixels(grey, found)
    remarks = _remarks(grey, found)
    for remark in remarks:
        warnings.warn(f"{path}: {remark}", stacklevel=2)
    # the first row of the picture is at its top
    plan = make_plan(str(path), free[::-1].T, found.resolution, found.origin, furnished=True)
    plan.metadata.update(file=str(path), remarks=remarks)
    return plan


def _remarks(grey: NDArray[np.float32], found: MapFile) -> list[str]:
    """Remark on unknown cells that the thresholds would call free, as those of Nav2's map_saver do."""
    unknown = np.count_nonzero(grey == _SAVED_UNKNOWN)
    if not unknown or found.free_thresh <= _OCCUPANCY_OF_UNKNOWN or not _keeps_saved_unknown(found):
        return []
    return [
        f"{unknown * found.resolution**2:.1f} m² are of grey 205, which map savers write for what was never "
        f"seen: they are no floor here, though free_thresh {found.free_thresh:g} calls them free; "
        "`free_thresh: 0.196` in the .yaml says so"
    ]


def _keeps_saved_unknown(found: MapFile) -> bool:
    return found.mode == "trinary" and not found.negate


def _picture(path: Path, found: MapFile) -> NDArray[np.float32]:
    """Grey values (H, W) of the picture, 0 to 255, NaN where it is transparent, which means unknown."""
    try:
        with Image.open(found.image) as image:
            width, height = image.size
            if width * height > MAX_CELLS:
                raise ValueError(f"{width} x {height} pixels, at most {MAX_CELLS:,} are read")
            check_extent(str(path), (width, height), found.resolution)
            if image.mode == "L":
                return np.asarray(image).astype(np.float32)
            if image.mode.startswith("I"):  # 16 bits a pixel, which `convert` would cut off at 255
                return np.asarray(image).astype(np.float32) * np.float32(255 / 65535)
            if image.mode == "F":
                raise ValueError("its pixels are fractions")
            bands = np.asarray(image.convert("RGBA"))
    except SceneError:
        raise
    except FileNotFoundError as error:
        raise SceneError(f"{path} names the picture {found.image}, which is absent: copy it there") from error
    except (Image.DecompressionBombError, *READ_ERRORS) as error:
        raise SceneError(
            f"{found.image} cannot be read as a picture ({reason_of(error)}): expected .pgm "
            f"or .png as {path} says, so save the map again"
        ) from error
    grey = np.einsum("hwc->hw", bands[..., :3], dtype=np.float32) / np.float32(3)
    seen = 255 if found.mode == "scale" else 1  # there any pixel that is not opaque is unknown
    return np.where(bands[..., 3] < seen, np.float32(np.nan), grey)


def free_pixels(grey: NDArray[np.floating], found: MapFile) -> Mask:
    """Free pixels (H, W), as map_server reads them; for `scale` and `raw` the limit is half.

    A `trinary` picture's grey of 205 is never free: every map saver writes it for what was not seen, also
    Nav2's, whose free_thresh of 0.25 would make floor of it.

    Args:
        grey: (H, W) 0 to 255, NaN = unknown.
        found: Thresholds and mode.
    """
    if found.mode == "raw":  # percent of occupancy; above 100 it is unknown
        return grey < 50
    occupancy = (grey if found.negate else 255 - grey) / 255
    if found.mode == "scale":
        return occupancy < (found.free_thresh + found.occupied_thresh) / 2
    free = occupancy < found.free_thresh
    return free & (grey != _SAVED_UNKNOWN) if _keeps_saved_unknown(found) else free
