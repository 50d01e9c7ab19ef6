"""A policy that goes to goal images is shown one, and only such a policy is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robonav.agents.checkpoint import load_policy
from robonav.agents.policy import load_explorer
from robonav.driving.goal_image import read_goal
from robonav.driving.pilots import ExplorerPilot, Observation
from robonav.envs.robots.robot import CameraFrame, Odometry
from robonav.envs.sensors.camera import Camera
from robonav.launch import cli
from robonav.policies.config import SequencePolicyConfig
from robonav.training.config import TrainConfig
from robonav.training.run import TrainingRun
from tests.policy_sizes import MAP_AND_PLANNER

pytestmark = pytest.mark.usefixtures("engine")


def trained(task: str, out: Path) -> Path:
    """A tiny policy that did a task for 32 steps."""
    config = TrainConfig(
        task=task,
        surprise_weight=0.0,
        steps=32,
        num_envs=1,
        episode_steps=32,
        threads=1,
        device="cpu",
        camera=Camera(width=40, height=40),
        policy=SequencePolicyConfig(width=16, blocks=1, heads=2, window=16, **MAP_AND_PLANNER),
    )
    return TrainingRun(config, out).learn(progress_bar=False)


@pytest.fixture(scope="module")
def seeker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny policy that was shown goal images."""
    return trained("image-goal", tmp_path_factory.mktemp("seeker"))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Red on the left, green in the middle, blue on the right; with transparency, as screenshots have."""
    pixels = np.zeros((80, 160, 4), np.uint8)
    pixels[:, :40, 0] = pixels[:, 40:120, 1] = pixels[:, 120:, 2] = 200
    pixels[..., 3] = 255
    Image.fromarray(pixels).save(tmp_path / "goal.png")
    return tmp_path / "goal.png"


def test_the_policy_sees_the_middle_of_the_picture(seeker: Path, picture: Path) -> None:
    explorer = load_explorer(seeker)
    goal = read_goal("seeker", explorer, picture)
    assert goal["goal"].shape == (1, 40, 40, 3)
    np.testing.assert_array_equal(goal["goal"].reshape(-1, 3), [(0, 200, 0)] * 1600)
    shown = []
    act = explorer.policy.act
    explorer.policy.act = lambda seen, *rest: (shown.append(seen["goal"]), act(seen, *rest))[1]  # type: ignore
    pilot = ExplorerPilot(explorer, explorer.camera, goal)
    pilot.reset(0)
    frame = CameraFrame(0.0, np.full((40, 40, 3), 90, np.uint8), np.ones((40, 40), np.float32))
    assert pilot.decide(Observation(frame, Odometry(0.0, 0.0, 0.0, 0.0), None, False)) in (0, 1, 2)
    np.testing.assert_array_equal(shown[0].numpy(), np.moveaxis(goal["goal"], -1, 1))


def test_a_drive_to_a_goal_image(seeker: Path, picture: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    wanted = ["--goal-image", str(picture), "--steps", "3", "--threads", "1", "--out", str(out)]
    assert cli.main(["drive", str(seeker), *wanted]) == 0
    summary = json.loads((out / "summary.json").read_text())
    assert f"--goal-image {picture}" in summary["command"]
    assert summary["drive"]["decided_by_person"] == []
    assert load_policy(seeker)[0].observation_space.spaces["goal"].shape == (3, 40, 40)


@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        (["SEEKER"], "was trained to go to goal images: give one with --goal-image"),
        (["explorer", "--goal-image", "goal.png"], "explorer looks at no goal image"),
        (["frontier", "--goal-image", "goal.png"], "frontier looks at no goal image"),
        (["SEEKER", "--goal-image", "nosuch.png"], "nosuch.png"),
        (["SEEKER", "--goal-image", "text.png"], "text.png is no picture"),
    ],
)
def test_a_goal_too_many_or_too_few_is_told(
    mistake: list[str],
    named: str,
    seeker: Path,
    picture: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(picture.parent)
    (picture.parent / "text.png").write_text("no picture")
    assert cli.main(["drive", *[str(seeker) if word == "SEEKER" else word for word in mistake]]) == 2
    error = capsys.readouterr().err
    assert named in error
    assert error.count("\n") == 1
    assert not (picture.parent / "runs").exists()


def test_a_policy_that_goes_to_places_is_not_driven_without_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = trained("sparse-goal", tmp_path / "run")
    assert cli.main(["drive", str(checkpoint), "--out", str(tmp_path / "drive")]) == 2
    assert "was trained to go to far places, which `robonav evaluate --task" in capsys.readouterr().err
    assert not (tmp_path / "drive").exists()
