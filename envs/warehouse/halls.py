"""Halls by name or file: those that come with robonav, drawings in text, and maps of ROS."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from robonav.envs.scenes.floorplans.ros_map import read_plan
from robonav.envs.scenes.scene import SceneError
from robonav.envs.warehouse.layout import Station, UprightBox, WarehouseLayout
from robonav.envs.warehouse.layouts import KINDS, make_layout

_MOST_CHARACTERS = 250_000
_STATIONS = {"D": "dock", "C": "charger", "B": "bay"}


def open_halls(spec: str, split: str, count: int) -> list[WarehouseLayout]:
    """Halls to drive in.

    Args:
        spec: simple, complex or site; a text drawing (.txt); a map.yaml of ROS.
        split: "train" or "val", of halls that are drawn at random.
        count: How many of them; a file is one hall.

    Raises:
        SceneError: There is no such hall, or its file is damaged.
    """
    path = Path(spec)
    if spec in KINDS:
        return [make_layout(spec, split, number) for number in range(count)]
    if path.suffix.lower() == ".txt":
        return [read_drawing(path)]
    if path.suffix.lower() in (".yaml", ".yml") and path.is_file():
        plan = read_plan(path)
        size = (plan.floor.shape[0] * 0.05, plan.floor.shape[1] * 0.05)
        return [WarehouseLayout(path.stem, size, blocked=~plan.floor, origin=plan.origin_xy)]
    raise SceneError(
        f"there is no warehouse {spec!r}: choose {', '.join(KINDS)}, a drawing (.txt) or a map.yaml of ROS"
    )


def read_drawing(path: Path) -> WarehouseLayout:
    """A hall drawn in characters of 1 m: # blocks, . is floor, D a dock, C a charger, B a bay.

    The first line may say `cell: 0.5`, metres of a character. Stations look to the right.

    Raises:
        SceneError: It is no such drawing.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if len(text) > _MOST_CHARACTERS:
            raise ValueError(f"it has {len(text):,} characters, at most {_MOST_CHARACTERS:,} are read")
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        cell = float(lines.pop(0).split(":")[1]) if lines and lines[0].startswith("cell:") else 1.0
        if not lines or not 0.1 <= cell <= 10:
            raise ValueError(f"it has {len(lines)} lines, and characters of {cell} m: expected 0.1 to 10 m")
        unknown = sorted(set("".join(lines)) - set("#. " + "".join(_STATIONS)))
        if unknown:
            raise ValueError(f"it holds {unknown[0]!r}")
    except (OSError, UnicodeDecodeError, ValueError, IndexError) as error:
        raise SceneError(
            f"{path} is no drawing of a warehouse ({' '.join(str(error).split())}): expected lines of # for "
            "what blocks, . for floor, and D, C, B for docks, chargers, bays"
        ) from error
    return _drawn(path.stem, lines, cell)


def _drawn(name: str, lines: list[str], cell: float) -> WarehouseLayout:
    width = max(map(len, lines))
    rows = np.array([list(line.ljust(width, "#")) for line in lines[::-1]])  # the first line is the farthest
    blocks: list[UprightBox] = []
    stations: list[Station] = []
    for (j, i), character in np.ndenumerate(rows):
        x, y = (i + 0.5) * cell, (j + 0.5) * cell
        if character == "#":
            blocks.append(UprightBox(x, y, cell, cell))
        elif character in _STATIONS:
            kind = _STATIONS[str(character)]
            stations.append(Station(f"{kind}{len(stations) + 1}", kind, (x, y, 0.0)))
    return WarehouseLayout(name, (width * cell, len(lines) * cell), blocks, stations=stations)
