"""KTX2/Basis textures look as they should with the decoder, and cost one warning without it."""

from __future__ import annotations

import base64
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.fuzz.files import FLAG_KTX2
from robonav.envs.scenes.meshes import basis
from robonav.envs.scenes.meshes.mesh_file import load_mesh_file
from tests.envs.scenes.gltf_files import data_uri, png, square_header, write_glb, write_gltf

FLAG = base64.b64decode(FLAG_KTX2)
RED, GREEN, BLUE = [255, 0, 0], [0, 255, 0], [0, 0, 255]


def header_with_basis(uri: str, extension: str = "KHR_texture_basisu", **image: str) -> dict[str, Any]:
    header = square_header(uri)
    header["images"] = [{"uri": uri, **image}]
    header["textures"] = [{"extensions": {extension: {"source": 0}}}]
    return header


@pytest.mark.parametrize("extension", ["KHR_texture_basisu", "KHR_texture_ktx", "GOOGLE_texture_basis"])
@pytest.mark.parametrize("place", ["beside", "inside"])
@pytest.mark.parametrize("image", [{"mimeType": "image/ktx2"}, {}])
def test_a_basis_texture_is_decoded_upright(
    extension: str, place: str, image: dict[str, str], tmp_path: Path
) -> None:
    pytest.importorskip("opengl_basisu")
    (tmp_path / "flag.ktx2").write_bytes(FLAG)
    uri = "flag.ktx2" if place == "beside" else data_uri(FLAG)
    write = write_gltf if place == "beside" else write_glb
    path = write(
        tmp_path / ("a.gltf" if place == "beside" else "a.glb"), header_with_basis(uri, extension, **image)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scene = load_mesh_file(path)
    (texture,) = scene.textures
    assert texture.shape == (16, 16, 3)
    assert [texture[0, 0].tolist(), texture[0, 15].tolist(), texture[15, 0].tolist()] == [GREEN, RED, BLUE]


def test_a_fallback_in_png_is_taken_without_a_word(tmp_path: Path) -> None:
    header = header_with_basis(data_uri(FLAG))
    grey = np.full((4, 4, 3), 99, np.uint8)
    header["images"].append({"uri": data_uri(png(grey))})
    header["textures"][0]["source"] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scene = load_mesh_file(write_glb(tmp_path / "a.glb", header))
    np.testing.assert_array_equal(scene.textures[0], grey)


def test_without_the_decoder_the_scene_loads_with_one_warning_that_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(basis, "find_spec", lambda name: None)
    path = write_glb(tmp_path / "a.glb", header_with_basis(data_uri(FLAG), mimeType="image/ktx2"))
    with pytest.warns(
        UserWarning, match=r"1 KTX2/Basis textures \(pip install 'robonav\[basis\]'\)"
    ) as caught:
        scene = load_mesh_file(path)
    assert len(caught) == 1
    assert len(scene.triangles) == 2
    assert scene.textures == ()


def test_a_damaged_basis_texture_is_named(tmp_path: Path) -> None:
    pytest.importorskip("opengl_basisu")
    (tmp_path / "flag.ktx2").write_bytes(FLAG[:200])
    path = write_gltf(tmp_path / "a.gltf", header_with_basis("flag.ktx2", mimeType="image/ktx2"))
    with pytest.warns(UserWarning, match=r"cannot read flag\.ktx2"):
        assert load_mesh_file(path).textures == ()


def test_ktx2_that_is_not_basis_is_named(shared_data: Path) -> None:
    pytest.importorskip("opengl_basisu")
    path = shared_data / "gltf_cases" / "scenes" / "batch-four-squares-compressed.gltf"
    with pytest.warns(UserWarning, match=r"cannot read batch-four-squares\.4x\.dxt\.ktx2"):
        assert len(load_mesh_file(path).triangles) == 8
