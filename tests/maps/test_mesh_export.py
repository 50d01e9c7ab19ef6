"""Mesh files come back as they were written, and appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from robonav.maps import export
from robonav.maps.reconstruction.tsdf import Reconstruction
from tests.maps.shapes import PINHOLE, gray, turn_in_room


@pytest.fixture(scope="module")
def room() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    reconstruction = Reconstruction(1, PINHOLE)
    for k, (T, depth) in enumerate(turn_in_room()):
        reconstruction.integrate(gray(depth, 10 * k)[None], depth[None], T[None])
    return reconstruction.mesh(0)


@pytest.mark.parametrize("suffix", [".ply", ".glb"])
def test_a_mesh_survives_the_file(tmp_path: Path, suffix: str, room: tuple) -> None:
    vertices, triangles, colors = room
    path = export.write_mesh(tmp_path / f"room{suffix}", vertices, triangles, colors)
    loaded = trimesh.load(path, force="mesh", process=False)
    back = np.asarray(loaded.vertices)
    if suffix == ".glb":  # y up: x right, z backwards
        back = np.stack([-back[:, 2], -back[:, 0], back[:, 1]], axis=1)
    np.testing.assert_allclose(back, vertices, atol=1e-4)
    np.testing.assert_array_equal(loaded.faces, triangles)
    np.testing.assert_array_equal(loaded.visual.vertex_colors[:, :3], colors)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: tuple
) -> None:
    path = tmp_path / "room.ply"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(export.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        export.write_mesh(path, *room)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["room.ply"]


def test_an_unknown_suffix_and_an_empty_mesh_are_explained(tmp_path: Path, room: tuple) -> None:
    with pytest.raises(ValueError, match=r"expected \.ply or \.glb"):
        export.write_mesh(tmp_path / "room.stl", *room)
    empty = Reconstruction(1, PINHOLE).mesh(0)
    with pytest.raises(ValueError, match="no triangle"):
        export.write_mesh(tmp_path / "room.ply", *empty)
    assert not list(tmp_path.iterdir())


def test_neighbouring_blocks_share_their_vertices(room: tuple) -> None:
    vertices, triangles, _ = room
    assert len(np.unique(np.round(vertices, 5), axis=0)) == len(vertices)
    edges = np.sort(
        np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1
    )
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert counts.max() <= 2
    assert np.mean(counts == 2) > 0.9, "the surface is closed but for its rim"
