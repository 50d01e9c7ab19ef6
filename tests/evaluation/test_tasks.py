"""`robonav evaluate --task`: what was achieved by which step, with success and SPL as they are defined."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robonav.envs.navigation.tasks import ApplesConfig, Walk
from robonav.envs.navigation.tasks.goals import goal_reached
from robonav.launch import cli
from tests.envs.episode_files.habitat_files import point_episode, table, write
from tests.envs.scenes.gltf_files import write_room
from tests.evaluation.rooms import free_space_around

SHORT = ("--threads", "1", "--num-envs", "2")
ROOM = free_space_around((6, 4))
GOAL = {"goal": {"x": 5.0, "y": 1.0, "yaw": 0.0}}


def evaluate(out: Path, *args: str, explorer: str = "straight") -> tuple[list[dict], dict, str]:
    assert cli.main(["evaluate", explorer, *SHORT, *args, "--out", str(out)]) == 0
    records = [json.loads(line) for line in (out / "episodes.jsonl").read_text().splitlines()]
    return records, json.loads((out / "summary.json").read_text()), (out / "report.html").read_text()


def walk(xs: list[float], reached_at: int | None, task: dict | None = None) -> Walk:
    """Along y = 1 m through an empty 6 x 4 m room."""
    achieved = np.array([reached_at is not None and step >= reached_at for step in range(len(xs))])
    trajectory = np.column_stack([xs, np.full(len(xs), 1.0), np.zeros(len(xs))])
    return Walk(ROOM, trajectory, achieved.astype(np.int64), task or GOAL)


def test_spl_is_the_shortest_over_the_gone_way_and_zero_without_success():
    there_and_back = [1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 5.0, 4.0]
    score = goal_reached(walk(there_and_back, reached_at=6), [2, 6, 7])
    assert score["geodesic_distance_m"] == pytest.approx(4.0, rel=0.02)
    assert score["success_pct"] == {"2": 0.0, "6": 100.0, "7": 100.0}
    assert score["spl"]["2"] == 0
    assert score["spl"]["6"] == score["spl"]["7"] == pytest.approx(4 / 6, rel=0.02)  # not 4 / 7
    assert score["success_step"] == 6
    failed = goal_reached(walk(there_and_back, reached_at=None), [7])
    assert (failed["success_pct"]["7"], failed["spl"]["7"], failed["success_step"]) == (0.0, 0.0, None)


@given(st.lists(st.floats(0.3, 5.7), min_size=2, max_size=9), st.integers(0, 8))
def test_spl_is_never_above_one_nor_below_zero(xs, reached_at):
    score = goal_reached(walk(xs, min(reached_at, len(xs) - 1)), [len(xs) - 1])
    assert 0 <= score["spl"][str(len(xs) - 1)] <= 1
    assert score["success_pct"][str(len(xs) - 1)] == 100


def test_apples_are_counted_by_step():
    picked = Walk(ROOM, np.zeros((5, 3)), np.array([0, 0, 2, 2, 3]), {"apples_at": []})
    assert ApplesConfig().score(picked, {4, 2, 1})["apples_picked"] == {"1": 0, "2": 2, "4": 3}


def test_apples_join_record_summary_and_report_and_a_run_goes_on(tmp_path: Path, capsys) -> None:
    args = ("--task", "apples", "--apples", "2", "--episodes", "1", "--steps", "32")
    records, summary, report = evaluate(tmp_path / "run", *args)
    (record,) = records
    assert len(record["apples_at"]) == 2
    assert 0 <= record["apples_picked"]["32"] <= 2
    assert summary["metrics"]["apples_picked"]["32"]["mean"] == record["apples_picked"]["32"]
    assert summary["settings"]["task_options"] == {"count": 2}
    assert "--task apples" in summary["command"]
    assert "Apples picked" in report
    assert "Apples picked @32" in capsys.readouterr().out
    assert "visible_completeness_pct" in record
    before = (tmp_path / "run" / "episodes.jsonl").read_bytes()
    evaluate(tmp_path / "run", *args, "--resume")
    assert (tmp_path / "run" / "episodes.jsonl").read_bytes() == before
    other = [*args, "--apples", "3", "--resume", "--out", str(tmp_path / "run")]
    assert cli.main(["evaluate", "straight", *SHORT, *other]) == 2
    assert "{'count': 2}" in capsys.readouterr().err


def test_a_picker_that_is_told_of_nothing_else_sees_the_apples(tmp_path: Path) -> None:
    plain, with_apples = (
        evaluate(tmp_path / name, "--episodes", "1", "--steps", "16", *task, explorer="nearest-frontier")[0]
        for name, task in (("plain", ()), ("apples", ("--task", "apples", "--apples", "30")))
    )
    assert "apples_picked" not in plain[0]
    assert plain[0]["start"] == with_apples[0]["start"]
    assert plain[0]["curve"]["completeness_pct"][0] == with_apples[0]["curve"]["completeness_pct"][0]


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A folder with one mesh, Room.glb."""
    write_room(tmp_path / "rooms" / "Room.glb")
    return tmp_path / "rooms"


def test_habitats_image_goals_are_replayed_where_the_scene_is_at_hand(room, tmp_path, capsys) -> None:
    def to(name: str, goal: dict) -> dict:
        return point_episode(name, start_position=[-1.0, 0.1, -2.0], goals=[goal])

    good = to("good", {"position": [-1.0, 0.1, -4.5], "radius": None})
    far, thing = to("far", {"position": [60.0, 0.1, 0.0], "radius": None}), to("thing", table())
    source = write(tmp_path / "imagenav.json.gz", [good, far, thing])
    args = ("--scenes", str(room), "--episodes", str(source), "--task", "image-goal", "--steps", "16")
    records, summary, report = evaluate(tmp_path / "run", *args)
    (record,) = records
    assert (record["goal"]["x"], record["goal"]["y"]) == (4.5, 1.0)  # in our frame
    assert record["geodesic_distance_m"] == pytest.approx(2.5, rel=0.02)  # as the file says
    assert set(record["success_pct"]) == set(record["spl"]) == {"16"}
    assert summary["settings"]["left_out"] == {
        "has no single place as its goal": 1,
        "goal more than 0.25 m from free floor": 1,
    }
    assert "SPL" in report
    capsys.readouterr()
    hopeless = write(tmp_path / "hopeless.json.gz", [far])
    args = ("--scenes", str(room), "--episodes", str(hopeless), "--task", "image-goal")
    assert cli.main(["evaluate", "straight", *SHORT, *args, "--out", str(tmp_path / "none")]) == 2
    message = capsys.readouterr().err.strip()
    assert "no episode leads to a place where a picture can be taken" in message.splitlines()[-1]
    assert not (tmp_path / "none").exists()


def test_a_real_image_goal_episode_is_replayed_on_the_real_floor(shared_data: Path, tmp_path: Path) -> None:
    episodes = shared_data / "episodes/gibson_imagenav/train/Angiola.json.gz"
    floor = shared_data / "gibson_floors" / "Angiola_f0.npy"
    listed = tmp_path / "four.jsonl"
    make = ["scenes", "episodes", str(floor), "--habitat", str(episodes), "--episodes", "4", "--seed", "0"]
    assert cli.main([*make, "--out", str(listed)]) == 0
    args = ("--scenes", str(floor), "--episodes", str(listed), "--task", "image-goal", "--steps", "8")
    records, _, _ = evaluate(tmp_path / "run", *args)
    noted = {e["episode_id"]: e for e in map(json.loads, listed.read_text().splitlines()[1:])}
    assert records
    for record in records:
        assert record["geodesic_distance_m"] == pytest.approx(
            noted[record["episode_id"]]["geodesic_distance_m"], rel=0.25
        )


def test_settings_that_make_no_sense_are_one_sentence(tmp_path: Path, capsys) -> None:
    assert cli.main(["evaluate", "random", "--task", "apples", "--apples", "0"]) == 2
    assert "apples is 0" in capsys.readouterr().err
