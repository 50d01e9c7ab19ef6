"""A recorded episode looks as it did, or it is said why it cannot."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from robonav.errors import UsageError
from robonav.evaluation.records import EPISODES, MAPS, SETTINGS
from robonav.launch import cli
from robonav.viewer.replay import RecordedRun
from tests.viewer.conftest import STEPS, Run


@pytest.fixture
def copy(run: Run, tmp_path: Path) -> Path:
    """The same folder, to be damaged."""
    return Path(shutil.copytree(run.folder, tmp_path / "run"))


def edited(folder: Path, **changes: object) -> None:
    """Write the only episode's record with other values; None takes a value away."""
    record = json.loads((folder / EPISODES).read_text())
    record = {key: value for key, value in {**record, **changes}.items() if value is not None}
    (folder / EPISODES).write_text(json.dumps(record) + "\n")


def test_frames_are_those_that_the_agent_saw(run: Run) -> None:
    recorded = RecordedRun(run.folder, width=64, threads=1)
    recording = recorded.open(recorded.episode_ids[0])
    assert recorded.episode_ids == run.witness.titles
    assert recording.camera == run.witness.camera
    assert len(recording) == len(run.witness.frames) == STEPS + 1
    for step in range(0, STEPS + 1, 3):
        again, seen = recording.frames(step), run.witness.frames[step]
        np.testing.assert_allclose(again.T_world_camera, seen.T_world_camera, atol=1e-5)
        # poses are the same up to the last bits of a float, and so are all but some pixels on edges
        assert np.mean(np.abs(again.depth - seen.depth) > 1e-3) < 0.01
        assert np.mean(again.rgb != seen.rgb) < 0.02
        assert again.collided == seen.collided


def test_more_columns_see_the_same_angle(run: Run) -> None:
    recording = RecordedRun(run.folder, width=96, threads=1).open(run.witness.titles[0])
    assert (recording.camera.width, recording.camera.height, recording.camera.hfov_deg) == (96, 96, 90.0)
    assert recording.frames(0).rgb.shape == (1, 96, 96, 3)


def test_another_scene_is_refused(copy: Path, run: Run) -> None:
    edited(copy, scene_hash="0" * 16)
    with pytest.raises(UsageError, match=r"was run in 0000000000000000: name the scenes of that time"):
        RecordedRun(copy, threads=1).open(run.witness.titles[0])


def test_an_older_record_is_refused(copy: Path, run: Run) -> None:
    edited(copy, camera=None)
    with pytest.raises(UsageError, match=r"has no camera.*evaluate it again"):
        RecordedRun(copy, threads=1).open(run.witness.titles[0])


def test_a_missing_episode_is_named_with_those_that_are_there(run: Run) -> None:
    with pytest.raises(UsageError, match=f"has no episode nine: it has {run.witness.titles[0]}"):
        RecordedRun(run.folder, threads=1).open("nine")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no archive"])
def test_a_damaged_trajectory_is_told_in_a_sentence(
    copy: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (path,) = (copy / MAPS).iterdir()
    path.write_bytes(content)
    assert cli.main(["export", str(copy), "--format", "tum", "--threads", "1"]) == 2
    message = capsys.readouterr().err
    assert path.name in message
    assert "--resume" in message
    assert len(message.strip().splitlines()) == 1
    assert not (copy / "export").exists()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["view", "nowhere"], "nowhere does not exist"),
        (["view", "procedural", "--episode", "1"], "procedural is no run"),
        (["export", "nowhere", "--format", "ply"], "episodes.jsonl does not exist"),
        (["export", "RUN", "--format", "ply", "--voxel", "0"], "voxel is 0.0: give 0.01 to 0.5"),
        (["export", "RUN", "--format", "ply", "--every", "0"], "every is 0: give at least 1"),
        (["export", "RUN", "--format", "ply", "--width", "2"], "width is 2: give 16 to 2048"),
        (["export", "RUN", "--format", "ply", "--scenes", "gone"], "gone does not exist"),
        (["view", "RUN", "--port", "70000"], "port is 70000"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    run: Run, args: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([str(run.folder) if arg == "RUN" else arg for arg in args]) == 2
    message = capsys.readouterr().err
    assert said in message
    assert len(message.strip().splitlines()) == 1


def test_a_run_without_episodes_is_told(copy: Path) -> None:
    (copy / EPISODES).write_text("")
    with pytest.raises(UsageError, match="holds no finished episode"):
        RecordedRun(copy)
    (copy / SETTINGS).unlink()
    shutil.copy(copy / MAPS / next((copy / MAPS).iterdir()).name, copy / SETTINGS)
    edited_settings = copy / EPISODES
    edited_settings.write_text(json.dumps({"episode_id": "a"}) + "\n")
    with pytest.raises(UsageError, match=r"settings\.json is damaged"):
        RecordedRun(copy)
