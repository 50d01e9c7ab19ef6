"""A mesh that cannot be used gives one sentence with the file, the finding and the remedy, never a stack."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh

from robonav.envs.scenes import open_scenes
from robonav.envs.scenes.meshes.mesh_file import load_mesh_file
from robonav.envs.scenes.scene import SceneError
from tests.envs.scenes.gltf_files import square_header, write_glb, write_gltf, write_room


def truncated_glb(folder: Path) -> Path:
    path = write_room(folder / "a.glb")
    path.write_bytes(path.read_bytes()[:-100])
    return path


def glb_with_a_short_buffer(folder: Path) -> Path:
    header = square_header()
    header["accessors"][0]["count"] = 4_000_000_000
    return write_glb(folder / "a.glb", header)


def glb_without_json(folder: Path) -> Path:
    (folder / "a.glb").write_bytes(struct.pack("<4sIIII", b"glTF", 2, 28, 8, 0x4E4F534A) + b"\xff{broken")
    return folder / "a.glb"


def not_a_glb(folder: Path) -> Path:
    (folder / "a.glb").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\n")
    return folder / "a.glb"


def empty_file(folder: Path) -> Path:
    (folder / "a.obj").touch()
    return folder / "a.obj"


def empty_mesh(folder: Path) -> Path:
    (folder / "a.ply").write_text(
        "ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nproperty float y\nproperty float z\n"
        "element face 0\nproperty list uchar int vertex_indices\nend_header\n"
    )
    return folder / "a.ply"


def points_only(folder: Path) -> Path:
    trimesh.PointCloud(np.eye(3)).export(folder / "a.ply")
    return folder / "a.ply"


def nan_vertices(folder: Path) -> Path:
    (folder / "a.obj").write_text("v 0 0 0\nv 1 0 0\nv nan 1 0\nf 1 2 3\n")
    return folder / "a.obj"


def index_out_of_range(folder: Path) -> Path:
    header = square_header()
    header["accessors"][0]["count"] = 3
    return write_gltf(folder / "a.gltf", header)


def boastful_ply(folder: Path) -> Path:
    (folder / "a.ply").write_bytes(
        b"ply\nformat binary_little_endian 1.0\nelement vertex 99999999999\nproperty float x\n"
        b"property float y\nproperty float z\nelement face 99999999999\n"
        b"property list uchar int vertex_indices\nend_header\n" + bytes(100)
    )
    return folder / "a.ply"


def missing_buffer(folder: Path) -> Path:
    header = square_header()
    header["buffers"][0]["uri"] = "gone.bin"
    return write_gltf(folder / "a.gltf", header)


def buffer_outside_of_the_folder(folder: Path) -> Path:
    header = square_header()
    (folder.parent / "outside.bin").write_bytes(bytes(1000))
    header["buffers"][0]["uri"] = "../outside.bin"
    return write_gltf(folder / "a.gltf", header)


def centimetres(folder: Path) -> Path:
    return write_room(folder / "a.glb", size=(600.0, 400.0, 250.0))


def wrong_suffix(folder: Path) -> Path:
    (folder / "a.blend").write_text("?")
    return folder / "a.blend"


def absent(folder: Path) -> Path:
    return folder / "a.glb"


@pytest.mark.parametrize(
    ("make", "finding"),
    [
        (truncated_glb, "truncated"),
        (glb_with_a_short_buffer, "cannot be read"),
        (glb_without_json, "damaged glTF header"),
        (not_a_glb, "no GLB file"),
        (empty_file, "0 bytes"),
        (empty_mesh, "no triangles"),
        (points_only, "no triangles"),
        (nan_vertices, "1 of 3 vertices that are NaN"),
        (index_out_of_range, "vertex 3 of 3"),
        (boastful_ply, "cannot be read"),
        (missing_buffer, "gone.bin is missing"),
        (buffer_outside_of_the_folder, "outside.bin is missing"),
        (centimetres, "600 m across"),
        (wrong_suffix, "expected one of .glb"),
        (absent, "does not exist"),
    ],
)
def test_a_bad_mesh_is_explained_in_one_sentence(
    make: Callable[[Path], Path], finding: str, tmp_path: Path
) -> None:
    folder = tmp_path / "scene"
    folder.mkdir()
    path = make(folder)
    with pytest.raises(SceneError, match=finding) as caught:
        load_mesh_file(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert len(message) - len(str(path)) < 220


@pytest.mark.parametrize("share", np.linspace(0.02, 0.98, 13))
def test_a_file_cut_anywhere_never_fails_in_another_way(share: float, tmp_path: Path) -> None:
    for suffix in (".glb", ".ply", ".obj"):
        path = write_room(tmp_path / f"a{suffix}", up="z")
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])
        try:
            scene = load_mesh_file(path)
        except SceneError as error:
            is_sound = str(path) in str(error)
        else:  # text that ends between two lines is still a mesh
            is_sound = bool(np.isfinite(scene.vertices[scene.triangles]).all())
        assert is_sound


def test_a_scene_with_no_floor_says_so_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "wall.obj").write_text("v 0 0 0\nv 0 5 0\nv 0 5 3\nv 0 0 3\nf 1 2 3\nf 1 3 4\n")
    scenes = open_scenes(str(tmp_path / "wall.obj"))
    with pytest.raises(SceneError, match=r"wall\.obj: no floor .* check the up axis"):
        scenes.load(scenes.scene_ids[0])
