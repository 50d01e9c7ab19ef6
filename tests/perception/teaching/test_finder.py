"""The finder of pictures is taught what the geometry says, learns it, and can be stopped at any time."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from robonav.agents.checkpoint import load_policy
from robonav.envs.navigation.loaded_scenes import LoadedScene
from robonav.envs.navigation.tasks.image_goal import GoalView, visible_share
from robonav.envs.scenes import open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raycast import RaycastSensor
from robonav.errors import UsageError
from robonav.launch import cli
from robonav.perception.goal_finder import CELLS, TURNS, Finding, GoalFinderConfig, cell_centres
from robonav.perception.shipped import load_finder, load_predictor
from robonav.perception.teaching.finder import FinderTrainConfig, FinderTraining, finder_losses
from robonav.perception.teaching.pairs import render_pairs, vary
from robonav.perception.teaching.predictor import PredictorTraining
from tests.perception.teaching.test_predictor import TINY as TINY_EYE

TINY = FinderTrainConfig(
    rounds=5,
    scenes_per_round=2,
    views_per_scene=12,
    kept_rounds=2,
    batch=24,
    checkpoint_every=3,
    learning_rate=0.01,
    threads=1,
    finder=GoalFinderConfig(channels=(4, 8, 8, 8), keys=2, key=4, told=4, compared=(8, 8, 8), hidden=16),
)


def house(index: int) -> LoadedScene:
    scenes = open_scenes("procedural", "val")
    scene = scenes.load(scenes.scene_ids[index])
    return LoadedScene(scene, scene.free_space, RaycastSensor(scene, Camera(), threads=1))


@pytest.fixture(scope="module")
def some():
    """Pairs of a house, where their cameras stood (V + G, 4, 4), and the house."""
    world, calls = house(0), []
    render = world.sensor.render
    world.sensor.render = lambda poses: calls.append(poses) or render(poses)
    pairs = render_pairs(world, Camera(), 24, load_predictor(), np.random.default_rng(0))
    world.sensor.render = render
    return pairs, calls, world


def pose_of(picture, candidates, world):
    """Pose (4, 4) of the camera that took a picture."""
    return next(
        T
        for T in candidates
        if np.array_equal(np.moveaxis(world.sensor.render(T[None])[0][0], -1, 0), picture)
    )


def test_pairs_are_told_where_the_picture_was_taken_seen_from_the_frame(some):
    pairs, (candidates, stands), world = some
    taken = [pose_of(picture, candidates, world) for picture in pairs.pictures.numpy()]
    assert pairs.pairs.shape == (48, 2)
    for (frame, picture), place, turn in zip(pairs.pairs.tolist(), pairs.place, pairs.turn, strict=True):
        relative = np.linalg.inv(stands[frame]) @ taken[picture]
        np.testing.assert_allclose([relative[2, 3], -relative[0, 3]], place, atol=1e-3)
        facing = np.arctan2(-relative[0, 2], relative[2, 2])
        assert np.cos(facing - float(turn)) == pytest.approx(1.0, abs=1e-5)


def test_the_share_of_a_picture_that_a_frame_shows_is_what_rays_find(some):
    pairs, (candidates, stands), world = some
    shares = []
    for frame, picture in pairs.pairs.tolist():
        T = pose_of(pairs.pictures[picture].numpy(), candidates, world)
        yaw = np.arctan2(T[1, 2], T[0, 2])
        view = GoalView.take(world, Camera(), (float(T[0, 3]), float(T[1, 3]), float(yaw)))
        shares.append(visible_share(view.points, world, Camera(), stands[frame]))
    off = np.abs(np.array(shares) - pairs.share.numpy())
    assert np.mean(off) < 0.04
    assert off.max() < 0.25
    assert 0.3 < float((pairs.share > 0.1).float().mean()) < 0.9


def test_most_frames_show_something_of_their_picture_and_few_of_another(some):
    own, other = some[0].share.split(24)
    assert float((own > 0.1).float().mean()) > 0.4 > float((other > 0.1).float().mean())


def test_a_mirrored_pair_is_that_of_the_mirrored_world(some):
    pairs, varied, generator = some[0], [], torch.Generator().manual_seed(0)
    for _ in range(8):
        varied.append(vary(pairs, generator))
    mirrored = [v for v in varied if not torch.equal(v.place, pairs.place)]
    assert 0 < len(mirrored) < 8
    for v in mirrored:
        torch.testing.assert_close(v.place, pairs.place * torch.tensor([1.0, -1.0]))
        torch.testing.assert_close(v.turn, -pairs.turn)
        features = v.frame_features.unflatten(-1, (-1, 16)).flip(-1).flatten(1)
        torch.testing.assert_close(features, pairs.frame_features)
        gray, seen = pairs.frames[0].float().mean(0), v.frames[0].mean(0)
        likeness = [np.corrcoef(image.flatten(), seen.flatten())[0, 1] for image in (gray.flip(-1), gray)]
        assert likeness[0] > max(0.9, likeness[1])


def test_the_loss_is_least_where_the_truth_is_told():
    place, turn = torch.tensor([[1.2, -0.7], [9.0, 0.0]]), torch.tensor([0.5, 0.0])
    off = (cell_centres() - place[:1]).norm(dim=1)
    turns = (torch.arange(TURNS) - 0.5 * TURNS / (2 * np.pi) + TURNS / 2) % TURNS - TURNS / 2
    right = Finding(
        torch.tensor([9.0, 9.0]),
        (-0.5 * (off / 0.35).square()).expand(2, -1),
        (-0.5 * turns.square()).expand(2, -1),
    )
    share = torch.tensor([0.4, 0.4])
    least = finder_losses(right, share, place, turn)
    assert float(least.in_view) < 1e-3
    for name, size in (("place", CELLS**2), ("turn", TURNS)):
        target = getattr(right, name)[0].softmax(dim=0)
        entropy = float(-(target * target.log()).nan_to_num().sum())
        assert float(getattr(least, name)) == pytest.approx(entropy, abs=1e-3)  # the second is out of reach
        for _ in range(3):
            other = right._replace(**{name: torch.randn(2, size)})
            assert float(getattr(finder_losses(other, share, place, turn), name)) > entropy
    unseen = finder_losses(right, torch.zeros(2), place, turn)
    assert float(unseen.place) == float(unseen.turn) == 0.0


def test_it_learns_and_a_resumed_run_equals_one_without_a_break_bit_for_bit(tmp_path):
    shown = list(FinderTraining(TINY, tmp_path / "whole").learn())
    assert shown[-1]["loss"] < shown[0]["loss"]
    assert shown[-1]["place_error_m"] > 0.0
    running = FinderTraining(TINY, tmp_path / "parts").learn()
    for _ in range(4):  # one round beyond the checkpoint, which is lost
        next(running)
    resumed = FinderTraining(TINY, tmp_path / "parts", resume=True)
    assert resumed.round == 3
    list(resumed.learn())
    expected, found = (load_file(tmp_path / part / "model.safetensors") for part in ("whole", "parts"))
    for key in expected:
        torch.testing.assert_close(found[key], expected[key], rtol=0, atol=0, msg=key)
    assert load_finder(str(tmp_path / "whole")).config == TINY.finder


def test_the_command_writes_a_finder_that_can_be_trained_with_and_taught_further(tmp_path, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    list(FinderTraining(replace(TINY, rounds=1, finder=GoalFinderConfig()), first).learn())
    assert cli.main(["finder", "--out", str(first), "--rounds", "1", "--resume"]) == 0
    assert f"--finder {first}" in capsys.readouterr().out
    further = FinderTraining(replace(TINY, rounds=1, init=str(first)), second)
    for name, weight in load_finder(str(first)).state_dict().items():
        assert torch.equal(further.network.state_dict()[name], weight)
    assert cli.main(["finder", "--out", str(first)]) == 2
    assert "already holds a run" in capsys.readouterr().err


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match=r"thesis\.tex, which is not part of a finder"):
        FinderTraining(TINY, tmp_path)


def test_a_finder_that_does_not_go_with_the_eye_is_a_users_mistake_and_writes_nothing(tmp_path, capsys):
    list(PredictorTraining(replace(TINY_EYE, rounds=1), tmp_path / "predictor").learn())
    out = tmp_path / "run"
    command = ["train", "guided-image-goal", "--predictor", str(tmp_path / "predictor"), "--out", str(out)]
    assert cli.main(command) == 2
    assert "robonav finder --predictor YOUR_PREDICTOR" in capsys.readouterr().err
    assert not out.exists()
    list(
        FinderTraining(
            replace(TINY, rounds=1, predictor=str(tmp_path / "predictor")), tmp_path / "finder"
        ).learn()
    )
    few = ["--finder", str(tmp_path / "finder"), "--steps", "512", "--num-envs", "2", "--threads", "1"]
    assert cli.main([*command, *few]) == 0
    assert load_policy(out)[0].config.finder == TINY.finder
    further = tmp_path / "further"
    command = ["train", "guided-image-goal", "--init", str(out), "--out", str(further)]
    assert cli.main([*command, *few[2:]]) == 0  # with the finder that it has, as with its predictor
    theirs = load_policy(out)[0].search.finder.state_dict()
    for name, weight in load_policy(further)[0].search.finder.state_dict().items():
        assert torch.equal(weight, theirs[name])


def test_a_finder_where_no_picture_is_shown_is_refused(tmp_path, capsys):
    out = tmp_path / "run"
    assert cli.main(["train", "nano", "--finder", "nano", "--out", str(out)]) == 2
    assert "train preset guided-image-goal with it" in capsys.readouterr().err
    assert not out.exists()
