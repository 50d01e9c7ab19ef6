"""Troubles of public reports, rebuilt small: every feature of glTF is read as meant, or named."""

from __future__ import annotations

import base64
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from robonav.envs.scenes import Scene, SceneError
from robonav.envs.scenes.meshes.mesh_file import load_mesh_file
from tests.envs.scenes.gltf_files import SQUARE, SQUARE_UVS, data_uri, square_header, write_glb, write_gltf

Header = dict[str, Any]
TYPES = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
CORNERS = np.array([[3, 1, 1], [3, -1, 1], [3, -1, -1], [3, 1, -1]])  # the square's, in the world


def add_accessor(header: Header, values: np.ndarray, **more: Any) -> int:
    """Append an array to the inlined buffer; the index of its accessor."""
    content = base64.b64decode(header["buffers"][0]["uri"].partition("base64,")[2])
    content += b"\0" * (-len(content) % 4)
    padded = np.zeros((len(values), -(-values[0].nbytes // 4) * 4), np.uint8)  # rows of whole words
    padded[:, : values[0].nbytes] = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1)
    view = {"buffer": 0, "byteOffset": len(content), "byteLength": padded.size}
    if values.shape[1] > 1:
        view["byteStride"] = padded.shape[1]
    else:
        padded = values.view(np.uint8)
        view["byteLength"] = padded.size
    content += padded.tobytes()
    header["bufferViews"].append(view)
    header["buffers"] = [{"byteLength": len(content), "uri": data_uri(content)}]
    kind = "SCALAR" if values.shape[1] == 1 else f"VEC{values.shape[1]}"
    accessor = {"bufferView": len(header["bufferViews"]) - 1, "count": len(values), "type": kind}
    header["accessors"].append(accessor | {"componentType": TYPES[values.dtype.str[1:]]} | more)
    return len(header["accessors"]) - 1


def use(header: Header, attribute: str, accessor: int) -> None:
    header["meshes"][0]["primitives"][0]["attributes"][attribute] = accessor


def load(path: Path, header: Header) -> Scene:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_mesh_file(write_gltf(path / "a.gltf", header))


def corners_of(scene: Scene) -> np.ndarray:
    return np.unique(scene.vertices.round(3), axis=0)


def uvs_by_corner(scene: Scene) -> dict[tuple[float, ...], tuple[float, ...]]:
    corners = scene.vertices[scene.triangles].reshape(-1, 3).round(3)
    return {
        tuple(at.tolist()): tuple(uv.tolist())
        for at, uv in zip(corners, scene.corner_uvs.reshape(-1, 2).round(3), strict=True)
    }


def textured() -> Header:
    """The square with a small texture inlined."""
    import io

    stream = io.BytesIO()
    Image.fromarray(np.full((2, 2, 3), 90, np.uint8)).save(stream, "PNG")
    return square_header("data:image/png;base64," + base64.b64encode(stream.getvalue()).decode())


UVS = {tuple(at.tolist()): tuple(uv.tolist()) for at, uv in zip(CORNERS, SQUARE_UVS, strict=True)}


@pytest.mark.parametrize("kind", [np.int8, np.int16])
def test_quantised_positions_become_metres(tmp_path: Path, kind: type) -> None:
    header = square_header()
    header["extensionsUsed"] = header["extensionsRequired"] = ["KHR_mesh_quantization"]
    steps = np.iinfo(kind).max
    use(header, "POSITION", add_accessor(header, (SQUARE / 4 * steps).round().astype(kind), normalized=True))
    header["nodes"][0] |= {"scale": [4, 4, 4]}

    np.testing.assert_allclose(corners_of(load(tmp_path, header)), corners_of_square(), atol=4 / steps)


def test_whole_number_positions_are_scaled_by_their_node(tmp_path: Path) -> None:
    header = square_header(scale=[0.01, 0.01, 0.01])
    header["extensionsUsed"] = header["extensionsRequired"] = ["KHR_mesh_quantization"]
    use(header, "POSITION", add_accessor(header, (SQUARE * 100).astype(np.int16)))

    np.testing.assert_allclose(corners_of(load(tmp_path, header)), corners_of_square(), atol=1e-3)


def corners_of_square() -> np.ndarray:
    return np.unique(CORNERS.astype(float), axis=0)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_texture_coordinates_of_normalised_integers(tmp_path: Path, kind: type) -> None:
    header = textured()
    steps = np.iinfo(kind).max
    use(header, "TEXCOORD_0", add_accessor(header, (SQUARE_UVS * steps).astype(kind), normalized=True))

    assert uvs_by_corner(load(tmp_path, header)) == UVS


def test_a_texture_may_take_its_second_set_of_coordinates(tmp_path: Path) -> None:
    header = textured()
    use(header, "TEXCOORD_1", add_accessor(header, (SQUARE_UVS / 2).astype(np.float32)))
    header["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]["texCoord"] = 1

    assert uvs_by_corner(load(tmp_path, header)) == {at: (u / 2, v / 2) for at, (u, v) in UVS.items()}


def test_a_texture_transform_scales_turns_and_moves(tmp_path: Path) -> None:
    header = textured()
    header["extensionsUsed"] = ["KHR_texture_transform"]
    transform = {"offset": [0.25, 0.5], "rotation": np.pi / 2, "scale": [2.0, 4.0]}
    texture = header["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
    texture["extensions"] = {"KHR_texture_transform": transform}

    # a quarter turn counter-clockwise where v points down: what pointed along u points against v
    expected = {at: (4 * v + 0.25, -2 * u + 0.5) for at, (u, v) in UVS.items()}
    assert uvs_by_corner(load(tmp_path, header)) == expected


@pytest.mark.parametrize("has_view", [True, False])
def test_sparse_accessors_are_filled_in(tmp_path: Path, has_view: bool) -> None:
    header = square_header()
    base = SQUARE.copy()
    base[1:3] = 9.0
    index = add_accessor(header, base)
    where = [1, 2] if has_view else [0, 1, 2, 3]
    at = add_accessor(header, np.array(where, np.uint16)[:, None])
    to = add_accessor(header, SQUARE[where])
    accessors = header["accessors"]
    accessors[index]["sparse"] = {
        "count": len(where),
        "indices": {"bufferView": accessors[at]["bufferView"], "componentType": TYPES["u2"]},
        "values": {"bufferView": accessors[to]["bufferView"]},
    }
    if not has_view:
        del accessors[index]["bufferView"]
    use(header, "POSITION", index)

    np.testing.assert_allclose(corners_of(load(tmp_path, header)), corners_of_square())


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_vertex_colours_of_any_type(tmp_path: Path, kind: type) -> None:
    header = square_header()
    del header["materials"], header["meshes"][0]["primitives"][0]["material"]
    full = 1 if kind is np.float32 else np.iinfo(kind).max
    colors = (np.array([[1.0, 0, 0.2, 1]] * 4) * full).astype(kind)
    use(header, "COLOR_0", add_accessor(header, colors, normalized=kind is not np.float32))

    assert (load(tmp_path, header).corner_colors == (255, 0, 51)).all()


def test_fans_are_triangles(tmp_path: Path) -> None:
    header = square_header()
    primitive = header["meshes"][0]["primitives"][0]
    primitive |= {"mode": 6, "indices": add_accessor(header, np.arange(4, dtype=np.uint16)[:, None])}

    assert len(load(tmp_path, header).triangles) == 2


def test_parts_that_are_no_surface_are_named(tmp_path: Path) -> None:
    header = square_header()
    header["meshes"][0]["primitives"].append({"attributes": {"POSITION": 0}, "mode": 0})

    with pytest.warns(UserWarning, match="1 of 2 parts are points or lines"):
        scene = load_mesh_file(write_gltf(tmp_path / "a.gltf", header))
    assert len(scene.triangles) == 2


def test_instances_are_placed(tmp_path: Path) -> None:
    header = square_header()
    header["extensionsUsed"] = ["EXT_mesh_gpu_instancing"]
    moves = np.array([[0, 0, 0], [5, 0, 0], [0, 0, -5]], np.float32)
    attributes = {"TRANSLATION": add_accessor(header, moves)}
    header["nodes"][0]["extensions"] = {"EXT_mesh_gpu_instancing": {"attributes": attributes}}

    scene = load(tmp_path, header)

    assert len(scene.triangles) == 6
    np.testing.assert_allclose(np.ptp(scene.vertices, axis=0), [5, 7, 2])


def test_a_camera_on_a_node_drops_neither_its_mesh_nor_its_children(tmp_path: Path) -> None:
    header = square_header(camera=0, translation=[1, 0, 0], children=[1])
    header["nodes"].append({"mesh": 0, "translation": [0, 5, 0]})
    header["cameras"] = [
        {"type": "perspective", "perspective": {"yfov": 1.0, "znear": 0.1, "aspectRatio": 1}}
    ]

    scene = load(tmp_path, header)

    assert len(scene.triangles) == 4
    np.testing.assert_allclose(scene.vertices[:, 1].max(), 0)  # one to the right of the origin: -x
    np.testing.assert_allclose(np.ptp(scene.vertices, axis=0), [0, 2, 7])


def test_nodes_without_a_scene_are_shown(tmp_path: Path) -> None:
    header = square_header()
    del header["scenes"], header["scene"]

    assert len(load(tmp_path, header).triangles) == 2


def test_of_several_scenes_the_default_one_is_shown_and_that_is_said(tmp_path: Path) -> None:
    header = square_header()
    header["nodes"].append({"mesh": 0, "translation": [0, 0, -2]})
    header |= {"scenes": [{"nodes": [0]}, {"nodes": [1]}], "scene": 1}

    with pytest.warns(UserWarning, match="has 2 scenes, of which number 1 is shown"):
        scene = load_mesh_file(write_gltf(tmp_path / "a.gltf", header))
    np.testing.assert_allclose(scene.vertices[:, 0], 5)


def test_a_mirrored_node_keeps_its_surface_facing_the_same_way(tmp_path: Path) -> None:
    plain = load(tmp_path, square_header())
    mirrored = load(tmp_path, square_header(scale=[-1, 1, 1]))

    for scene in (plain, mirrored):
        first, second, third = (scene.vertices[scene.triangles[:, corner]] for corner in range(3))
        assert (np.cross(second - first, third - first)[:, 0] < 0).all()  # towards the origin


def draco(header: Header) -> None:
    extension = {"bufferView": 0, "attributes": {"POSITION": 0}}
    header["meshes"][0]["primitives"][0]["extensions"] = {"KHR_draco_mesh_compression": extension}
    header["extensionsUsed"] = ["KHR_draco_mesh_compression"]
    del header["accessors"][0]["bufferView"]


def meshopt(header: Header, name: str = "EXT_meshopt_compression") -> None:
    header["buffers"].append({"byteLength": 64, "extensions": {name: {"fallback": True}}})
    extension = {"buffer": 0, "byteLength": 48, "byteStride": 12, "count": 4, "mode": "ATTRIBUTES"}
    header["bufferViews"][0] |= {"buffer": 1, "extensions": {name: extension}}
    header["extensionsUsed"] = [name]


@pytest.mark.parametrize(
    ("compress", "name"),
    [
        (draco, "KHR_draco_mesh_compression"),
        (meshopt, "EXT_meshopt_compression"),
        (lambda header: meshopt(header, "KHR_meshopt_compression"), "KHR_meshopt_compression"),
    ],
)
def test_a_compression_that_is_used_is_named_though_not_required(
    tmp_path: Path, compress: Any, name: str
) -> None:
    header = square_header()
    compress(header)

    with pytest.raises(SceneError, match=rf"compressed \({name}\).*gltf-transform"):
        load_mesh_file(write_gltf(tmp_path / "a.gltf", header))


def test_a_compressed_file_with_plain_geometry_beside_is_read(tmp_path: Path) -> None:
    header = square_header()
    draco(header)
    header["accessors"][0]["bufferView"] = 0

    np.testing.assert_allclose(corners_of(load(tmp_path, header)), corners_of_square())


def test_an_unknown_extension_is_refused_if_required_and_named_if_used(tmp_path: Path) -> None:
    header = square_header()
    header["extensionsUsed"] = ["ACME_curved_walls"]
    with pytest.warns(UserWarning, match="what ACME_curved_walls says is left out"):
        load_mesh_file(write_gltf(tmp_path / "a.gltf", header))

    header["extensionsRequired"] = ["ACME_curved_walls"]
    with pytest.raises(SceneError, match="requires the glTF extension ACME_curved_walls"):
        load_mesh_file(write_gltf(tmp_path / "a.gltf", header))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda h: h["materials"][0].update(alphaMode="BLEND"), "1 of 1 materials are see-through"),
        (lambda h: h["meshes"][0].update(weights=[0.5]), "morph targets"),
        (lambda h: h["nodes"][0].update(skin=0), "skinned"),
        (lambda h: h["materials"][0].update(emissiveTexture={"index": 0}), "emissive"),
    ],
)
def test_what_is_shown_otherwise_than_meant_is_said(tmp_path: Path, change: Any, said: str) -> None:
    header = square_header()
    change(header)

    with pytest.warns(UserWarning, match=said):
        scene = load_mesh_file(write_gltf(tmp_path / "a.gltf", header))
    assert len(scene.metadata["remarks"]) == 1


def test_unlit_and_double_sided_materials_are_as_they_are(tmp_path: Path) -> None:
    header = square_header()
    header["extensionsUsed"] = ["KHR_materials_unlit"]
    header["materials"][0] |= {"extensions": {"KHR_materials_unlit": {}}, "doubleSided": True}

    assert (load(tmp_path, header).corner_colors == (51, 102, 153)).all()


def test_a_glb_with_its_geometry_in_a_side_file_is_decoded(tmp_path: Path) -> None:
    header = square_header()
    use(header, "POSITION", add_accessor(header, (SQUARE * 100).astype(np.int16)))
    header["nodes"][0]["scale"] = [0.01] * 3
    content = base64.b64decode(header["buffers"][0]["uri"].partition("base64,")[2])
    (tmp_path / "a.bin").write_bytes(content)
    header["buffers"][0]["uri"] = "a.bin"

    scene = load_mesh_file(write_glb(tmp_path / "a.glb", header))
    np.testing.assert_allclose(corners_of(scene), corners_of_square(), atol=1e-3)
    assert "a.bin" in scene.metadata["side_files"]

    (tmp_path / "a.bin").unlink()
    with pytest.raises(SceneError, match=r"side file a\.bin is missing"):
        load_mesh_file(tmp_path / "a.glb")
