"""Axes and unit of one's own mesh are guessed as a person would see them, said, and can be given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st

from robonav.envs.scenes import SceneError, Spec, open_scenes
from robonav.envs.scenes.meshes.mesh_file import load_mesh_file
from robonav.envs.scenes.meshes.placing import GUESS, place
from robonav.envs.scenes.scene import Scene
from tests.envs.scenes.gltf_files import write_room

FILE_FROM_WORLD = {"z": np.eye(3), "y": np.array([[0.0, -1, 0], [0, 0, 1], [-1, 0, 0]])}
SCENES = ("gibson/TurtleBot3House.glb", "hm3d/minival/00901-AwsSmallHouse/AwsSmallHouse.basis.glb")


def load_only(spec: str) -> Scene:
    scenes = open_scenes(spec)
    return scenes.load(scenes.scene_ids[0])


@given(
    sides=st.tuples(st.floats(4, 20), st.floats(4, 20)),
    height=st.floats(2.2, 3.0),
    up=st.sampled_from("yz"),
    name=st.sampled_from(["a.glb", "a.ply", "a.obj"]),
    unit=st.sampled_from([1.0, 0.01, 0.001]),
    walls=st.integers(0, 4),
)
def test_the_floor_of_a_flat_decides(
    sides: tuple[float, float], height: float, up: str, name: str, unit: float, walls: int
) -> None:
    if min(sides) < 2 * height:  # too narrow for a floor to be twice a wall: the format's own axis holds
        return
    parts = [trimesh.creation.box(extents=(*sides, height))]
    for k in range(walls):  # thick walls across the flat
        wall = trimesh.creation.box(extents=(0.15, sides[1], height))
        wall.apply_translation(((k + 1) / (walls + 1) * sides[0] - sides[0] / 2, 0, 0))
        parts.append(wall)
    flat = trimesh.util.concatenate(parts)
    placing = place(Path(name), flat.vertices @ FILE_FROM_WORLD[up].T / unit, flat.faces, GUESS, None, None)
    assert placing.scale == unit
    assert placing.up == {"y": (0, 1, 0), "z": (0, 0, 1)}[up]
    usual = (up == "y") == (name == "a.glb") and unit == 1.0
    assert (placing.said == "") == usual


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("up", ["y", "z"])
def test_real_scenes_are_found_upright_whichever_axis_is_up(name: str, up: str, shared_data: Path) -> None:
    scene = load_mesh_file(shared_data / "scene_datasets" / name, up=GUESS)
    assert np.ptp(scene.vertices[:, 2]) < 0.3 * np.ptp(scene.vertices[:, :2], axis=0).min()
    turned = scene.vertices @ FILE_FROM_WORLD[up].T * 100
    placing = place(Path("a.ply"), turned, scene.triangles, GUESS, None, None)
    assert (placing.up["xyz".index(up)], placing.scale) == (1, 0.01)


def test_a_data_sets_file_alone_is_the_same_world_as_in_its_set(shared_data: Path) -> None:
    folder = shared_data / "scene_datasets" / "hm3d" / "minival" / "00908-OsrfFirstOffice"
    in_set = load_only(str(folder))
    alone = load_only(f"{folder / 'OsrfFirstOffice.basis.glb'},up=z")
    assert alone.content_hash == in_set.content_hash
    assert alone.source == in_set.source


def test_the_guess_is_said_and_kept_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBONAV_CACHE", str(tmp_path / "cache"))
    path = write_room(tmp_path / "my scan ü.ply", up="y")
    for _ in ("read", "from the cache"):
        with pytest.warns(UserWarning, match="taken to be y up, .* not z .*"):
            scene = load_only(str(path))
        assert scene.source is not None
        assert (scene.source.up, scene.source.scale) == ((0, 1, 0), 1.0)


def test_centimetres_are_guessed_and_said(tmp_path: Path) -> None:
    path = write_room(tmp_path / "cm.glb", size=(600, 500, 250))
    with pytest.warns(UserWarning, match="in centimetres, as it is 250 units high: if .* --scale"):
        scene = load_only(str(path))
    assert np.ptp(scene.vertices, axis=0).tolist() == pytest.approx([6, 5, 2.5])


@pytest.mark.filterwarnings("error")
def test_what_is_given_is_taken_and_not_remarked_on(tmp_path: Path) -> None:
    path = write_room(tmp_path / "a.ply", up="y", size=(600, 500, 250))
    given_both = load_only(f"{path},up=y,scale=0.01")
    assert np.ptp(given_both.vertices, axis=0).tolist() == pytest.approx([6, 5, 2.5])
    in_folder = load_only(f"{tmp_path},up=y,scale=0.02")
    assert np.ptp(in_folder.vertices, axis=0).tolist() == pytest.approx([12, 10, 5])


@pytest.mark.parametrize(
    ("said", "finding"),
    [
        ("scale=0", "scale is 0"),
        ("scale=1e", "scale is nan"),
        ("scale=1e9", "m across"),
        ("up=z", "no floor"),
    ],
)
def test_what_cannot_be_is_one_sentence(said: str, finding: str, tmp_path: Path) -> None:
    path = write_room(tmp_path / "a.ply", up="y", size=(3, 0.8, 2.5))
    with pytest.raises(SceneError, match=finding) as caught:
        load_only(f"{path},{said}")
    assert "--scale" in str(caught.value) or "scale is" in str(caught.value)


def test_other_kinds_take_no_axes(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    for spec, finding in ((f"{tmp_path},up=y", "--up and --scale are for"), ("procedural,up=y", "not exist")):
        with pytest.raises(SceneError, match=finding):
            open_scenes(spec)


@given(
    st.text(st.characters(exclude_characters=",\0\n", exclude_categories=["Cs"]), min_size=1),
    st.sampled_from([None, "y", "z"]),
    st.sampled_from([None, 1.0, 0.01, 0.001, 2.54e-5, 1e6]),
)
def test_a_spec_is_what_it_was_written_from(path: str, up: str | None, scale: float | None) -> None:
    assert Spec.parse(str(Spec(path, up, scale))) == Spec(path, up, scale)
