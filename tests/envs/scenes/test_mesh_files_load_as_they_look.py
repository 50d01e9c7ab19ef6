"""Meshes written by hand from their format's specification come out where and as they should."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from robonav.envs.scenes.meshes.mesh_file import load_mesh_file
from robonav.envs.scenes.scene import Scene, SceneError
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raycast import RaycastSensor
from tests.envs.scenes.gltf_files import data_uri, png, square_header, write_glb, write_gltf

FLAG = np.zeros((32, 32, 3), np.uint8)  # red above blue, a green corner at the top left
FLAG[:16], FLAG[16:], FLAG[:8, :8] = (255, 0, 0), (0, 0, 255), (0, 255, 0)


def view(scene: Scene) -> np.ndarray:
    """Image of a camera at the world's origin that looks ahead."""
    camera = Camera(height_m=0.0, hfov_deg=40)
    return RaycastSensor(scene, camera, 1).render(camera.poses(np.zeros((1, 3)), np.zeros(1)))[0][0]


@pytest.fixture(params=["file.gltf", "embedded.gltf", "embedded.glb", "file with blank.gltf"])
def flag_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The square with the flag on it, its image beside or inside the file."""
    name = request.param
    if name.startswith("embedded"):
        uri = data_uri(png(FLAG))
    else:
        uri = "textures/a%20flag.png" if "blank" in name else "textures/flag.png"
        (tmp_path / "textures").mkdir()
        (tmp_path / uri.replace("%20", " ")).write_bytes(png(FLAG))
    write = write_glb if name.endswith(".glb") else write_gltf
    return write(tmp_path / name, square_header(uri))


def test_a_gltf_texture_appears_upright_and_not_mirrored(flag_file: Path) -> None:
    image = view(load_mesh_file(flag_file))
    assert image[5, 5].tolist() == [0, 255, 0]
    assert image[5, 58].tolist() == [255, 0, 0]
    assert image[58, 5].tolist() == image[58, 58].tolist() == [0, 0, 255]


def test_an_obj_texture_appears_upright_and_not_mirrored(tmp_path: Path) -> None:
    (tmp_path / "flag.png").write_bytes(png(FLAG))
    (tmp_path / "flag.mtl").write_text("newmtl flag\nKd 0.5 0.5 0.5\nmap_Kd flag.png\n")
    (tmp_path / "flag.obj").write_text(  # OBJ counts texture rows from below; z is up, x ahead
        "mtllib flag.mtl\nv 3 1 1\nv 3 -1 1\nv 3 -1 -1\nv 3 1 -1\nvt 0 1\nvt 1 1\nvt 1 0\nvt 0 0\n"
        "usemtl flag\nf 1/1 4/4 3/3\nf 1/1 3/3 2/2\n"
    )
    image = view(load_mesh_file(tmp_path / "flag.obj"))
    assert image[5, 5].tolist() == [0, 255, 0]
    assert image[58, 5].tolist() == [0, 0, 255]


def test_an_obj_material_colour_shows(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_text("newmtl plain\nKd 1.0 0.0 0.5\n")
    (tmp_path / "a.obj").write_text("mtllib a.mtl\nv 3 9 9\nv 3 -9 9\nv 3 0 -9\nusemtl plain\nf 1 2 3\n")
    np.testing.assert_allclose(view(load_mesh_file(tmp_path / "a.obj"))[32, 32], [255, 0, 127], atol=1)


def test_ply_vertex_colours_show_and_its_coordinates_stay(tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_text(
        "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
        "property uchar red\nproperty uchar green\nproperty uchar blue\nelement face 1\n"
        "property list uchar int vertex_indices\nend_header\n"
        "3 9 9 250 0 0\n3 -9 9 0 250 0\n3 0 -9 0 0 250\n3 0 1 2\n"
    )
    scene = load_mesh_file(tmp_path / "a.ply")
    assert scene.vertices.tolist() == [[3, 9, 9], [3, -9, 9], [3, 0, -9]]
    np.testing.assert_allclose(view(scene)[32, 32], [62, 62, 125], atol=4)  # shares 1/4, 1/4, 1/2


def test_a_mesh_without_colours_shows_its_faces_in_different_greys(tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_text(
        "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
        "element face 2\nproperty list uchar int vertex_indices\nend_header\n"
        "3 0 9\n3 0 -9\n1 9 0\n1 -9 0\n3 0 1 2\n3 0 3 1\n"
    )
    image = view(load_mesh_file(tmp_path / "a.ply"))
    left, right = image[32, 10], image[32, 53]
    assert left[0] == left[1] == left[2] > 0
    assert abs(int(left[0]) - int(right[0])) > 10


def test_a_base_colour_factor_shows_where_there_is_no_texture(tmp_path: Path) -> None:
    image = view(load_mesh_file(write_gltf(tmp_path / "plain.gltf", square_header())))
    assert image[32, 32].tolist() == [51, 102, 153]


@pytest.mark.parametrize(
    ("up", "front", "corner"),
    [
        (None, None, [3, 1, 1]),  # glTF: y up, -z ahead
        ([0, 1, 0], [0, 0, -1], [3, 1, 1]),  # Gibson's config
        ("z", None, [-1, 1, -3]),  # coordinates stay
        ([0, 0, 1], [0, 1, 0], [1, 1, -3]),  # HM3D's config
    ],
)
def test_the_up_and_front_axes_become_world_z_and_x(up, front, corner, tmp_path: Path) -> None:
    path = write_gltf(tmp_path / "a.gltf", square_header())  # its first vertex is (-1, 1, -3)
    assert load_mesh_file(path, up=up, front=front).vertices[0].tolist() == corner


def test_nodes_move_turn_and_mirror_their_meshes(tmp_path: Path) -> None:
    half_turn = [0.0, 1.0, 0.0, 0.0]  # about y: (x, y, z) -> (-x, y, -z)
    header = square_header(rotation=half_turn, scale=[1, 2, 1])
    header["nodes"] = [{"children": [1], "translation": [0, 0, 10]}, header["nodes"][0]]
    scene = load_mesh_file(write_gltf(tmp_path / "a.gltf", header))
    assert scene.vertices[0].tolist() == pytest.approx([-13, -1, 2])  # file (1, 2, 13)
    header["nodes"][1]["scale"] = [-1, 1, 1]
    mirrored = load_mesh_file(write_gltf(tmp_path / "b.gltf", header))
    sides = [s.vertices[s.triangles[0]] for s in (scene, mirrored)]
    normals = [np.cross(c[1] - c[0], c[2] - c[0]) for c in sides]
    assert np.sign(normals[0][0]) == np.sign(normals[1][0])  # a mirror must not turn it inside out


@pytest.mark.parametrize("uri", ["gone.png", "../secret.png", "broken.png"])
def test_a_texture_that_cannot_be_read_leaves_the_base_colour_and_one_warning(
    uri: str, tmp_path: Path
) -> None:
    folder = tmp_path / "scene"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(png(FLAG))  # exists, but outside of the scene's folder
    (folder / "broken.png").write_bytes(png(FLAG)[:60])
    header = square_header(uri)
    header["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"] = [0.2, 0.4, 0.6, 1]
    with pytest.warns(UserWarning, match=f"a.gltf: cannot read .*{uri}") as caught:
        scene = load_mesh_file(write_gltf(folder / "a.gltf", header))
    assert len(caught) == 1
    assert view(scene)[32, 32].tolist() == [51, 102, 153]


def load_or_complain(path: Path) -> tuple[Scene | None, str]:
    try:
        return load_mesh_file(path), ""
    except SceneError as error:
        return None, str(error)


def test_every_gltf_case_loads_or_says_in_one_sentence_why_not(shared_data: Path) -> None:
    files = sorted(
        path
        for path in (shared_data / "gltf_cases").rglob("*")
        if path.suffix in (".glb", ".gltf", ".ply", ".obj")
    )
    assert files
    loaded = 0
    for path in files:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            scene, complaint = load_or_complain(path)
        if scene is None:
            assert str(path) in complaint
            assert "\n" not in complaint
            continue
        loaded += 1
        assert np.isfinite(scene.vertices).all()
        assert scene.texture_ids.max() < len(scene.textures)
        assert (
            len(scene.triangles)
            == len(scene.corner_colors)
            == len(scene.corner_uvs)
            == len(scene.texture_ids)
        )
    assert loaded > 0.8 * len(files)
