"""Defects of a loaded scene that hinder exploration, and their remedies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from robonav.envs.scenes.floors import floors_of
from robonav.envs.scenes.scene import FreeSpace, Scene

_SMALL_FLOOR_M2 = 4.0
_SECOND_ISLAND = 0.2  # of the area of the first: then much of the floor is never seen
_ROOM_HEIGHT_M = (1.8, 20.0)


@dataclass(frozen=True)
class SceneDefect:
    """One defect of a scene.

    Attributes:
        what: Description of the defect.
        remedy: How to mend it.
    """

    what: str
    remedy: str


def findings_of(scene: Scene) -> list[SceneDefect]:
    """The defects of a scene, the worst first; [] if there is none.

    Args:
        scene: Loaded, with free space.
    """
    main = scene.free_space
    assert main is not None  # scene sets load scenes with it
    return [*_of_the_mesh(scene), *_of_the_floor(scene, main)]


def _of_the_mesh(scene: Scene) -> Iterator[SceneDefect]:
    placing: dict[str, Any] = scene.metadata.get("placing", {})
    if placing.get("said"):
        what, _, _ = placing["said"].partition(": if")
        yield SceneDefect(what, "look at `robonav scenes preview`; if it is wrong, give --up y|z and --scale")
    height = float(np.ptp(scene.vertices[:, 2]))
    low, high = _ROOM_HEIGHT_M
    if not low <= height <= high:
        yield SceneDefect(
            f"it is {height:.3g} m high: rooms are {low:g} to {high:g} m",
            "check its unit and axes: --scale 0.01 for centimetres, --up y|z",
        )
    if placing.get("doubt"):
        yield SceneDefect(
            placing["doubt"], "look at `robonav scenes preview`; if it lies on its side, give --up y|z"
        )
    for what in scene.metadata.get("remarks", []):
        yield SceneDefect(what, "nothing, unless it matters to you: then change the file")
    unread = scene.metadata.get("unread_textures", [])
    if unread:
        yield SceneDefect(
            f"{len(unread)} textures cannot be read, such as {unread[0]}: plain colours take their place",
            "put readable PNG or JPEG files of these names beside the mesh; KTX2 textures need "
            "pip install 'robonav[basis]'",
        )
    elif (scene.texture_ids < 0).all() and len(np.unique(scene.corner_colors.reshape(-1, 3), axis=0)) < 8:
        yield SceneDefect(
            "it has no textures and almost no colours: an agent that sees RGB has little to go by",
            "export it with its textures or with vertex colours",
        )


def _of_the_floor(scene: Scene, main: FreeSpace) -> Iterator[SceneDefect]:
    area = main.area_m2()
    if area < _SMALL_FLOOR_M2:
        yield SceneDefect(
            f"only {area:.1f} m² are free around the start",
            "scan more of the floor, close its holes, or take away what stands on it",
        )
    second = main.area_m2(2)
    if second > _SECOND_ISLAND * area:
        count = int(main.islands.max())
        yield SceneDefect(
            f"the floor falls apart: {count} islands, the second of {second:.1f} m² beside {area:.1f} m²; "
            "agents start on the first and cannot cross",
            "open the doors between them in the mesh (an agent needs 0.36 m), or close the hole in its floor",
        )
    lowest = floors_of(scene)[0]
    if lowest.floor_z < main.floor_z:
        yield SceneDefect(
            f"the lowest floor, at {lowest.floor_z:.1f} m, is small ({lowest.area_m2():.1f} m²); "
            f"episodes start at {main.floor_z:.1f} m",
            "nothing, unless you want it: --floor 0 starts there",
        )
