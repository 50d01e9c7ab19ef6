"""Troubles of public reports, rebuilt small: maps of Nav2's savers, of other machines, of every depth."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from robonav.envs.scenes import Scene, open_scenes
from robonav.envs.scenes.health import findings_of
from tests.envs.scenes.plan_files import two_rooms, write_map


def first_scene(path: Path) -> Scene:
    scenes = open_scenes(str(path))
    return scenes.load(scenes.scene_ids[0])


def free_area(path: Path) -> float:
    space = first_scene(path).free_space
    assert space is not None
    return space.area_m2()


def saved(folder: Path, **settings: Any) -> Path:
    """Two rooms of which the second was never seen: the door between them stood open."""
    path = write_map(folder, two_rooms(), **settings)
    with Image.open(folder / "map.pgm") as image:
        grey = np.array(image)
    right = grey[:, 101:]
    right[right == 254] = 205
    Image.fromarray(grey).save(folder / "map.pgm")
    return path


def test_what_nav2s_saver_calls_unknown_is_no_floor_by_its_own_thresholds(tmp_path: Path) -> None:
    seen = free_area(saved(tmp_path / "a" / "m", free_thresh=0.196))
    assert 12 < seen < 20  # of the first room's 20 m²
    path = saved(tmp_path / "b" / "m", free_thresh=0.25, mode="trinary")
    with pytest.warns(UserWarning, match=r"12\.0 m² are of grey 205.*`free_thresh: 0\.196`"):
        assert free_area(path) == seen
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert any("grey 205" in finding.what for finding in findings_of(first_scene(path)))


def test_a_map_without_thresholds_has_map_servers(tmp_path: Path) -> None:
    path = saved(tmp_path)
    given = yaml.safe_load(path.read_text())
    for name in ("occupied_thresh", "free_thresh", "negate"):
        del given[name]
    path.write_text(yaml.safe_dump(given))
    assert 12 < free_area(path) < 20


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "named", ["/srv/other/maps/map.pgm", "maps/map.pgm", "../elsewhere/map.pgm", "C:\\maps\\map.pgm"]
)
def test_a_picture_beside_the_yaml_is_found_whatever_folder_it_names(tmp_path: Path, named: str) -> None:
    expected = free_area(write_map(tmp_path / "a" / "m", two_rooms()))
    path = write_map(tmp_path / "b" / "m", two_rooms())
    path.write_text(path.read_text().replace("map.pgm", f"'{named}'"))
    assert free_area(path) == expected


@pytest.mark.parametrize("depth", ["1 bit", "16 bits", "palette", "grey and alpha", "colour"])
def test_pictures_of_every_depth_are_the_same_map(tmp_path: Path, depth: str) -> None:
    expected = free_area(write_map(tmp_path / "a" / "m", two_rooms()))
    path = write_map(tmp_path / "b" / "m", two_rooms(), picture="map.png")
    free = two_rooms()
    eight = Image.fromarray(np.where(free, 254, 0).astype(np.uint8))
    pictures = {
        "1 bit": eight.point(lambda value: 255 * (value > 127)).convert("1"),
        "16 bits": Image.fromarray(np.where(free, 65000, 12000).astype(np.uint16)),
        "palette": eight.convert("P"),
        "grey and alpha": eight.convert("LA"),
        "colour": eight.convert("RGB"),
    }
    pictures[depth].save(tmp_path / "b" / "m" / "map.png")
    assert free_area(path) == expected


def test_in_scale_mode_whatever_is_not_opaque_is_unknown(tmp_path: Path) -> None:
    path = write_map(tmp_path, two_rooms(), picture="map.png", mode="scale")
    pixels = np.full((*two_rooms().shape, 4), 255, np.uint8)
    pixels[..., :3] = np.where(two_rooms(), 254, 0)[..., None]
    pixels[:, 101:, 3] = 128
    Image.fromarray(pixels).save(tmp_path / "map.png")
    assert 12 < free_area(path) < 20
