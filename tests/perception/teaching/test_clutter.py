"""Things that stand about where the predictor is taught: new faces and colours, and nobody stands inside."""

from dataclasses import replace

import numpy as np
import pytest

from robonav.envs.scenes import open_scenes
from robonav.envs.scenes.scene import Scene
from robonav.perception.teaching import clutter as vision_clutter
from robonav.perception.teaching.clutter import cluttered

o3d = pytest.importorskip("open3d", reason="the extra robonav[open3d] is not installed")


@pytest.fixture(scope="module")
def house() -> Scene:
    return open_scenes("procedural", "train").load("procedural/train/000000")


@pytest.fixture(scope="module")
def variants(house: Scene) -> list[Scene]:
    return [cluttered(house, np.random.default_rng(seed)) for seed in range(12)]


def test_the_same_seed_gives_the_same_things(house, variants):
    assert cluttered(house, np.random.default_rng(3)).content_hash == variants[3].content_hash
    assert len({variant.content_hash for variant in variants}) == len(variants)


def test_the_house_stays_and_things_are_added(house, variants):
    faces, corners = len(house.triangles), len(house.vertices)
    for variant in variants:
        np.testing.assert_array_equal(variant.triangles[:faces], house.triangles)
        np.testing.assert_array_equal(variant.vertices[:corners], house.vertices)
        np.testing.assert_array_equal(variant.corner_colors[:faces], house.corner_colors)
        added = variant.vertices[variant.triangles[faces:]]
        assert len(added) >= 12
        assert len(added) % 12 == 0
        assert added[..., 2].min() >= house.free_space.floor_z - 1e-6
        assert variant.triangles.max() < len(variant.vertices)
        lengths = {len(a) for a in (variant.triangles, variant.corner_colors, variant.corner_uvs)}
        assert lengths == {len(variant.texture_ids)}


def test_faces_of_things_look_outwards(house):
    """Open3D finds every box closed, and by the divergence theorem its signed volume is positive."""
    variant = cluttered(house, np.random.default_rng(0))
    added = variant.vertices[variant.triangles[len(house.triangles) :]].astype(np.float64)
    for box in added.reshape(-1, 12, 3, 3):
        mesh = o3d.geometry.TriangleMesh(
            o3d.utility.Vector3dVector(box.reshape(-1, 3)),
            o3d.utility.Vector3iVector(np.arange(36).reshape(-1, 3)),
        )
        mesh.merge_close_vertices(1e-6)
        assert mesh.is_watertight()
        assert np.einsum("ij,ij->", box[:, 0], np.cross(box[:, 1], box[:, 2])) > 0


def test_an_agent_keeps_clear_of_what_stands_in_its_way(house, variants):
    """No surface between 0.2 and 1.5 m above the floor comes nearer to a free cell than the agent is wide."""
    before = house.free_space.islands == 1
    taken = []
    for variant in variants:
        space = variant.free_space
        assert not (space.islands[~before] == 1).any()
        taken.append(1 - (space.islands == 1).sum() / before.sum())
        scene = o3d.t.geometry.RaycastingScene()
        added = variant.vertices[variant.triangles[len(house.triangles) :]].reshape(-1, 3)
        scene.add_triangles(
            o3d.core.Tensor(added), o3d.core.Tensor(np.arange(len(added), dtype=np.uint32).reshape(-1, 3))
        )
        xy = np.repeat(space.sample(np.random.default_rng(0), 200), 16, axis=0)
        yaw = np.tile(np.arange(16) * np.pi / 8, 200)
        for height in np.arange(0.25, 1.5, 0.1):
            at = np.column_stack([xy, np.full(len(xy), space.floor_z + height)])
            rays = np.column_stack([at, np.cos(yaw), np.sin(yaw), 0 * yaw]).astype(np.float32)
            assert scene.cast_rays(o3d.core.Tensor(rays))["t_hit"].numpy().min() > 0.18
    assert max(taken) > 0.1
    assert min(taken) < 0.1


def test_what_is_painted_on_the_floor_does_not_stop_anybody(house, monkeypatch):
    monkeypatch.setattr(vision_clutter, "_KINDS", (vision_clutter._marking, vision_clutter._lanes))
    painted = cluttered(house, np.random.default_rng(0))
    assert len(painted.triangles) > len(house.triangles)
    assert painted.vertices[len(house.vertices) :, 2].max() < house.free_space.floor_z + 0.01
    np.testing.assert_array_equal(painted.free_space.islands, house.free_space.islands)


def test_a_world_without_known_free_space_or_without_room_stays_as_it_is(house):
    unknown = replace(house, free_space=None)
    assert cluttered(unknown, np.random.default_rng(0)) is unknown
    islands = np.zeros_like(house.free_space.islands)
    islands[tuple(np.argwhere(house.free_space.islands == 1)[0])] = 1
    cell = replace(house, free_space=replace(house.free_space, islands=islands))
    results = [cluttered(cell, np.random.default_rng(seed)) for seed in range(8)]
    assert any(result is cell for result in results)
    assert all((result.free_space.islands == 1).any() for result in results)
