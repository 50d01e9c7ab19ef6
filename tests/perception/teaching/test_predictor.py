"""The predictor is taught what the geometry says, learns it, goes on after a stop as if there was none."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from robonav.envs.navigation.loaded_scenes import LoadedScene
from robonav.envs.scenes import open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raycast import RaycastSensor
from robonav.errors import UsageError
from robonav.files import CheckpointError
from robonav.launch import cli
from robonav.launch.predictor import PredictorCommand
from robonav.perception.plane_sweep import PlaneSweep
from robonav.perception.predictor import (
    DEPTH_STEP_M,
    DEPTHS,
    RAYS,
    SIGNS,
    OccupancyPredictor,
    PredictorConfig,
)
from robonav.perception.shipped import load_predictor
from robonav.perception.teaching.predictor import (
    PredictorTrainConfig,
    PredictorTraining,
    free_way_m,
    scan_loss,
)
from robonav.perception.teaching.targets import scan
from robonav.perception.teaching.views import Views, render_views, vary
from robonav.perception.teaching.worlds import AlteredScenes
from tests.worlds import box_room, room_floor

TINY = PredictorTrainConfig(
    rounds=6,
    scenes_per_round=2,
    views_per_scene=32,
    kept_rounds=2,
    batch=32,
    checkpoint_every=3,
    learning_rate=0.01,
    threads=1,
    predictor=PredictorConfig(channels=(4, 8, 8, 8), column=8, squeezed=2, ranging=8),
)


def box_world() -> LoadedScene:
    scene = box_room()
    return LoadedScene(scene, room_floor(), RaycastSensor(scene, Camera(), threads=1))


def reach(signs: np.ndarray) -> np.ndarray:
    """Metres up to which a sign (..., 40) holds, none beyond where it does not."""
    assert (np.diff(signs.astype(int), axis=-1) <= 0).all()
    return DEPTH_STEP_M * signs.sum(axis=-1)


def test_the_former_name_of_the_command_still_works():
    assert isinstance(cli.parse(["vision", "--out", "x"]), PredictorCommand)


def test_a_scan_tells_the_wall_and_what_stands_before_it_but_not_the_floor():
    camera = Camera()
    depth = np.full((1, 64, 64), 4.0, np.float32)  # a wall that fills the view
    depth[0, 56:, :] = camera.height_m / camera.directions()[56:, :1, 1]  # the floor in front of the agent
    depth[0, 40:44, 32:34] = 2.0  # a box of which the camera sees a part, 0.7 m above the floor
    free, occupied, in_sight = np.moveaxis(scan(depth, camera)[0], -1, 0)
    np.testing.assert_allclose(reach(in_sight), 4.125)  # the step that the wall begins
    np.testing.assert_allclose(np.delete(reach(free), 16), 4.0)
    np.testing.assert_allclose(reach(free)[16], 2.0)
    assert [list(np.nonzero(ray)[0]) for ray in occupied[15:18]] == [[32], [16, 32], [32]]


def test_in_a_scan_a_floor_that_ends_stops_as_a_wall_does_but_the_missing_sky_does_not():
    camera = Camera()
    depth = np.zeros((1, 64, 64), np.float32)  # nothing anywhere but
    depth[0, 44:] = camera.height_m / camera.directions()[44:, :1, 1]  # the floor in front of the agent
    free, occupied, in_sight = np.moveaxis(scan(depth, camera)[0], -1, 0)
    end = camera.height_m / camera.directions()[43, 0, 1]  # where the row above would meet the floor
    assert (np.abs(reach(free) - end) <= DEPTH_STEP_M).all()
    np.testing.assert_allclose(DEPTH_STEP_M * occupied.argmax(axis=1), end, atol=DEPTH_STEP_M)
    assert (occupied.sum(axis=1) == 1).all()
    assert in_sight.all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_a_scan_is_what_a_loop_over_pixels_finds(seed):
    camera, rng = Camera(), np.random.default_rng(seed)
    depth = rng.choice([0.0, 0.3, 1.1, 2.6, 4.4, 7.0], (64, 64)).astype(np.float32)
    depth += np.where(depth > 0, rng.uniform(0.0, 0.05, (64, 64)), 0.0).astype(np.float32)
    free, occupied, _ = np.moveaxis(scan(depth[None], camera)[0], -1, 0)
    down = camera.directions()[..., 1].astype(float)
    for ray in rng.integers(0, RAYS, 4):
        things, ends = [], []
        for row in range(64):
            for column in (2 * ray, 2 * ray + 1):
                if depth[row, column] > 0:
                    if 0.2 < camera.height_m - down[row, column] * depth[row, column] < 1.5:
                        things.append(depth[row, column])
                elif down[row, column] > 0.02:
                    ends.append(camera.height_m / down[row, column])
        nearest = min([*things, *ends])
        shown = {int(z / DEPTH_STEP_M) for z in [*things, *sorted(ends)[:1]] if z < DEPTHS * DEPTH_STEP_M}
        assert set(np.nonzero(occupied[ray])[0]) == shown
        assert reach(free[ray]) == min(int(nearest / DEPTH_STEP_M), DEPTHS) * DEPTH_STEP_M


def test_a_mirrored_view_has_the_targets_of_the_mirrored_place():
    world, camera = box_world(), Camera()
    places = np.array([[1.5, 1.025, 0.0], [1.5, 2.975, 0.0]])  # mirror images: the room is 4 m wide
    _, depth = world.sensor.render(camera.poses(places, np.zeros(2)))
    rays = scan(depth, camera)
    ramp = torch.arange(64, dtype=torch.uint8)  # brighter to the right
    rgb, before = ramp.expand(2, 3, 64, 64), ramp[:32].expand(2, 3, 32, 32)
    since = torch.tensor([[1.0, 0.5, 0.25, 0.125]] * 2)
    both = Views(rgb, before, since, torch.from_numpy(rays))
    varied = vary(both.pick(torch.zeros(64, dtype=torch.int64)), torch.Generator().manual_seed(0))
    mirrored = varied.rgb[:, 0, 0, 0] > varied.rgb[:, 0, 0, -1]
    assert 10 < int(mirrored.sum()) < 54
    assert torch.equal(varied.before[:, 0, 0, 0] > varied.before[:, 0, 0, -1], mirrored)
    sides = torch.where(mirrored, -1.0, 1.0)
    torch.testing.assert_close(varied.since[:, 1] * sides, torch.full((64,), 0.5), atol=0.03, rtol=0.0)
    torch.testing.assert_close(varied.since[:, 3] * sides, torch.full((64,), 0.125), atol=0.02, rtol=0.0)
    assert torch.equal(varied.since[:, 3] / varied.since[:, 2] * sides, torch.full((64,), 0.5))
    for i, is_mirrored in enumerate(mirrored.tolist()):
        differs = varied.rays[i].numpy() != rays[int(is_mirrored)]
        assert differs.mean() < 1e-3  # depths that lie on a step's edge


def test_views_are_what_was_seen_there_and_before_from_where_the_move_began():
    world, camera, calls = box_world(), Camera(), []
    render = world.sensor.render
    world.sensor.render = lambda poses: calls.append(poses) or render(poses)
    views = render_views(world, camera, 160, np.random.default_rng(0))
    now, earlier = calls
    moved = views.since[:, 0] > 0
    assert 0.6 < float(moved.float().mean()) < 0.9
    torch.testing.assert_close(views.since[~moved], torch.zeros(int((~moved).sum()), 4))
    assert set(views.since[moved, 2].tolist()) == {0.25}
    rgb = np.moveaxis(render(now)[0], -1, 1)
    np.testing.assert_array_equal(views.rgb.numpy(), rgb)
    shown = np.moveaxis(render(earlier)[0], -1, 1).reshape(-1, 3, 32, 2, 32, 2).mean(axis=(3, 5))
    np.testing.assert_allclose(views.before[moved].numpy(), shown, atol=0.51)
    # pose of now in the axes of the earlier camera: x right, y down, z ahead
    relative = np.linalg.inv(earlier) @ now[moved.numpy()]
    np.testing.assert_allclose(relative[:, :3, 3], np.tile([0.0, 0.0, 0.25], (len(relative), 1)), atol=1e-5)
    turned = np.arctan2(-relative[:, 0, 2], relative[:, 2, 2])
    np.testing.assert_allclose(np.cos(turned - views.since[moved, 1].numpy()), 1.0, atol=1e-5)
    assert len(set(np.round(turned, 3))) > 3


def test_it_learns_and_a_resumed_run_equals_one_without_a_break_bit_for_bit(tmp_path):
    shown = list(PredictorTraining(TINY, tmp_path / "whole").learn())
    assert shown[-1]["loss"] < 0.8 * shown[0]["loss"]
    running = PredictorTraining(TINY, tmp_path / "parts").learn()
    for _ in range(4):  # one round beyond the checkpoint, which is lost
        next(running)
    resumed = PredictorTraining(TINY, tmp_path / "parts", resume=True)
    assert resumed.round == 3
    list(resumed.learn())
    for name in ("model.safetensors", "training.safetensors"):
        expected, found = load_file(tmp_path / "whole" / name), load_file(tmp_path / "parts" / name)
        assert expected.keys() == found.keys()
        for key in expected:
            torch.testing.assert_close(found[key], expected[key], rtol=0, atol=0, msg=f"{name}: {key}")


def test_the_command_writes_an_eye_that_can_be_trained_with(tmp_path, capsys):
    predictor = tmp_path / "predictor"
    config = replace(TINY, rounds=1, predictor=PredictorConfig())
    list(PredictorTraining(config, predictor).learn())
    assert cli.main(["predictor", "--out", str(predictor), "--rounds", "1", "--resume"]) == 0
    assert f"robonav train guided --predictor {predictor}" in capsys.readouterr().out
    assert load_predictor(str(predictor)).config == PredictorConfig()


def test_an_eye_can_be_taught_further(tmp_path):
    list(PredictorTraining(TINY, tmp_path / "first").learn())
    further = replace(TINY, rounds=1, init=str(tmp_path / "first"), predictor=PredictorConfig())
    training = PredictorTraining(further, tmp_path / "second")
    for name, weight in load_predictor(str(tmp_path / "first")).state_dict().items():
        assert torch.equal(training.network.state_dict()[name], weight)
    list(training.learn())
    assert load_predictor(str(tmp_path / "second")).config == TINY.predictor


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match=r"thesis\.tex"):
        PredictorTraining(TINY, tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_an_eye_that_is_missing_or_damaged_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="no such predictor; give nano"):
        load_predictor(str(tmp_path / "none"))
    list(PredictorTraining(replace(TINY, rounds=1), tmp_path / "predictor").learn())
    (tmp_path / "predictor" / "model.safetensors").write_bytes(b"half")
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        load_predictor(str(tmp_path / "predictor"))


def test_images_of_other_sizes_are_brought_to_the_size_that_the_eye_knows():
    predictor = load_predictor()
    fine = torch.rand(2, 3, 128, 128).repeat_interleave(2, -1).repeat_interleave(2, -2)[..., :128, :128] * 255
    coarse = fine[..., ::2, ::2]
    torch.testing.assert_close(predictor(fine), predictor(coarse), atol=1e-3, rtol=1e-3)


def test_the_products_over_columns_are_the_convolutions_that_the_weights_are_saved_as():
    torch.manual_seed(0)
    predictor = OccupancyPredictor()
    rgb = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        sweep = torch.rand(3, 8, 32, 32)
        shown = torch.cat([predictor.pixels(rgb / 255.0 - 0.5), sweep], dim=1)
        columns = predictor.columns(predictor.image(shown).flatten(1, 2))
        features = predictor(rgb, sweep)
        torch.testing.assert_close(features, columns.flatten(1))
        told = predictor.rays(columns).permute(0, 2, 1).reshape(3, RAYS, SIGNS, DEPTHS).sigmoid()
        torch.testing.assert_close(predictor.scan(features), told.transpose(2, 3))


@pytest.fixture(scope="module")
def told_and_true() -> tuple[torch.Tensor, torch.Tensor]:
    """Predictions of the shipped predictor on views of unseen houses, and the truth: (N, 32, 40, 3) each."""
    scenes, camera, predictor = open_scenes("procedural", "val"), Camera(), load_predictor()
    rng, parts = np.random.default_rng(0), []
    for scene_id in scenes.scene_ids[:6]:
        scene = scenes.load(scene_id)
        parts.append(
            render_views(LoadedScene(scene, scene.free_space, RaycastSensor(scene, camera)), camera, 128, rng)
        )
    views = Views.join(parts)
    with torch.no_grad():
        return predictor.scan(predictor(views.rgb, views.sweep(PlaneSweep()))), views.rays.float()


def test_the_eye_that_ships_sees_how_far_the_way_is_free_in_houses_it_never_saw(told_and_true):
    told, true = (free_way_m(signs) for signs in told_and_true)
    assert (told - true).abs().mean() < 0.35 * (true - true.mean()).abs().mean()
    assert (told - true).abs().median() < 0.2


def test_what_the_eye_that_ships_calls_likely_is_so_as_often_as_it_says(told_and_true):
    for told, true in zip(*(signs.flatten(0, 2).T for signs in told_and_true), strict=True):
        for low in (0.2, 0.4, 0.6, 0.8):
            chosen = (told >= low) & (told < low + 0.2)
            assert float(true[chosen].mean()) == pytest.approx(float(told[chosen].mean()), abs=0.1)


def test_the_eye_that_ships_reads_distance_from_what_shifts_in_worlds_unlike_those_it_was_taught_in():
    """The same images with and without what was seen before; this is what it needs in a strange world."""
    known, camera, predictor = open_scenes("procedural", "val"), Camera(), load_predictor()
    scenes, parts = AlteredScenes(known, 1.0, np.random.default_rng(3)), []
    for scene_id in known.scene_ids[:12]:
        scene = scenes.load(scene_id)
        world = LoadedScene(scene, scene.free_space, RaycastSensor(scene, camera))
        parts.append(render_views(world, camera, 64, np.random.default_rng(0)))
    views = Views.join(parts)
    views = views.pick(views.since[:, 0] > 0)
    with torch.no_grad():
        logits = [
            predictor.scan_logits(predictor(views.rgb, sweep)) for sweep in (views.sweep(PlaneSweep()), None)
        ]
    moving, still = (float(scan_loss(told, views.rays).sum()) for told in logits)
    assert moving < 0.9 * still


def test_an_untaught_eye_takes_rgb_as_it_comes():
    predictor = OccupancyPredictor(TINY.predictor)
    rgb = torch.zeros(3, 3, 64, 64, dtype=torch.uint8)
    assert predictor(rgb).shape == (3, 32)
    torch.testing.assert_close(
        predictor(rgb), predictor(rgb, torch.zeros(3, 8, 32, 32))
    )  # none = nothing compared


def test_training_with_an_eye_that_is_not_there_is_a_users_mistake_and_writes_nothing(tmp_path, capsys):
    out = tmp_path / "run"
    assert cli.main(["train", "nano", "--vision", str(tmp_path / "none"), "--out", str(out)]) == 2
    assert "no such predictor" in capsys.readouterr().err
    assert not out.exists()
