"""A list replays the very episodes that it was made from, whoever reads it, however often stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from robonav.launch import cli
from tests.envs.episode_files.habitat_files import point_episode, write
from tests.envs.scenes.gltf_files import write_room

SHORT = ("--steps", "4", "--threads", "1", "--seed", "3", "--num-envs", "2")


def evaluate(out: Path, *args: str, explorer: str = "random") -> list[bytes]:
    assert cli.main(["evaluate", explorer, *SHORT, *args, "--out", str(out)]) == 0
    return (out / "episodes.jsonl").read_bytes().splitlines()


def error_of(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    capsys.readouterr()
    assert cli.main([*args]) == 2
    message = capsys.readouterr().err.strip()
    assert len(message.splitlines()) == 1
    return message


@pytest.fixture
def rooms(tmp_path: Path) -> Path:
    """A folder of two meshes, Room.glb and Other.glb."""
    write_room(tmp_path / "rooms" / "Room.glb")
    write_room(tmp_path / "rooms" / "Other.glb")
    return tmp_path / "rooms"


def test_a_list_replays_what_a_number_of_episodes_draws(
    rooms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = tmp_path / "list.jsonl"
    make = ["scenes", "episodes", str(rooms), "--episodes", "5", "--seed", "3", "--out", str(listed)]
    assert cli.main(make) == 0
    assert f"5 episodes in 2 scenes: {listed}" in capsys.readouterr().out
    drawn = evaluate(tmp_path / "drawn", "--scenes", str(rooms), "--episodes", "5")
    replayed = evaluate(tmp_path / "replayed", "--scenes", str(rooms), "--episodes", str(listed))
    assert drawn == replayed
    assert replayed == evaluate(tmp_path / "again", "--scenes", str(rooms), "--episodes", str(listed))
    assert "list.jsonl exists" in error_of(capsys, *make)


def test_a_stopped_replay_goes_on_and_only_with_the_same_list(
    rooms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in ("0", "1"):
        out = str(tmp_path / f"{seed}.jsonl")
        assert (
            cli.main(["scenes", "episodes", str(rooms), "--episodes", "3", "--seed", seed, "--out", out]) == 0
        )
    args = ("--scenes", str(rooms), "--episodes", str(tmp_path / "0.jsonl"))
    whole = evaluate(tmp_path / "run", *args)
    (tmp_path / "run" / "episodes.jsonl").write_bytes(whole[0] + b"\n" + whole[1][:40])
    assert evaluate(tmp_path / "run", *args, "--resume") == whole
    for other in (str(tmp_path / "1.jsonl"), "3"):
        message = error_of(capsys, "evaluate", "random", *SHORT, "--scenes", str(rooms), "--episodes", other,
                           "--out", str(tmp_path / "run"), "--resume")  # fmt: skip
        assert "episode_list" in message


def test_habitats_own_files_are_evaluated_and_kept_as_a_list(
    rooms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = {"start_position": [-2.0, 0.1, -3.0]}  # x 3, y 2 of ours
    habitat = write(
        tmp_path / "val" / "content" / "Room.json.gz",
        [
            point_episode("a", **there),
            point_episode("b", start_position=[-2.0, 3.0, -3.0]),
            point_episode("c", scene_id="gibson/Adrian.glb"),
            point_episode("d", scene_id="gibson/Other.glb", **there),
        ],
    )
    lines = evaluate(tmp_path / "habitat", "--scenes", str(rooms), "--episodes", str(habitat))
    printed = capsys.readouterr().out
    assert "left out 1 of 4 episodes: start on another floor" in printed
    assert "left out 1 of 4 episodes: scene is not among these" in printed
    assert [json.loads(line)["episode_id"] for line in lines] == ["Room.glb/a", "Other.glb/d"]
    assert json.loads(lines[0])["start"] == {"x": 3, "y": 2, "yaw": 1.5708}
    summary = json.loads((tmp_path / "habitat" / "summary.json").read_text())
    assert summary["settings"]["left_out"] == {"start on another floor": 1, "scene is not among these": 1}

    listed = tmp_path / "list.jsonl"
    make = ["scenes", "episodes", str(rooms), "--habitat", str(tmp_path / "val"), "--out", str(listed)]
    assert cli.main(make) == 0
    assert evaluate(tmp_path / "listed", "--scenes", str(rooms), "--episodes", str(listed)) == lines
    one = tmp_path / "one.jsonl"
    assert cli.main([*make[:-1], str(one), "--episodes", "1"]) == 0
    assert len(one.read_text().splitlines()) == 2


def test_a_scene_that_has_changed_is_noticed_before_anything_is_written(
    rooms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = str(tmp_path / "list.jsonl")
    assert cli.main(["scenes", "episodes", str(rooms), "--episodes", "2", "--out", listed]) == 0
    write_room(rooms / "Room.glb", size=(6.0, 5.0, 2.5))
    out = tmp_path / "run"
    message = error_of(capsys, "evaluate", "random", *SHORT, "--scenes", str(rooms), "--episodes", listed,
                       "--out", str(out))  # fmt: skip
    assert "scene Room.glb has the content" in message
    assert "make a new list" in message
    assert not out.exists()


@pytest.mark.parametrize("given", ["nowhere.jsonl", "notes.txt", "empty"])
def test_a_path_that_is_no_list_is_explained(
    given: str, rooms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("5 episodes, please")
    (tmp_path / "empty").mkdir()
    message = error_of(capsys, "evaluate", "random", *SHORT, "--scenes", str(rooms), "--episodes",
                       str(tmp_path / given), "--out", str(tmp_path / "run"))  # fmt: skip
    assert given in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("mistake", [("--episodes", "0"), ("--seed", "-1"), ("--habitat", "nowhere.json.gz")])
def test_a_list_is_not_made_of_nonsense(
    mistake: tuple[str, str], rooms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "list.jsonl"
    message = error_of(capsys, "scenes", "episodes", str(rooms), "--out", str(out), *mistake)
    assert mistake[0].lstrip("-") in message or mistake[1] in message
    assert not out.exists()


def test_scenes_are_listed_with_kind_size_and_file(rooms: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["scenes", "list", str(rooms), "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert [entry["scene_id"] for entry in entries] == ["Other.glb", "Room.glb"]
    path = rooms / "Room.glb"
    expected = {"kind": "mesh", "scene_id": "Room.glb", "bytes": path.stat().st_size, "file": str(path)}
    assert entries[1].items() >= expected.items()


def test_generated_scenes_are_listed_by_split(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["scenes", "list", "procedural", "--split", "train"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1001
    assert lines[42].split()[:2] == ["procedural", "procedural/train/000041"]
    assert "splits train and val, not 'tests'" in error_of(
        capsys, "scenes", "list", "procedural", "--split", "tests"
    )
