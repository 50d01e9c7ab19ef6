"""The predictor is shown worlds as scans of buildings are: other paint, no ceiling, holes; same geometry."""

import numpy as np
import pytest

from robonav.envs.scenes import open_scenes
from robonav.envs.scenes.scene import Scene
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.views import sensor_of
from robonav.perception.teaching.worlds import AlteredScenes, altered


@pytest.fixture(scope="module")
def house() -> Scene:
    return open_scenes("procedural", "train").load("procedural/train/000000")


@pytest.fixture(scope="module")
def variants(house: Scene) -> list[Scene]:
    return [altered(house, np.random.default_rng(seed)) for seed in range(24)]


def frames(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    assert scene.free_space is not None
    rng, camera = np.random.default_rng(1), Camera()
    xy = scene.free_space.sample(rng, 8)
    floor = np.full((8, 1), scene.free_space.floor_z)
    return sensor_of(scene, camera, 1).render(camera.poses(np.hstack([xy, floor]), rng.uniform(-3, 3, 8)))


def test_the_same_seed_gives_the_same_world(house, variants):
    assert altered(house, np.random.default_rng(3)).content_hash == variants[3].content_hash
    assert len({variant.content_hash for variant in variants}) > 15


def test_no_face_is_new_and_an_agent_can_stand_where_it_could(house, variants):
    faces = {tuple(face) for face in house.triangles.tolist()}
    for variant in variants:
        assert {tuple(face) for face in variant.triangles.tolist()} <= faces
        assert variant.free_space.islands is house.free_space.islands


def test_some_lack_the_ceiling_and_some_have_holes_and_most_are_painted_anew(house, variants):
    missing = np.array([1 - len(variant.triangles) / len(house.triangles) for variant in variants])
    assert 0 < np.count_nonzero(missing == 0) < 20
    assert missing.max() < 0.5
    rgb, depth = frames(house)
    assert (depth > 0).all()
    blind, other_paint = 0, 0
    for variant in variants:
        seen, distance = frames(variant)
        blind += (distance == 0).any()
        if variant.free_space.cell_size > house.free_space.cell_size:
            continue  # the views are from elsewhere
        same_surface = np.isclose(distance, depth, atol=1e-3)
        assert same_surface.mean() > 0.1
        other_paint += np.abs(seen[same_surface].astype(int) - rgb[same_surface]).mean() > 5
    assert blind > 5
    assert other_paint > 5


def test_some_are_wider_with_everything_in_its_place(house, variants):
    widths = [variant.free_space.cell_size / house.free_space.cell_size for variant in variants]
    assert 3 < sum(width > 1 for width in widths) < 20
    assert max(widths) < 3.5
    cells = np.argwhere(house.free_space.islands == 1)[:5]
    for variant, width in zip(variants, widths, strict=True):
        np.testing.assert_allclose(variant.vertices[:, :2], house.vertices[:, :2] * width, rtol=1e-5)
        standing = variant.free_space.centres(cells)
        np.testing.assert_allclose(standing, house.free_space.centres(cells) * width, rtol=1e-5)


def test_some_have_walls_of_another_height_with_everything_below_two_metres_in_its_place(house, variants):
    z, tops = house.vertices[:, 2], []
    for variant in variants:
        is_kept = ~cut_down(house, variant)
        low, high = is_kept & (z <= 2.0), is_kept & (z > 2.0)
        np.testing.assert_array_equal(variant.vertices[low, 2], z[low])
        if high.any():
            above = (variant.vertices[high, 2] - 2.0) / (z[high] - 2.0)
            np.testing.assert_allclose(above, above[0], rtol=1e-3)
            tops.append(2.0 + above[0] * (float(z.max()) - 2.0))
    highest = float(z.max())
    assert sum(top == pytest.approx(highest) for top in tops) > 3
    assert min(tops) < 2.0 + 0.5 * (highest - 2.0)
    assert max(tops) > 2.0 + 2.0 * (highest - 2.0)


def test_some_are_cut_down_to_parapets_on_one_side_of_a_line(house, variants):
    found = [cut_down(house, variant) for variant in variants]
    assert 2 < sum(cut.any() for cut in found) < 14
    for variant, cut in zip(variants, found, strict=True):
        if not cut.any():
            continue
        heights = np.unique(variant.vertices[cut, 2])
        assert len(heights) == 1
        assert 0.4 <= heights[0] <= 1.6
        assert not cut[variant.triangles].all(axis=1).any()  # what lay above it is gone, lintels too


def cut_down(house: Scene, variant: Scene) -> np.ndarray:
    """Mask (V,) of vertices that were lowered to less than the 2 m above which walls are stretched."""
    return (variant.vertices[:, 2] < house.vertices[:, 2]) & (variant.vertices[:, 2] < 1.99)


def test_some_are_lit_the_same_everywhere_as_scanned_textures_are(house, variants):
    materials, counts = np.unique(house.texture_ids, return_counts=True)
    of_one = {tuple(f) for f in house.triangles[house.texture_ids == materials[counts.argmax()]].tolist()}

    def shades(scene: Scene) -> int:
        """Different corner colours of what is of one material in the house."""
        chosen = [tuple(face) in of_one for face in scene.triangles.tolist()]
        return len(np.unique(scene.corner_colors[chosen].reshape(-1, 3), axis=0))

    many, found = shades(house), [shades(variant) for variant in variants]
    assert many > 20
    assert sum(count == 1 for count in found) > 3
    assert sum(count > many / 2 for count in found) > 3


def test_half_of_the_altered_scenes_of_a_set_have_things_standing_about(house):
    houses = open_scenes("procedural", "train")
    scenes = AlteredScenes(houses, 1.0, np.random.default_rng(0))
    loaded = [scenes.load(house.scene_id) for _ in range(24)]
    assert 5 < sum(len(scene.vertices) > len(house.vertices) for scene in loaded) < 19
    assert scenes.scene_ids == houses.scene_ids
    plain = AlteredScenes(houses, 0.0, np.random.default_rng(0)).load(house.scene_id)
    assert plain.content_hash == house.content_hash
