"""open_scenes finds the scenes of a file, a folder, and the HM3D and Gibson layouts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from robonav.envs.scenes import SceneError, open_scenes
from tests.envs.scenes.gltf_files import write_room


def write_config(folder: Path, up: list[int], front: list[int]) -> None:
    text = json.dumps({"stages": {"default_attributes": {"up": up, "front": front}}})
    (folder / "some.scene_dataset_config.json").write_text(text)


@pytest.fixture
def hm3d(tmp_path: Path) -> Path:
    root = tmp_path / "hm3d"
    for split, names in {"val": ["00800-Abc", "00801-Def"], "minival": ["00800-Abc"]}.items():
        for name in names:
            stem = name.split("-")[1]
            write_room(root / split / name / f"{stem}.basis.glb", up="z")
            write_room(root / split / name / f"{stem}.semantic.glb", up="z")
    return root


def test_hm3d_scenes_are_found_by_split_in_order(hm3d: Path) -> None:
    assert open_scenes(str(hm3d)).scene_ids == ("hm3d/val/00800-Abc", "hm3d/val/00801-Def")
    assert open_scenes(str(hm3d), split="minival").scene_ids == ("hm3d/minival/00800-Abc",)
    assert open_scenes(str(hm3d / "minival")).scene_ids == ("hm3d/minival/00800-Abc",)
    assert open_scenes(str(hm3d / "val" / "00801-Def")).scene_ids == ("hm3d/val/00801-Def",)


def test_an_absent_hm3d_split_is_named_with_those_that_exist(hm3d: Path) -> None:
    with pytest.raises(SceneError, match="no HM3D split 'train': it has val, minival"):
        open_scenes(str(hm3d), split="train")


def test_minival_stands_in_for_an_absent_val(hm3d: Path) -> None:
    (hm3d / "val").rename(hm3d / "other")
    assert open_scenes(str(hm3d)).scene_ids == ("hm3d/minival/00800-Abc",)


def extent(path: Path) -> list[float]:
    scenes = open_scenes(str(path))
    vertices = scenes.load(scenes.scene_ids[0]).vertices
    return np.ptp(vertices, axis=0).tolist()


def test_hm3d_files_are_z_up_unless_their_config_says_otherwise(hm3d: Path) -> None:
    assert extent(hm3d) == pytest.approx([4, 6, 2.5])  # the file's y is ahead
    write_config(hm3d, up=[0, 0, 1], front=[1, 0, 0])
    assert extent(hm3d) == pytest.approx([6, 4, 2.5])


def test_gibson_scenes_are_y_up_and_have_no_splits(tmp_path: Path) -> None:
    for name in ("Bolton", "Adrian"):
        write_room(tmp_path / f"{name}.glb")
        (tmp_path / f"{name}.navmesh").touch()
    for split in ("train", "val"):
        assert open_scenes(str(tmp_path), split).scene_ids == ("gibson/Adrian", "gibson/Bolton")
    assert extent(tmp_path) == pytest.approx([6, 4, 2.5])


def test_a_folder_of_meshes_holds_each_of_them(tmp_path: Path) -> None:
    write_room(tmp_path / "b.glb")
    write_room(tmp_path / "a.PLY", up="z")
    (tmp_path / "notes.txt").touch()
    scenes = open_scenes(str(tmp_path))
    assert scenes.scene_ids == ("a.PLY", "b.glb")
    for scene_id in scenes.scene_ids:
        scene = scenes.load(scene_id)
        assert scene.scene_id == scene_id
        assert np.ptp(scene.vertices, axis=0).tolist() == pytest.approx([6, 4, 2.5])


def test_a_folder_with_splits_gives_the_split_asked_for(tmp_path: Path) -> None:
    write_room(tmp_path / "train" / "a.glb")
    write_room(tmp_path / "val" / "b.glb")
    assert open_scenes(str(tmp_path), "train").scene_ids == ("a.glb",)
    assert open_scenes(str(tmp_path), "val").scene_ids == ("b.glb",)


def test_a_scene_that_is_in_use_is_loaded_once(tmp_path: Path) -> None:
    scenes = open_scenes(str(write_room(tmp_path / "a.glb")))
    scene = scenes.load("a.glb")
    assert scenes.load("a.glb") is scene


@pytest.mark.parametrize("spec", ["nowhere", "empty"])
def test_a_path_without_a_scene_is_explained(spec: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        SceneError, match=f"{spec} (does not exist|holds no scene): expected .*check the path"
    ):
        open_scenes(str(tmp_path / spec))


def test_an_unknown_scene_is_answered_with_those_that_exist(tmp_path: Path) -> None:
    scenes = open_scenes(str(write_room(tmp_path / "a.glb")))
    with pytest.raises(SceneError, match=r"'b.glb' is not in this set: it has a.glb"):
        scenes.load("b.glb")


@pytest.mark.parametrize(
    "content", ["{", '{"stages": {"default_attributes": {"up": "z", "front": [0, 1, 0]}}}']
)
def test_a_damaged_config_is_explained(content: str, hm3d: Path) -> None:
    (hm3d / "some.scene_dataset_config.json").write_text(content)
    with pytest.raises(SceneError, match=r"some.scene_dataset_config.json is damaged"):
        open_scenes(str(hm3d))


def test_procedural_houses_are_a_scene_set_of_their_own() -> None:
    scenes = open_scenes("procedural", split="val")
    scene = scenes.load(scenes.scene_ids[0])
    assert scene.free_space is not None
    assert set(scenes.scene_ids).isdisjoint(open_scenes("procedural", split="train").scene_ids)


def test_a_navmesh_beside_the_mesh_comes_with_the_scene(hm3d: Path) -> None:
    navmesh = hm3d / "val" / "00801-Def" / "Def.basis.navmesh"
    navmesh.touch()
    scenes = open_scenes(str(hm3d))
    without, beside = (scenes.load(scene_id).navmesh_path for scene_id in scenes.scene_ids)
    assert without is None
    assert beside == navmesh
