"""Habitat's scene_dataset_config.json decides which stages there are and which way is up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robonav.envs.scenes import SceneError, open_scenes
from tests.envs.scenes.gltf_files import write_room

Y_UP = {"up": [0, 1, 0], "front": [0, 0, -1]}
Z_UP = {"up": [0, 0, 1], "front": [1, 0, 0]}


def write_config(folder: Path, paths: Any, defaults: Any = Y_UP) -> Path:
    path = folder / "own.scene_dataset_config.json"
    path.write_text(json.dumps({"stages": {"default_attributes": defaults, "paths": paths}}))
    return path


def write_stage(path: Path, **attributes: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(attributes))


def extent(spec: Path, scene_id: str) -> list[float]:
    return np.ptp(open_scenes(str(spec)).load(scene_id).vertices, axis=0).tolist()


def test_the_globs_of_a_config_say_which_meshes_are_scenes(tmp_path: Path) -> None:
    for name in ("a/one.glb", "a/one.semantic.glb", "b/two.glb", "three.glb"):
        write_room(tmp_path / name)
    config = write_config(tmp_path, {".glb": ["a/*.glb", "b"]})
    names = (f"{tmp_path.name}/a/one", f"{tmp_path.name}/b/two")
    assert open_scenes(str(tmp_path)).scene_ids == names
    assert open_scenes(str(config)).scene_ids == names


def test_a_stage_config_has_axes_and_a_scale_of_its_own(tmp_path: Path) -> None:
    write_room(tmp_path / "rooms" / "y.glb", up="y")
    write_room(tmp_path / "rooms" / "z.glb", up="z")
    write_stage(tmp_path / "stages" / "plain.stage_config.json", render_asset="../rooms/y.glb")
    large = {"render_asset": "../rooms/z.glb", "scale": [2] * 3, **Z_UP}
    write_stage(tmp_path / "stages" / "large.stage_config.json", **large)
    write_config(tmp_path, {".json": ["stages"]})
    scenes = open_scenes(str(tmp_path))
    assert [name.rsplit("/", 1)[1] for name in scenes.scene_ids] == ["large", "plain"]
    assert extent(tmp_path, scenes.scene_ids[1]) == pytest.approx([6, 4, 2.5])
    assert extent(tmp_path, scenes.scene_ids[0]) == pytest.approx([12, 8, 5])


@pytest.mark.parametrize(
    "paths",
    [{".glb": ["../*.glb"]}, {".glb": ["/*.glb"]}, {".json": ["../"]}, {".glb": [3]}, {".glb": 3}, []],
)
def test_globs_that_lead_out_of_the_folder_or_are_none_are_explained(paths: Any, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    write_room(tmp_path / "outside.glb")
    write_config(tmp_path / "set", paths)
    with pytest.raises(SceneError, match=r"own\.scene_dataset_config\.json is damaged .* mend it"):
        open_scenes(str(tmp_path / "set"))


@pytest.mark.parametrize(
    "stage",
    [
        {"render_asset": "../../outside.glb"},
        {"render_asset": 3},
        {},
        {"render_asset": "a.glb", "scale": [1, 2, 1]},
        {"render_asset": "a.glb", "scale": [float("nan")] * 3},
        {"render_asset": "a.glb", "up": [1, 1, 1]},
    ],
)
def test_a_bad_stage_config_is_explained(stage: dict[str, Any], tmp_path: Path) -> None:
    write_stage(tmp_path / "stages" / "bad.stage_config.json", **stage)
    write_config(tmp_path, {".json": ["stages"]})
    with pytest.raises(SceneError, match=r"bad\.stage_config\.json is damaged"):
        open_scenes(str(tmp_path))


def test_hm3d_is_found_below_its_downloaders_folder_and_its_labels_are_left_out(tmp_path: Path) -> None:
    scene = tmp_path / "hm3d" / "val" / "00800-TEEsavR23oF"
    for name in ("TEEsavR23oF.basis.glb", "TEEsavR23oF.semantic.glb"):
        write_room(scene / name, up="z")
    (scene / "TEEsavR23oF.semantic.txt").write_text("HM3D Semantic Annotations\n")
    for spec in (tmp_path, tmp_path / "hm3d", scene.parent, scene):
        assert open_scenes(str(spec)).scene_ids == ("hm3d/val/00800-TEEsavR23oF",)


def test_labels_in_a_plain_folder_are_no_scene(tmp_path: Path) -> None:
    for name in ("a.glb", "a.semantic.glb", "mesh_semantic.ply"):
        write_room(tmp_path / name)
    assert open_scenes(str(tmp_path)).scene_ids == ("a.glb",)


def test_habitats_own_test_sets_list_their_stages(shared_data: Path) -> None:
    sets = shared_data / "gltf_cases" / "dataset_tests"
    stages = "dataset_0/stages/stage_test_glbs/glbload_test_stage"
    expected = ("dataset_0/stages/dataset_test_stage", *(f"{stages}{k}" for k in range(3)))
    assert open_scenes(str(sets / "dataset_0")).scene_ids == expected
    assert len(open_scenes(str(sets / "dataset_1")).scene_ids) > 0
