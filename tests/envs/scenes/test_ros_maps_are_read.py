"""ROS maps mean what map_server says, and damaged ones are explained."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from robonav.envs.scenes import SceneError, open_scenes
from robonav.envs.scenes.floorplans.ros_map import MapFile, free_pixels, read_map_file
from robonav.envs.scenes.scene import Scene
from robonav.launch import cli
from tests.envs.scenes.plan_files import two_rooms, write_map

GREY = np.array([[0.0, 40, 100, 205, 254, np.nan]])  # occupancy 1, 0.84, 0.61, 0.196, 0.004, unknown


@pytest.mark.parametrize(
    ("mode", "negate", "free"),
    [
        ("trinary", False, [False, False, False, False, True, False]),
        ("trinary", True, [True, True, False, False, False, False]),
        ("scale", False, [False, False, False, True, True, False]),
        ("raw", False, [True, True, False, False, False, False]),
    ],
)
def test_pixels_are_free_as_map_server_reads_them(mode: str, negate: bool, free: list[bool]) -> None:
    settings = MapFile(Path("map.pgm"), 0.05, (0, 0, 0), negate, 0.65, 0.196, mode)
    assert free_pixels(GREY, settings).tolist() == [free]


def test_a_transparent_or_coloured_picture_is_read(tmp_path: Path) -> None:
    path = write_map(tmp_path, two_rooms(), picture="map.png")
    with Image.open(tmp_path / "map.png") as image:
        image.convert("RGBA").save(tmp_path / "map.png")
    scenes = open_scenes(str(path))
    space = scenes.load(scenes.scene_ids[0]).free_space
    assert space is not None
    assert space.island_at(np.array([[4.5, 2.0], [1.5, 1.5]])).tolist() == [1, 0]


def test_a_turned_map_lies_turned_in_the_world(tmp_path: Path) -> None:
    path = write_map(tmp_path, two_rooms(), origin=[3.0, 1.0, np.pi / 2])
    scenes = open_scenes(str(path))
    space = scenes.load(scenes.scene_ids[0]).free_space
    assert space is not None  # (x, y) of the map is at (3 - y, 1 + x)
    places = np.array([[3 - 2.0, 1 + 4.5], [3 - 1.5, 1 + 1.5], [3 - 1.65, 1 + 5.02], [3 - 1.0, 1 + 5.02]])
    assert (space.island_at(places) > 0).tolist() == [True, False, True, False]


def first_scene(path: Path) -> Scene:
    scenes = open_scenes(str(path))
    return scenes.load(scenes.scene_ids[0])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"resolution": "coarse"}, "could not convert"),
        ({"resolution": 0}, "resolution 0"),
        ({"resolution": 5.0}, "m across at 5 m a cell: .*check its resolution"),
        ({"origin": [0, 0]}, "origin"),
        ({"origin": [float("nan"), 0, 0]}, "origin"),
        ({"mode": "quaternary"}, "mode is none of trinary, scale, raw"),
        ({"free_thresh": 0.9}, "free_thresh 0.9"),
        ({"image": "../other.pgm"}, "expected one in its own folder"),
        ({"image": "absent.pgm"}, "which is absent"),
        ({"image": "map.yaml"}, "cannot be read as a picture"),
        ({"image": [["a"]]}, "image is no file name"),
        ({"free_thresh": 0.0}, "shows no free floor.*not swapped"),
        ({"negate": 1}, "has no floor where an agent"),
    ],
)
def test_what_is_wrong_with_a_map_is_said_in_a_sentence(
    tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    path = write_map(tmp_path / "maps", two_rooms(), **settings)
    with pytest.raises(SceneError, match=said) as raised:
        first_scene(path)
    assert str(tmp_path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_damaged_map_costs_the_command_line_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "map.yaml"
    path.write_text("image: [unclosed")
    out = tmp_path / "out"
    code = cli.main(["evaluate", "straight", "--scenes", str(path), "--episodes", "1", "--out", str(out)])
    said = capsys.readouterr().err
    assert code == cli.USERS_MISTAKE
    assert "is no map of ROS map_server" in said
    assert said.count("\n") == 1
    assert not out.exists()


@settings(max_examples=100)
@given(
    st.binary(max_size=80) | st.builds(lambda at, byte: (at, byte), st.integers(0, 200), st.integers(0, 255))
)
def test_no_damage_to_a_map_file_gets_past_scene_error(damage: bytes | tuple[int, int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_map(Path(folder), two_rooms())
        data = bytearray(path.read_bytes())
        if isinstance(damage, bytes):
            data = bytearray(damage)
        else:
            data[damage[0] % len(data)] = damage[1]
        path.write_bytes(bytes(data))
        with contextlib.suppress(SceneError):  # whatever else is raised fails the test
            assert read_map_file(path).resolution > 0


def test_aliases_that_multiply_do_no_harm(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, 12)]
    for key in ("image", "mode", "resolution", "origin", "negate"):
        path = write_map(tmp_path, two_rooms())
        path.write_text("\n".join(lines) + "\n" + path.read_text() + f"{key}: *a11\n")
        with pytest.raises(SceneError):
            read_map_file(path)
