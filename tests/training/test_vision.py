"""The eye is taught what the geometry says, learns it, and goes on after a stop as if there had been none."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from robonav.checkpoint import CheckpointError, load_eye
from robonav.envs.navigation import World
from robonav.envs.scenes import open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raycast import RaycastSensor
from robonav.errors import UsageError
from robonav.launch import cli
from robonav.policies.vision import VisionConfig, VisionEncoder
from robonav.vision_training import (
    REACH_M,
    Views,
    VisionTrainConfig,
    VisionTraining,
    free_runs,
    nearness,
    render_views,
    scan,
    vary,
)
from tests.worlds import RADIUS, SIZE, box_room, room_floor

TINY = VisionTrainConfig(
    rounds=6,
    scenes_per_round=2,
    views_per_scene=32,
    kept_rounds=2,
    batch=32,
    checkpoint_every=3,
    threads=1,
    vision=VisionConfig(channels=(4, 8, 8, 8), column=8, squeezed=2, ranging=8),
)


def box_world() -> World:
    scene = box_room()
    return World(scene, room_floor(), RaycastSensor(scene, Camera(), threads=1))


def test_nearness_is_the_block_mean_of_inverse_depth_and_0_without_a_return():
    depth = np.full((1, 16, 16), 3.0, np.float32)
    depth[0, :2, :2] = [[1.0, 1.0], [0.0, 0.0]]
    targets = nearness(depth, cells=8)
    assert targets.shape == (1, 8, 8)
    np.testing.assert_allclose(targets[0, 0, 0], (0.5 + 0.5) / 4)
    np.testing.assert_allclose(targets[0].flat[1:], 0.25)


def test_a_scan_tells_the_wall_at_eye_level_and_what_stands_before_it_but_not_the_floor():
    camera = Camera()
    depth = np.full((1, 64, 64), 4.0, np.float32)  # a wall that fills the view
    depth[0, 56:, :] = camera.height_m / camera.directions()[56:, :1, 1]  # the floor in front of the agent
    depth[0, 40:44, 32:36] = 2.0  # a box of which the camera sees a part, 0.7 m above the floor
    obstacle, sight = scan(depth, camera)[0]
    np.testing.assert_allclose(sight, 1 / 5.0, rtol=1e-5)
    np.testing.assert_allclose(np.delete(obstacle, 8), 1 / 5.0, rtol=1e-5)
    np.testing.assert_allclose(obstacle[8], 1 / 3.0, rtol=1e-5)


def test_in_a_scan_a_floor_that_ends_stops_as_a_wall_does_but_the_missing_sky_does_not():
    camera = Camera()
    depth = np.zeros((1, 64, 64), np.float32)  # nothing anywhere but
    depth[0, 44:] = camera.height_m / camera.directions()[44:, :1, 1]  # the floor in front of the agent
    obstacle, sight = scan(depth, camera)[0]
    end = camera.height_m / camera.directions()[43, 0, 1]  # where the row above would meet the floor
    np.testing.assert_allclose(obstacle, 1 / (1 + end), rtol=1e-5)
    np.testing.assert_array_equal(sight, 0.0)


def test_a_free_run_ends_where_the_agent_would_touch_the_wall():
    runs = free_runs(room_floor(), np.array([[3.0, 1.0]]), np.array([0.0]))[0]
    right, ahead, left = runs[0], runs[3], runs[-1]
    cell = 0.05 * 2**0.5
    assert ahead == pytest.approx(SIZE[0] / 2 - RADIUS, abs=cell)
    assert left == pytest.approx(REACH_M, abs=cell)  # 4 m to the wall
    assert right == pytest.approx((1.0 - RADIUS) * 2**0.5, abs=2 * cell)


def test_a_mirrored_view_has_the_targets_of_the_mirrored_place():
    world, camera = box_world(), Camera()
    places = np.array([[1.5, 1.025, 0.0], [1.5, 2.975, 0.0]])  # mirror images: the room is 4 m wide
    _, depth = world.sensor.render(camera.poses(places, np.zeros(2)))
    near, runs = nearness(depth), free_runs(world.free_space, places[:, :2], np.zeros(2))
    ranges = scan(depth, camera)
    rgb = torch.arange(2 * 3 * 64 * 64).reshape(2, 3, 64, 64).to(torch.uint8)
    both = Views(rgb, torch.from_numpy(near), torch.from_numpy(ranges), torch.from_numpy(runs))
    generator = torch.Generator().manual_seed(0)
    many = both.pick(torch.zeros(64, dtype=torch.int64))
    _, varied = vary(many, generator)
    mirrored = [not torch.equal(image, rgb[0]) for image in varied.rgb]
    assert 10 < sum(mirrored) < 54
    for i, is_mirrored in enumerate(mirrored):
        np.testing.assert_allclose(varied.nearness[i], near[int(is_mirrored)], atol=1e-4)
        np.testing.assert_allclose(varied.scan[i], ranges[int(is_mirrored)], atol=1e-4)
        np.testing.assert_allclose(varied.free_runs[i], runs[int(is_mirrored)], atol=0.051)


def test_it_learns_and_a_resumed_run_equals_one_without_a_break_bit_for_bit(tmp_path):
    shown = list(VisionTraining(TINY, tmp_path / "whole").learn())
    assert shown[-1]["loss"] < 0.7 * shown[0]["loss"]
    running = VisionTraining(TINY, tmp_path / "parts").learn()
    for _ in range(4):  # one round beyond the checkpoint, which is lost
        next(running)
    resumed = VisionTraining(TINY, tmp_path / "parts", resume=True)
    assert resumed.round == 3
    list(resumed.learn())
    for name in ("model.safetensors", "training.safetensors"):
        expected, found = load_file(tmp_path / "whole" / name), load_file(tmp_path / "parts" / name)
        assert expected.keys() == found.keys()
        for key in expected:
            torch.testing.assert_close(found[key], expected[key], rtol=0, atol=0, msg=f"{name}: {key}")


def test_the_command_writes_an_eye_that_can_be_trained_with(tmp_path, capsys):
    eye = tmp_path / "eye"
    config = replace(TINY, rounds=1, vision=VisionConfig())
    list(VisionTraining(config, eye).learn())
    assert cli.main(["vision", "--out", str(eye), "--rounds", "1", "--resume"]) == 0
    assert f"robonav train nano --vision {eye}" in capsys.readouterr().out
    assert load_eye(str(eye)).config == VisionConfig()


def test_an_eye_can_be_taught_further(tmp_path):
    list(VisionTraining(TINY, tmp_path / "first").learn())
    further = replace(TINY, rounds=1, init=str(tmp_path / "first"), vision=VisionConfig())
    training = VisionTraining(further, tmp_path / "second")
    for name, weight in load_eye(str(tmp_path / "first")).state_dict().items():
        assert torch.equal(training.encoder.state_dict()[name], weight)
    list(training.learn())
    assert load_eye(str(tmp_path / "second")).config == TINY.vision


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match=r"thesis\.tex"):
        VisionTraining(TINY, tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_an_eye_that_is_missing_or_damaged_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="no such eye; give nano"):
        load_eye(str(tmp_path / "none"))
    list(VisionTraining(replace(TINY, rounds=1), tmp_path / "eye").learn())
    (tmp_path / "eye" / "model.safetensors").write_bytes(b"half")
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        load_eye(str(tmp_path / "eye"))


def test_images_of_other_sizes_are_brought_to_the_size_that_the_eye_knows():
    eye = load_eye()
    fine = torch.rand(2, 3, 128, 128).repeat_interleave(2, -1).repeat_interleave(2, -2)[..., :128, :128] * 255
    coarse = fine[..., ::2, ::2]
    torch.testing.assert_close(eye(fine), eye(coarse), atol=1e-3, rtol=1e-3)


def test_the_products_over_columns_are_the_convolutions_that_the_weights_are_saved_as():
    torch.manual_seed(0)
    eye = VisionEncoder()
    rgb = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        columns = eye.columns(eye.image(rgb / 255.0 - 0.5).flatten(1, 2))
        features = eye(rgb)
        torch.testing.assert_close(features, columns.flatten(1))
        nearness, log_doubts = eye.ranges(columns).split(2, dim=1)
        torch.testing.assert_close(eye.scan(features)[:, :2], nearness)
        torch.testing.assert_close(eye.scan(features)[:, 2:], log_doubts.clamp(-5.3, -0.7).exp())


def test_the_eye_that_ships_sees_depth_and_ways_in_houses_it_never_saw():
    scenes, camera = open_scenes("procedural", "val"), Camera()
    rng = np.random.default_rng(0)
    views = []
    for scene_id in scenes.scene_ids[:6]:
        scene = scenes.load(scene_id)
        world = World(scene, scene.free_space, RaycastSensor(scene, camera))
        views.append(render_views(world, camera, 256, rng))
    seen = Views.join(views)
    features = load_eye()(seen.rgb).detach()
    half = len(features) // 2  # a linear read-out is fitted in three houses and tried in three others
    with_ones = torch.cat([features, torch.ones(len(features), 1)], dim=1)
    weights = torch.linalg.lstsq(with_ones[:half], seen.nearness[:half].flatten(1), driver="gelsd").solution
    error = (with_ones[half:] @ weights - seen.nearness[half:].flatten(1)).square().mean()
    guess = (seen.nearness[half:] - seen.nearness[:half].mean(0)).square().mean()
    assert error < 0.5 * guess


def test_the_eye_that_ships_knows_how_far_its_scan_can_be_trusted():
    scenes, camera, eye = open_scenes("procedural", "val"), Camera(), load_eye()
    scene = scenes.load(scenes.scene_ids[7])
    world = World(scene, scene.free_space, RaycastSensor(scene, camera))
    views = render_views(world, camera, 400, np.random.default_rng(1))
    with torch.no_grad():
        told = eye.scan(eye(views.rgb))
    error, doubt = (told[:, :2] - views.scan).abs().flatten(), told[:, 2:].flatten()
    assert error.median() < 0.02
    sure = doubt < doubt.median()
    assert error[sure].mean() < 0.6 * error[~sure].mean()
    assert 0.55 < (error < doubt).float().mean() < 0.9  # 68 % of a Gaussian lie within one deviation


def test_an_untaught_eye_takes_rgb_as_it_comes():
    eye = VisionEncoder(TINY.vision)
    assert eye(torch.zeros(3, 3, 64, 64, dtype=torch.uint8)).shape == (3, 32)


def test_training_with_an_eye_that_is_not_there_is_a_users_mistake_and_writes_nothing(tmp_path, capsys):
    out = tmp_path / "run"
    assert cli.main(["train", "nano", "--vision", str(tmp_path / "none"), "--out", str(out)]) == 2
    assert "no such eye" in capsys.readouterr().err
    assert not out.exists()
