"""A mesh that grows part by part is the mesh of the whole map at every moment."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robonav.maps.reconstruction.growing_mesh import GrowingMesh, Part
from robonav.maps.reconstruction.mesh import Mesh
from robonav.maps.reconstruction.tsdf import Reconstruction
from tests.maps.shapes import PINHOLE, gray, look, room_depth

VOXEL = 0.1


def corners(meshes: list[Mesh]) -> np.ndarray:
    """Triangles as sorted rows, nine coordinates in millimetres and nine colours: no numbering."""
    rows = [np.zeros((0, 18))]
    for vertices, triangles, colors in meshes:
        first = np.lexsort(vertices.T).argsort()[triangles].argmin(axis=1)
        order = (first[:, None] + np.arange(3)) % 3
        turned = np.take_along_axis(triangles, order, axis=1)
        rows.append(np.c_[np.round(vertices[turned].reshape(-1, 9) * 1000), colors[turned].reshape(-1, 9)])
    every = np.concatenate(rows)
    return every[np.lexsort(every.T)]


def add(room: Reconstruction, yaw_deg: float, x: float) -> None:
    T = look((x, 0.22, 1.25), yaw_deg)
    room.integrate(gray(room_depth(T), int(yaw_deg) % 200)[None], room_depth(T)[None], T[None])


@settings(max_examples=5)
@given(st.lists(st.tuples(st.floats(0, 360), st.floats(-1, 2)), min_size=2, max_size=4))
def test_the_parts_together_are_the_whole(views: list[tuple[float, float]]) -> None:
    room = Reconstruction(1, PINHOLE, voxel_size=VOXEL)
    growing = room.growing_mesh(0)
    parts: dict[Part, Mesh] = {}
    for yaw, x in views:
        add(room, yaw, x)
        parts.update(growing.update())
        found, wanted = corners(list(parts.values())), corners([room.mesh(0)])
        np.testing.assert_allclose(found[:, :9], wanted[:, :9], rtol=0.0, atol=1.0)  # where its rounding tips
        np.testing.assert_array_equal(found[:, 9:], wanted[:, 9:])
    assert sum(len(triangles) for _, triangles, _ in parts.values()) > 50


def test_only_what_changed_is_made_again() -> None:
    room = Reconstruction(1, PINHOLE, voxel_size=VOXEL)
    growing = room.growing_mesh(0)
    for yaw in range(0, 360, 30):
        add(room, yaw, 0.3)
    everything = growing.update()
    assert growing.update() == {}
    add(room, 0.0, 0.3)
    again = growing.update()
    assert 0 < len(again) < len(everything)
    # looking along x changes nothing behind the camera
    assert all(part[0] >= 0 for part in again)
    assert any(part[0] < 0 for part in everything)


def test_what_is_gone_is_told() -> None:
    room = Reconstruction(1, PINHOLE, voxel_size=VOXEL)
    growing = room.growing_mesh(0)
    add(room, 0.0, 0.3)
    shown = growing.update()
    room.reset()
    gone = growing.update()
    assert gone.keys() == shown.keys()
    assert not any(len(triangles) for _, triangles, _ in gone.values())


def test_a_map_that_forgets_has_none() -> None:
    with pytest.raises(ValueError, match="memory_frames is 3"):
        Reconstruction(1, PINHOLE, memory_frames=3).growing_mesh(0)


def test_a_part_is_about_as_large_whatever_the_voxels() -> None:
    for voxel in (0.05, 0.1, 0.2):
        room = Reconstruction(1, PINHOLE, voxel_size=voxel)
        growing: GrowingMesh = room.growing_mesh(0)
        add(room, 0.0, 0.3)
        for vertices, triangles, _ in growing.update().values():
            if len(triangles):
                assert np.ptp(vertices, axis=0).max() <= 1.6 + voxel
