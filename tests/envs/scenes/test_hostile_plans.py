"""Floor plans with names, headers and origins that nobody means get one sentence."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from robonav.envs.scenes import open_scenes
from robonav.envs.scenes.floorplans.files import read_raster
from robonav.envs.scenes.floorplans.ros_map import read_map_file
from robonav.envs.scenes.scene import SceneError
from tests.envs.scenes.plan_files import two_rooms, write_gibson_floors, write_map


@pytest.mark.parametrize("damage", [(b"(20, 15)", b"(20, 15,"), (b"\x93NUM", b"PK\x03\x04")])
def test_a_header_that_numpy_cannot_take_in_is_explained(damage: tuple[bytes, bytes], tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((20, 15), np.uint8))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes().replace(*damage))
    with pytest.raises(SceneError, match=r"a.npy is no grid \(.*export it again"):
        read_raster(tmp_path / "a.npy")


def test_an_empty_chunk_behind_the_pixels_of_a_picture_is_explained(tmp_path: Path) -> None:
    path = write_map(tmp_path, two_rooms(), "map.png")
    data = (tmp_path / "map.png").read_bytes()
    end = data.index(b"IEND") - 4
    chunk = struct.pack(">I4sI", 0, b"iCCP", zlib.crc32(b"iCCP"))
    (tmp_path / "map.png").write_bytes(data[:end] + chunk + data[end:])
    scenes = open_scenes(str(path))
    with pytest.raises(SceneError, match=r"map.png cannot be read as a picture .*save the map again"):
        scenes.load(scenes.scene_ids[0])


@pytest.mark.parametrize("image", ["a\0b.pgm", "x" * 3000])
def test_the_name_of_a_picture_that_no_file_can_have_is_explained(image: str, tmp_path: Path) -> None:
    path = write_map(tmp_path, two_rooms(), origin=[0, 0, 0])
    path.write_text(path.read_text().replace("map.pgm", json.dumps(image)))
    with pytest.raises(SceneError, match="is no map of ROS map_server") as caught:
        read_map_file(path)
    assert len(str(caught.value)) < 1000


def test_a_picture_that_is_a_link_to_itself_is_explained(tmp_path: Path) -> None:
    path = write_map(tmp_path, two_rooms())
    (tmp_path / "map.pgm").unlink()
    (tmp_path / "map.pgm").symlink_to("map.pgm")
    with pytest.raises(SceneError, match="save the map again"):
        open_scenes(str(path)).load(open_scenes(str(path)).scene_ids[0])


def test_a_map_too_far_off_for_single_precision_is_refused(tmp_path: Path) -> None:
    scenes = open_scenes(str(write_map(tmp_path, two_rooms(), origin=[5e5, 0.0, 0.0])))
    with pytest.raises(SceneError, match="origin at 500000, 0 m: expected at most 10,000 m"):
        scenes.load(scenes.scene_ids[0])


@pytest.mark.parametrize("building", ["x" * 3000, "a\nb", "../Abc"])
def test_a_building_that_no_file_can_be_named_after_is_explained(building: str, tmp_path: Path) -> None:
    folder = write_gibson_floors(tmp_path, {"Abc": np.ones((20, 15), bool)})
    (folder / "index.json").write_text(json.dumps({building: [{"origin_xz": [0, 0]}]}))
    with pytest.raises(SceneError, match=r"index.json is damaged") as caught:
        open_scenes(str(folder))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000
