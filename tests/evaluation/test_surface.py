"""The surface, and the visible part of it, agree with closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from robonav.envs.scenes.scene import Scene
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raycast import RaycastSensor
from robonav.evaluation.metrics import Coverage, SampleIndex
from robonav.mapping.true_surface import Surface, build_surface, standpoints
from tests.evaluation.rooms import scene_of

CAMERA = Camera(128, 128)


def surface_of(scene: Scene, camera: Camera = CAMERA, samples: int = 10_000) -> Surface:
    assert scene.free_space is not None
    return build_surface(scene, scene.free_space, RaycastSensor(scene, camera, 1), camera, samples=samples)


def scan(scene: Scene, surface: Surface, camera: Camera) -> Coverage:
    """Look in all directions from everywhere."""
    sensor, coverage = RaycastSensor(scene, camera, 1), Coverage(SampleIndex(surface.points))
    rays = camera.directions().reshape(-1, 3)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    assert scene.free_space is not None
    for xy in standpoints(scene.free_space, 1):
        for yaw in np.arange(0, 2 * np.pi, np.pi / 3):
            pose = camera.poses(np.array([[*xy, 0.0]]), np.array([yaw]))[0]
            directions = rays @ pose[:3, :3].T
            lengths = sensor.distances(np.broadcast_to(pose[:3, 3], directions.shape), directions)
            coverage.observe(pose[:3, 3], directions, lengths)
    return coverage


def test_samples_are_uniform_by_area(cabinet_room: Scene) -> None:
    points = surface_of(cabinet_room).points
    area = 2 * 5 * 4 + 2 * 2.5 * (5 + 4) + 6 * 1.0
    error = 4 * np.sqrt(0.25 / len(points))
    assert np.mean(points[:, 2] == 2.5) == pytest.approx(20 / area, abs=error)
    assert np.mean(np.isclose(points[:, 0], 5.0)) == pytest.approx(10 / area, abs=error)
    assert np.mean(np.isclose(points[:, 2], 1.0)) == pytest.approx(1 / area, abs=error)


def test_the_visible_share_of_a_room_with_a_closed_cabinet_is_the_area_outside_of_it(
    cabinet_room: Scene,
) -> None:
    surface = surface_of(cabinet_room)
    area, hidden = 2 * 5 * 4 + 2 * 2.5 * (5 + 4) + 6 * 1.0, 2.0
    assert surface.visible.mean() == pytest.approx(1 - hidden / area, abs=0.006)
    inside = np.all(np.abs(surface.points[:, :2] - [2.5, 2.0]) < 0.5 - 1e-3, axis=1)
    assert not surface.visible[inside & (np.abs(surface.points[:, 2]) < 1e-3)].any()


@pytest.mark.parametrize("world", ["cabinet_room", "two_rooms"])
def test_looking_everywhere_sees_all_that_counts_as_visible(
    world: str, request: pytest.FixtureRequest
) -> None:
    scene = request.getfixturevalue(world)
    surface = surface_of(scene, samples=3_000)
    assert scan(scene, surface, CAMERA).seen[surface.visible].mean() > 0.99


def test_a_narrow_view_up_and_down_hides_floor_and_ceiling_of_a_small_room(cabinet_room: Scene) -> None:
    wide, slit = surface_of(cabinet_room), surface_of(cabinet_room, Camera(128, 8))
    assert np.array_equal(wide.points, slit.points)
    flat = (wide.points[:, 2] == 0) | (wide.points[:, 2] == 2.5)
    assert slit.visible[flat].mean() < 0.01
    assert slit.visible[~flat].mean() > 0.1


def test_the_same_scene_always_has_the_same_samples(cabinet_room: Scene) -> None:
    first, again = surface_of(cabinet_room), surface_of(replace(cabinet_room))
    assert np.array_equal(first.points, again.points)
    assert np.array_equal(first.visible, again.visible)


def test_another_floor_and_the_room_behind_a_wall_do_not_count(cabinet_room: Scene) -> None:
    here = trimesh.Trimesh(cabinet_room.vertices, cabinet_room.triangles)
    upstairs, next_door = (here.copy().apply_translation(offset) for offset in ((0, 0, 3), (5.2, 0, 0)))
    assert cabinet_room.free_space is not None
    points = surface_of(scene_of("building", [here, upstairs, next_door], cabinet_room.free_space)).points
    assert points[:, 2].max() <= 2.5 + 0.08
    assert points[:, 0].max() <= 5.0 + 0.15 + 0.05
