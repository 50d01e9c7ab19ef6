"""Troubles of public reports, rebuilt small: OBJ and PLY of other programs, far away, on a side."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from robonav.envs.scenes import Scene, SceneError, open_scenes
from robonav.envs.scenes.health import findings_of
from robonav.envs.scenes.meshes.mesh_file import load_mesh_file
from robonav.envs.scenes.meshes.placing import GUESS

QUAD = "v 0 0 0\nv 2 0 0\nv 2 2 0\nv 0 2 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
FACES = "f 1/1 2/2 3/3\nf 1/1 3/3 4/4\n"
MTL = "newmtl wall\r\nKd 0.8 0.8 0.8\r\nmap_Kd {}\r\n"


def write_obj(folder: Path, picture: str, mtl: str = "walls.mtl", at: str = "walls.mtl") -> Path:
    (folder / at).parent.mkdir(exist_ok=True)
    (folder / at).write_text(MTL.format(picture))
    (folder / "a.obj").write_text(f"mtllib {mtl}\n{QUAD}usemtl wall\n{FACES}".replace("\n", "\r\n"))
    return folder / "a.obj"


def write_picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4, 3), (10, 200, 30), np.uint8)).save(path)


def load_silently(path: Path) -> Scene:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_mesh_file(path)


@pytest.mark.parametrize(
    "written",
    [
        "textures\\wand.png",
        "Textures/WAND.PNG",
        "-s 1.0 1.0 1.0 textures/wand.png",
        "-clamp on -bm 0.5 -o 0 0 textures\\Wand.png",
        '"textures/wand.png"',
        "C:\\Users\\Jo Doe\\house\\textures\\wand.png",
        "/srv/other/textures/wand.png",
        "./textures/wand.png",
    ],
)
def test_a_texture_is_found_however_its_path_is_written(tmp_path: Path, written: str) -> None:
    write_picture(tmp_path / "textures" / "wand.png")

    scene = load_silently(write_obj(tmp_path, written))

    assert (scene.texture_ids == 0).all()
    assert (scene.textures[0] == (10, 200, 30)).all()


def test_an_mtl_in_another_folder_names_pictures_beside_it(tmp_path: Path) -> None:
    write_picture(tmp_path / "materials" / "wand.png")

    scene = load_silently(write_obj(tmp_path, "wand.png", "materials\\Walls.mtl", "materials/walls.mtl"))

    assert (scene.texture_ids == 0).all()


def test_a_scene_whose_mtl_is_in_another_folder_is_kept_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_picture(tmp_path / "materials" / "wand.png")
    path = write_obj(tmp_path, "wand.png", "materials/walls.mtl", "materials/walls.mtl")

    from robonav.envs.scenes.meshes.side_files import SideFiles

    digests = load_silently(path).metadata["side_files"]
    assert SideFiles(path).digests(digests) == digests
    assert None not in digests.values()


def test_scale_and_offset_of_a_picture_move_its_coordinates(tmp_path: Path) -> None:
    write_picture(tmp_path / "wand.png")

    scene = load_silently(write_obj(tmp_path, "-s 2 4 -o 0.5 0.25 wand.png"))

    corners = scene.vertices[scene.triangles].reshape(-1, 3)
    far = corners[:, :2].min(axis=1) == 2  # u = v = 1 there, v up
    np.testing.assert_allclose(scene.corner_uvs.reshape(-1, 2)[far], [[2.5, 1 - 4.25]] * far.sum())


def test_several_material_libraries_are_all_read(tmp_path: Path) -> None:
    write_picture(tmp_path / "wand.png")
    (tmp_path / "floor.mtl").write_text("newmtl floor\nKd 1 0 0\n")
    (tmp_path / "walls.mtl").write_text(MTL.format("wand.png"))
    body = QUAD + "usemtl floor\nf 1/1 2/2 3/3\nusemtl wall\nf 1/1 3/3 4/4\n"
    for libraries in ("mtllib floor.mtl\nmtllib walls.mtl\n", "mtllib floor.mtl walls.mtl\n"):
        (tmp_path / "a.obj").write_text(libraries + body)
        scene = load_silently(tmp_path / "a.obj")
        assert sorted(scene.texture_ids) == [-1, 0]
        assert (scene.corner_colors[scene.texture_ids < 0] == (255, 0, 0)).all()


@pytest.mark.parametrize(
    "change", [("\n", "\r"), (" ", "\t"), ("mtllib", "\ufeffmtllib"), ("v 0 0 0", "  v 0 0 0")]
)
def test_obj_text_of_other_systems(tmp_path: Path, change: tuple[str, str]) -> None:
    write_picture(tmp_path / "wand.png")
    path = write_obj(tmp_path, "wand.png")
    text = path.read_text().replace("\r\n", "\n").replace(*change)
    path.write_bytes(text.encode())

    scene = load_silently(path)

    assert (scene.texture_ids == [0, 0]).all()
    assert np.ptp(scene.vertices, axis=0).tolist() == [2, 2, 0]


def test_pictures_outside_of_the_meshs_folder_stay_unread(tmp_path: Path) -> None:
    write_picture(tmp_path / "secret.png")
    (tmp_path / "house").mkdir()
    with pytest.warns(UserWarning, match="cannot read"):
        scene = load_mesh_file(write_obj(tmp_path / "house", "..\\secret.png"))
    assert (scene.texture_ids == -1).all()


PLY = """ply
format ascii 1.0
{}element vertex 4
property double x
property double y
property double z
{}element face 2
property list uchar int vertex_indices
{}end_header
"""
POINTS = ("0 0 0", "2 0 0", "2 2 0", "0 2 0")


def write_ply(path: Path, comments: str = "", properties: str = "", values: str = "", tail: str = "") -> Path:
    lines = [f"{point} {values}".strip() for point in POINTS]
    path.write_text(PLY.format(comments, properties, tail) + "\n".join(lines) + "\n3 0 1 2\n3 0 2 3\n")
    return path


@pytest.mark.parametrize("names", [("diffuse_red", "diffuse_green", "diffuse_blue"), ("r", "g", "b")])
def test_colours_of_a_ply_under_other_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    properties = "".join(f"property uchar {name}\n" for name in names)
    scene = load_silently(write_ply(tmp_path / "a.ply", "", properties, "10 20 30"))
    assert (scene.corner_colors == (10, 20, 30)).all()


def test_strips_of_a_ply_are_named(tmp_path: Path) -> None:
    path = write_ply(tmp_path / "a.ply")
    strips = "element tristrips 1\nproperty list int int vertex_indices\n"
    faces = "element face 2\nproperty list uchar int vertex_indices\n"
    path.write_text(path.read_text().replace(faces, strips).replace("3 0 1 2\n3 0 2 3", "4 0 1 3 2"))
    with pytest.raises(SceneError, match="triangle strips"):
        load_mesh_file(path)


def test_textures_of_a_ply_that_are_not_shown_are_named(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    one, two = "comment TextureFile a.png\n", "comment TextureFile b.png\n"
    with pytest.warns(UserWarning, match=r"its texture a\.png is not shown"):
        load_mesh_file(write_ply(tmp_path / "a.ply", one))
    with pytest.warns(UserWarning, match="names 2 textures"):
        load_mesh_file(write_ply(tmp_path / "a.ply", two + one))


def flat() -> trimesh.Trimesh:
    """Two rooms of 6 x 4 x 2.6 m with a wall between that leaves a door, upright."""
    wall = trimesh.creation.box(extents=(0.1, 2.6, 2.6))
    wall.apply_translation((0.6, 0.7, 0))
    both = trimesh.util.concatenate([trimesh.creation.box(extents=(6, 4, 2.6)), wall])
    both.apply_translation((3, 2, 1.3))
    return both


@pytest.mark.parametrize("suffix", [".obj", ".ply"])
def test_a_mesh_in_map_coordinates_keeps_its_walls(tmp_path: Path, suffix: str) -> None:
    mesh = flat()
    far = mesh.vertices + np.array([456789.37, 5234567.81, 312.4])
    path = tmp_path / f"utm{suffix}"
    if suffix == ".obj":
        lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in far]
        path.write_text("\n".join(lines + [f"f {a} {b} {c}" for a, b, c in mesh.faces + 1]) + "\n")
    else:
        header = PLY.replace("vertex 4", f"vertex {len(far)}").replace("face 2", f"face {len(mesh.faces)}")
        lines = [f"{x:.6f} {y:.6f} {z:.6f}" for x, y, z in far]
        path.write_text(
            header.format("", "", "") + "\n".join(lines + [f"3 {a} {b} {c}" for a, b, c in mesh.faces]) + "\n"
        )

    with pytest.warns(UserWarning, match=r"was moved by \(-456792, -5234570, 0\) m|was moved by"):
        scene = load_mesh_file(path)

    moved = np.unique((scene.vertices.astype(float) - scene.metadata["moved_by"]).round(4), axis=0)
    np.testing.assert_allclose(moved, np.unique(far.round(4), axis=0), atol=2e-4)
    assert np.abs(scene.vertices[:, :2]).max() < 10


def test_single_precision_far_away_is_said(tmp_path: Path) -> None:
    mesh = flat()
    mesh.apply_translation((456789.37, 5234567.81, 0))
    mesh.export(tmp_path / "a.ply")
    with pytest.warns(UserWarning, match="single precision, to 0.5 m"):
        load_mesh_file(tmp_path / "a.ply")


def test_a_moved_mesh_does_not_pass_for_the_file_where_it_was(tmp_path: Path) -> None:
    mesh = flat()
    mesh.apply_translation((5000, 0, 0))
    mesh.export(tmp_path / "a.ply")
    (tmp_path / "a.navmesh").write_bytes(b"of the file's own coordinates")
    scenes = open_scenes(str(tmp_path / "a.ply"))
    with pytest.warns(UserWarning, match="was moved by"):
        scene = scenes.load("a.ply")
    assert (scene.source, scene.navmesh_path) == (None, None)


def on_its_side(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """With y up."""
    mesh.vertices = mesh.vertices @ np.array([[0.0, -1, 0], [0, 0, 1], [-1, 0, 0]]).T
    return mesh


@pytest.mark.parametrize("name", ["a.ply", "a.obj"])
def test_a_small_flat_with_y_up_is_upright(tmp_path: Path, name: str) -> None:
    on_its_side(flat()).export(tmp_path / name)
    scene = load_mesh_file(tmp_path / name, up=GUESS)
    assert "y up" in scene.metadata["placing"]["said"]
    assert np.ptp(scene.vertices, axis=0).tolist() == pytest.approx([6, 4, 2.6], abs=1e-5)


def test_a_corridor_stays_as_its_format_has_it_and_the_doubt_is_found(tmp_path: Path) -> None:
    trimesh.creation.box(extents=(20, 1.5, 2.6)).export(tmp_path / "a.ply")
    scenes = open_scenes(str(tmp_path / "a.ply"))
    scene = scenes.load("a.ply")
    assert np.ptp(scene.vertices, axis=0).tolist() == pytest.approx([20, 1.5, 2.6], abs=1e-5)
    found = [finding for finding in findings_of(scene) if "--up" in finding.remedy]
    assert ["more level surface with y up" in finding.what for finding in found] == [True]
