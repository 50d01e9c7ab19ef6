"""Both libraries for rays find the triangles that Open3D finds, as far away, and hide the same points."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robonav.envs.scenes import open_scenes
from robonav.envs.scenes.procedural.houses import generate_house
from robonav.envs.scenes.rays import EmbreeRays, Rays, rays_of
from robonav.envs.scenes.scene import Scene, SceneError
from robonav.envs.scenes.warp_rays import WarpRays
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raycast import RaycastSensor

COUNT = 100_000
CORNER = np.array([[-9, -9, 2], [9, -9, 2], [0, 9, 2]], dtype=np.float32)
TRIANGLE = np.array([[0, 1, 2]])


@pytest.fixture(scope="module", params=["procedural", "AwsSmallHouse"])
def scene(request: pytest.FixtureRequest) -> Scene:
    """A generated house, and a textured mesh of several rooms."""
    if request.param == "procedural":
        return generate_house(seed=0)
    shared: Path = request.getfixturevalue("shared_data")
    scenes = open_scenes(str(shared / "scene_datasets/hm3d"), split="minival")
    return scenes.load("hm3d/minival/00901-AwsSmallHouse")


@pytest.fixture(scope="module")
def rays(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Origins at eye height on the free floor, directions of any length, float32."""
    assert scene.free_space is not None
    rng = np.random.default_rng(0)
    origins = np.column_stack(
        [scene.free_space.sample(rng, COUNT), np.full(COUNT, scene.free_space.floor_z + 1.25)]
    )
    return origins.astype(np.float32), rng.normal(size=(COUNT, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def oracle(scene: Scene) -> Any:
    o3d = pytest.importorskip("open3d", reason="the extra robonav[open3d] is not installed")
    world = o3d.t.geometry.RaycastingScene(nthreads=1)
    world.add_triangles(np.ascontiguousarray(scene.vertices, np.float32), scene.triangles.astype(np.uint32))
    return world


@pytest.mark.parametrize("kind", [EmbreeRays, WarpRays])
def test_triangles_are_identical_to_open3ds_and_distances_to_a_micrometre_a_metre(
    kind: Callable[..., Rays], scene: Scene, rays: tuple[np.ndarray, np.ndarray], oracle: Any
) -> None:
    """Not one ray of 100,000 differs in its triangle; the last bits of float32 do differ."""
    expected = {k: v.numpy() for k, v in oracle.cast_rays(np.concatenate(rays, axis=1)).items()}
    hits = kind(scene.vertices, scene.triangles).closest(*rays)
    hit = np.isfinite(expected["t_hit"])
    assert hit.mean() > 0.5
    np.testing.assert_array_equal(hits.triangle[hit], expected["primitive_ids"][hit].astype(np.int32))
    assert (hits.triangle[~hit] == -1).all()
    np.testing.assert_allclose(hits.distance, expected["t_hit"], rtol=2e-6, atol=2e-6)
    assert np.isinf(hits.distance[~hit]).all()
    weights = expected["primitive_uvs"][hit]
    assert np.abs(np.stack([hits.u, hits.v], axis=1)[hit] - weights).max() < 2e-3  # slender triangles


@pytest.mark.parametrize("kind", [EmbreeRays, WarpRays])
def test_the_same_segments_are_occluded_as_in_open3d(
    kind: Callable[..., Rays], scene: Scene, rays: tuple[np.ndarray, np.ndarray], oracle: Any
) -> None:
    origins, directions = rays
    lengths = np.random.default_rng(1).uniform(0, 4, COUNT).astype(np.float32)
    scaled = np.concatenate([origins, directions * lengths[:, None]], axis=1)
    expected = oracle.test_occlusions(scaled, tnear=0.0, tfar=1.0).numpy()
    found = kind(scene.vertices, scene.triangles).occluded(origins, directions, lengths)
    assert 0.1 < expected.mean() < 0.9
    assert (found != expected).sum() <= 1  # a segment that ends on a surface, to the last bit


@pytest.mark.parametrize("kind", [EmbreeRays, WarpRays])
def test_directions_need_no_unit_length_and_odd_rays_hit_nothing(kind: Callable[..., Rays]) -> None:
    world = kind(CORNER, TRIANGLE)
    directions = np.array([[0, 0, 0.5], [0, 0, -1], [0, 0, 0], [np.nan, 0, 1]], dtype=np.float32)
    origins, lengths = np.zeros((4, 3), np.float32), np.full(4, 4.5, np.float32)
    hits = world.closest(origins, directions)
    assert hits.distance.tolist() == [4.0, np.inf, np.inf, np.inf]
    assert hits.triangle.tolist() == [0, -1, -1, -1]
    assert world.occluded(origins, directions, lengths).tolist() == [True, False, False, False]
    assert world.occluded(origins, directions, lengths - 1).tolist() == [False] * 4
    assert all(len(part) == 0 for part in world.closest(origins[:0], directions[:0]))


def test_threads_share_the_rays_and_change_nothing(rays: tuple[np.ndarray, np.ndarray], scene: Scene) -> None:
    origins, directions = rays
    one, four = (RaycastSensor(scene, Camera(), threads) for threads in (1, 4))
    np.testing.assert_array_equal(one.distances(*rays), four.distances(*rays))
    np.testing.assert_array_equal(
        one.is_occluded(origins, origins + directions), four.is_occluded(origins, origins + directions)
    )


def test_embree_is_preferred_and_warp_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(rays_of(CORNER, TRIANGLE), EmbreeRays)
    monkeypatch.setitem(sys.modules, "embreex.rtcore_scene", None)
    assert isinstance(rays_of(CORNER, TRIANGLE), WarpRays)
    monkeypatch.setitem(sys.modules, "robonav.envs.scenes.warp_rays", None)
    with pytest.raises(SceneError, match="pip install embreex"):
        rays_of(CORNER, TRIANGLE)


def test_a_frame_looks_the_same_by_either_library(monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
    """Colours may differ where the last bits of a weight choose the other texel: by 1 in 255."""
    assert scene.free_space is not None
    camera = Camera()
    xy = scene.free_space.sample(np.random.default_rng(0), 4)
    poses = camera.poses(np.column_stack([xy, np.full(4, scene.free_space.floor_z)]), np.arange(4.0))
    rgb, depth = RaycastSensor(scene, camera, 1).render(poses)
    monkeypatch.setitem(sys.modules, "embreex.rtcore_scene", None)
    warp_rgb, warp_depth = RaycastSensor(scene, camera, 1).render(poses)
    np.testing.assert_allclose(warp_depth, depth, atol=1e-5)
    assert np.abs(warp_rgb.astype(int) - rgb).max() <= 1
