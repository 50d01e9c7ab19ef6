"""Headset captures become rooms whose surfaces have the colours of their labels."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robonav.envs.scenes import SceneError, open_scenes
from robonav.envs.scenes.room_scans.room_scan import load_room_scan
from robonav.envs.scenes.scene import Scene
from tests.envs.scenes.plan_files import room_capture, write_scan

FLOOR, WALL, TABLE, NONE = (150, 111, 78), (214, 207, 190), (168, 124, 72), (150, 150, 148)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_scan(tmp_path / "room.json", room_capture())


def hues(scene: Scene) -> np.ndarray:
    """Colours (T, 3) of triangles, whatever their light."""
    colours = scene.corner_colors.astype(float).mean(axis=1)
    return colours / colours.sum(axis=1, keepdims=True)


def share_of(scene: Scene, triangles: np.ndarray, colour: tuple[int, int, int]) -> float:
    """Share of some triangles that have the hue of a colour."""
    hue = np.array(colour) / sum(colour)
    return float((np.abs(hues(scene)[triangles] - hue).max(axis=1) < 0.01).mean())


def test_a_capture_is_turned_into_the_world_frame(path: Path) -> None:
    scene = load_room_scan(path)
    low, high = scene.vertices.min(axis=0), scene.vertices.max(axis=0)
    assert np.allclose([low, high], [[-2, -2.5, 0], [2, 2.5, 2.5]], atol=1e-5)
    centres = scene.vertices[scene.triangles].mean(axis=1)
    table = (np.abs(centres - [1.2, 0, 0.4]) < [0.41, 0.61, 0.36]).all(axis=1)  # at z = -1.2 of the file
    assert table.any()
    assert share_of(scene, table, TABLE) == 1.0


def test_planes_take_their_surface_and_nothing_before_it(path: Path) -> None:
    scene = load_room_scan(path)
    centres = scene.vertices[scene.triangles].mean(axis=1)
    on_floor = centres[:, 2] < 1e-3
    labelled_wall = np.abs(centres[:, 1] + 2.5) < 1e-3  # x = 2.5 of the file
    other_walls = np.abs(centres[:, 1] - 2.5) < 1e-3
    assert share_of(scene, on_floor, FLOOR) == 1.0
    assert share_of(scene, labelled_wall, WALL) == 1.0
    assert share_of(scene, other_walls, NONE) == 1.0


def test_a_wall_that_bulges_is_still_the_wall(tmp_path: Path) -> None:
    scene = load_room_scan(write_scan(tmp_path / "room.json", room_capture(bulge=0.12)))
    centres = scene.vertices[scene.triangles].mean(axis=1)
    bulging = np.abs(centres[:, 1] + 2.38) < 1e-3
    assert bulging.sum() > 50
    assert share_of(scene, bulging, WALL) == 1.0


def test_a_capture_can_be_stood_in(path: Path) -> None:
    for split in ("train", "val"):
        assert list(open_scenes(str(path), split).scene_ids) == ["room.json"]
    scenes = open_scenes(str(path.parent))
    assert list(scenes.scene_ids) == ["room.json"]
    space = scenes.load("room.json").free_space
    assert space is not None
    assert space.island_at(np.array([[-1.0, 1.0], [1.2, 0.0]])).tolist() == [1, 0]
    assert space.area_m2() == pytest.approx((4 - 0.36) * (5 - 0.36) - 1.56 * 1.16, rel=0.08)


def test_settings_beside_meshes_are_no_room_scans(tmp_path: Path) -> None:
    (tmp_path / "some.scene_dataset_config.json").write_text("{}")
    with pytest.raises(SceneError, match="holds no scene"):
        open_scenes(str(tmp_path))


def put(*path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    """Sets one value somewhere in a capture."""

    def change(capture: dict[str, Any]) -> None:
        place: Any = capture
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value(place[path[-1]]) if callable(value) else value

    return change


MESH, FIRST = ("spatialEntities", -1, "triangleMesh_META"), ("spatialEntities", 0)
DAMAGE = [
    (put("spatialEntities", value=lambda entities: entities[:-1]), "holds no GLOBAL_MESH"),
    (put("spatialEntities", value={"a": 1}), "spatialEntities is no list"),
    (put(*MESH, "vertices", value=lambda text: "*" + text), "vertices are damaged"),
    (put(*MESH, "vertices", value=lambda text: text[:-8]), "no multiple of three"),
    (put(*MESH, "indices", value=""), "indices have 0 bytes"),
    (put(*MESH, "indices", value="/" * 80), "refers to vertex 4294967295"),
    (put(*MESH, "vertices", value=lambda text: "AADAfwAAwH8AAMB/" + text[16:]), "NaN or infinite"),
    (put("spatialEntities", -1, "locatable_META", "position", "x", value=1e30), "x y z are"),
    (put(*FIRST, "locatable_META", "orientation", value=dict.fromkeys("xyzw", 0)), "zero norm"),
    (put(*FIRST, "bounded2D_META", "extent", "width", value=float("nan")), "width height are"),
    (put(*FIRST, "bounded2D_META", "extent", "width", value=-1), "extent of a FLOOR is negative"),
]


@pytest.mark.parametrize(("change", "said"), DAMAGE, ids=[said for _, said in DAMAGE])
def test_what_is_wrong_with_a_capture_is_said_in_a_sentence(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    capture = room_capture()
    change(capture)
    path = write_scan(tmp_path / "room.json", capture)
    with pytest.raises(SceneError, match=said) as raised:
        load_room_scan(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@settings(max_examples=60)
@given(st.integers(0, 4000), st.binary(min_size=1, max_size=4))
def test_no_damage_to_a_capture_gets_past_scene_error(at: int, bytes_: bytes) -> None:
    capture = json.dumps(room_capture()).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "room.json"
        path.write_bytes(capture[:at] + bytes_ + capture[at + len(bytes_) :])
        with contextlib.suppress(SceneError):  # whatever else is raised fails the test
            assert len(load_room_scan(path).triangles)


@pytest.mark.parametrize(
    ("name", "share"), [("living_room", 0.6), ("meeting_room", 0.7), ("office_small", 0.5)]
)
def test_most_of_a_real_capture_is_labelled(shared_data: Path, name: str, share: float) -> None:
    scenes = open_scenes(str(shared_data / "room_scans" / f"{name}.json"))
    scene = scenes.load(scenes.scene_ids[0])
    assert scene.metadata["labelled_share"] > share
    assert scene.free_space is not None
    assert scene.free_space.area_m2() > 1.0
