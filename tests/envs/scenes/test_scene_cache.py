"""A scene from the cache is the scene from its file; the cache is never in the way."""

from __future__ import annotations

import errno
import multiprocessing
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

from robonav.envs.scenes import AgentShape, Scene
from robonav.envs.scenes.array_cache import ArrayCache
from robonav.envs.scenes.meshes import mesh_file
from robonav.envs.scenes.meshes.scenes import Axes, MeshScenes, SceneFile
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raycast import RaycastSensor
from tests.envs.scenes.gltf_files import png, square_header, write_gltf, write_room

ARRAYS = {"a": np.arange(12, dtype=np.int32).reshape(3, 4), "b": np.ones((0, 3), np.float32)}


@pytest.fixture
def entries(tmp_path: Path) -> ArrayCache:
    return ArrayCache(tmp_path / "cache", 10**9)


def load(path: Path, entries: ArrayCache, agent: AgentShape | None = None, axes: Axes | None = None) -> Scene:
    scenes = MeshScenes([SceneFile("it", path, axes or Axes())], agent or AgentShape(), entries)
    return scenes.load("it")


def textured_room(folder: Path) -> Path:
    """A room with a textured square in it, so that the entry has every part that a scene has."""
    import trimesh

    room = trimesh.load(write_room(folder / "plain.glb"), force="scene")
    header = square_header("flag.png")
    (folder / "flag.png").write_bytes(png(np.arange(3 * 17 * 9, dtype=np.uint8).reshape(9, 17, 3)))
    square = trimesh.load(write_gltf(folder / "square.gltf", header), force="scene")
    for geometry in square.geometry.values():
        room.add_geometry(geometry, transform=trimesh.transformations.translation_matrix([-2, 0.2, 0]))
    (folder / "plain.glb").unlink()
    room.export(folder / "room.glb")
    return folder / "room.glb"


def files_read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The mesh files that are decoded from now on."""
    read: list[Path] = []
    loader = mesh_file.load_mesh_file

    def recorded(path: Path, *args: object) -> Scene:
        read.append(path)
        return loader(path, *args)

    monkeypatch.setattr(mesh_file, "load_mesh_file", recorded)
    return read


def assert_same(one: Scene, other: Scene) -> None:
    assert one.content_hash == other.content_hash
    assert one.scene_id == other.scene_id
    assert one.metadata == other.metadata
    assert one.free_space is not None
    assert other.free_space is not None
    np.testing.assert_array_equal(one.free_space.islands, other.free_space.islands)
    assert one.free_space.origin_xy == other.free_space.origin_xy
    assert one.free_space.floor_z == other.free_space.floor_z
    assert one.free_space.cell_size == other.free_space.cell_size
    poses = Camera().poses(np.array([[2.0, 0, 0]]), np.zeros(1))
    for a, b in zip(*(RaycastSensor(s, Camera(), 1).render(poses) for s in (one, other)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_scene_from_the_cache_is_the_same_without_reading_the_mesh_again(
    entries: ArrayCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read = textured_room(tmp_path), files_read(monkeypatch)
    assert_same(load(path, entries), load(path, entries))
    assert read == [path]


def test_real_scenes_from_the_cache_are_the_same(shared_data: Path, entries: ArrayCache) -> None:
    path = shared_data / "scene_datasets" / "gibson" / "TurtleBot3House.glb"
    assert_same(load(path, entries), load(path, entries))


def test_a_copy_elsewhere_shares_the_entry_and_keeps_its_own_name(
    entries: ArrayCache, tmp_path: Path
) -> None:
    path = textured_room(tmp_path)
    load(path, entries)
    copy = tmp_path / "copy.glb"
    copy.write_bytes(path.read_bytes())
    assert load(copy, entries).metadata["file"] == str(copy)
    assert len(entries.entries()) == 1


def test_another_file_agent_or_axis_is_another_entry(
    entries: ArrayCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read = write_room(tmp_path / "a.glb", size=(6, 4, 2.5)), files_read(monkeypatch)
    first = load(path, entries)
    wide = load(path, entries, agent=AgentShape(radius_m=0.4))
    assert wide.free_space.area_m2() < first.free_space.area_m2()
    turned = load(path, entries, axes=Axes(up=(0, 1, 0), front=(1, 0, 0)))
    assert turned.content_hash != first.content_hash
    write_room(path, size=(7, 4, 2.5))
    assert np.ptp(load(path, entries).vertices[:, 0]) == pytest.approx(7)
    assert len(read) == len(entries.entries()) == 4


def test_a_texture_beside_the_mesh_that_changes_or_appears_is_seen(
    entries: ArrayCache, tmp_path: Path
) -> None:
    write_room(tmp_path / "a.obj", up="z")
    mesh = tmp_path / "a.obj"
    mesh.write_text("mtllib a.mtl\nusemtl m\n" + mesh.read_text())
    for color in ("1 0 0", "0 1 0"):
        (tmp_path / "a.mtl").write_text(f"newmtl m\nKd {color}\n")
        expected = [int(255 * float(part)) for part in color.split()]
        assert load(mesh, entries).corner_colors[0, 0].tolist() == expected
    (tmp_path / "a.mtl").unlink()
    with pytest.warns(UserWarning, match=r"cannot read a\.mtl"):
        assert load(mesh, entries).corner_colors[0, 0].tolist() != [0, 255, 0]


def test_what_could_not_be_read_is_said_again(entries: ArrayCache, tmp_path: Path) -> None:
    path = write_room(tmp_path / "a.obj", up="z")
    path.write_text("mtllib gone.mtl\n" + path.read_text())
    for _ in range(2):
        with pytest.warns(UserWarning, match="cannot read gone.mtl"):
            load(path, entries)


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "garbage", "length"])
def test_a_damaged_entry_is_made_again_with_a_warning(
    damage: str, entries: ArrayCache, tmp_path: Path
) -> None:
    path = textured_room(tmp_path)
    expected = load(path, entries)
    ((entry, _),) = entries.entries()
    content = bytearray(entry.read_bytes())
    if damage == "flipped":
        content[-100] ^= 1
    if damage == "length":
        content[:8] = b"\xff" * 8
    changed = {"cut": content[: len(content) // 2], "emptied": b"", "garbage": bytes(500)}
    entry.write_bytes(changed.get(damage, content))
    with pytest.warns(UserWarning, match="is damaged: it is made again"):
        assert_same(load(path, entries), expected)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(load(path, entries), expected)


@given(position=st.integers(0), bit=st.integers(0, 7))
def test_any_flipped_bit_is_noticed(
    position: int, bit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    entries = ArrayCache(tmp_path_factory.mktemp("cache"), 10**9)
    entries.write("k", ARRAYS)
    ((path, _),) = entries.entries()
    content = bytearray(path.read_bytes())
    content[position % len(content)] ^= 1 << bit
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arrays = entries.read("k")
    if arrays is not None:  # white space and the names of nothing may change; numbers may not
        assert {name: array.tolist() for name, array in arrays.items()} == {
            name: array.tolist() for name, array in ARRAYS.items()
        }


SOME_ARRAYS = st_np.arrays(np.float32, st_np.array_shapes(min_side=0, max_side=5))


@given(arrays=st.dictionaries(st.text("abc._", min_size=1), SOME_ARRAYS, max_size=4))
def test_arrays_come_back_as_they_were(
    arrays: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> None:
    entries = ArrayCache(tmp_path_factory.mktemp("cache"), 10**9)
    entries.write("k", arrays)
    restored = entries.read("k")
    assert restored is not None
    assert restored.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(restored[name], array)


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    entries = ArrayCache(tmp_path, 3500)
    big = {"a": np.zeros(1000, np.uint8)}
    for age, key in enumerate(["old", "older", "oldest"]):
        entries.write(key, big)
        stamp = time.time() - 100 * (age + 1)
        os.utime(tmp_path / f"{key}.safetensors", (stamp, stamp))
    assert entries.read("oldest") is not None  # now it is the newest
    entries.write("new", big)
    assert sorted(path.stem for path, _ in entries.entries()) == ["new", "old", "oldest"]  # without "older"
    assert entries.size_bytes() <= entries.limit_bytes


def test_what_is_larger_than_the_limit_is_not_kept(tmp_path: Path) -> None:
    entries = ArrayCache(tmp_path / "none", 0)
    entries.write("k", ARRAYS)
    assert entries.read("k") is None
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("trouble", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_or_read_only_disk_costs_a_warning_only(
    trouble: int, entries: ArrayCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise OSError(trouble, os.strerror(trouble))

    monkeypatch.setattr("robonav.envs.scenes.array_cache.save_file", refuse)
    with pytest.warns(UserWarning, match="the scene is not kept for next time"):
        scene = load(write_room(tmp_path / "a.glb"), entries)
    assert scene.free_space is not None
    assert list(entries.folder.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_costs_a_warning_only(tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    with pytest.warns(UserWarning, match="the scene is not kept"):
        load(write_room(tmp_path / "a.glb"), ArrayCache(tmp_path / "cache", 10**9))


def _write_and_read(folder: Path, rounds: int) -> None:
    entries = ArrayCache(folder, 10**9)
    arrays = {"a": np.arange(200_000, dtype=np.int32)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(rounds):
            entries.write("k", arrays)
            restored = entries.read("k")
            assert restored is not None
            assert restored["a"][-1] == 199_999


def test_processes_that_write_the_same_entry_do_not_disturb_each_other(tmp_path: Path) -> None:
    processes = [
        multiprocessing.get_context("fork").Process(target=_write_and_read, args=(tmp_path, 20))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["k.safetensors"]


def test_what_a_killed_writer_left_is_swept_away(entries: ArrayCache) -> None:
    entries.folder.mkdir()
    for name, age in (("old", 7200), ("fresh", 0)):
        path = entries.folder / f"{name}.partial"
        path.touch()
        os.utime(path, (time.time() - age, time.time() - age))
    entries.write("k", ARRAYS)
    assert sorted(path.name for path in entries.folder.iterdir()) == ["fresh.partial", "k.safetensors"]


def test_place_and_limit_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBONAV_CACHE", str(tmp_path))
    monkeypatch.setenv("ROBONAV_CACHE_GB", "0.5")
    assert ArrayCache.of_user() == ArrayCache(tmp_path, 500_000_000)
    monkeypatch.setenv("ROBONAV_CACHE_GB", "much")
    with pytest.warns(UserWarning, match="expected a number"):
        assert ArrayCache.of_user().limit_bytes == 10_000_000_000


def test_doctor_tells_of_the_cache_and_clears_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from robonav.launch.doctor import DoctorCommand

    monkeypatch.setenv("ROBONAV_CACHE", str(tmp_path))
    entries = ArrayCache.of_user()
    entries.write("k", ARRAYS)
    DoctorCommand(json=True, out=tmp_path).run()
    assert f"{tmp_path}: 0.00 of 10 GB, 1 scenes" in capsys.readouterr().out
    DoctorCommand(json=True, out=tmp_path, clear_cache=True).run()
    assert entries.entries() == []
