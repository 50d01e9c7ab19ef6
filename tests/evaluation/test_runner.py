"""An evaluation can be repeated byte for byte, killed at any moment, and resumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robonav.envs.scenes.scene import Scene
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Frames
from robonav.errors import UsageError
from robonav.evaluation.records import EPISODES, RunFolder, read_episodes
from robonav.evaluation.runner import Evaluation, Settings, plan_episodes
from robonav.evaluation.tracker import rooms_visited
from robonav.planners.blind import RandomExplorer, StraightExplorer
from tests.evaluation.rooms import OneScene

SETTINGS = Settings("random", "two-rooms", episodes=5, steps=10, seed=3, num_envs=2)


class KilledError(Exception):
    """Stands for a process that ends at an arbitrary moment."""


def run(
    scene: Scene,
    folder: Path,
    settings: Settings = SETTINGS,
    resume: bool = False,
    advance: Callable[[int], None] = lambda steps: None,
) -> list[str]:
    evaluation = Evaluation(settings, RandomExplorer(), OneScene(scene), threads=1)
    evaluation.run(RunFolder(folder, vars(settings), resume), advance)
    return (folder / EPISODES).read_text().splitlines()


def test_the_same_settings_give_the_same_bytes(two_rooms: Scene, tmp_path: Path) -> None:
    first = run(two_rooms, tmp_path / "a")
    assert first == run(two_rooms, tmp_path / "b")
    assert first != run(two_rooms, tmp_path / "c", replace(SETTINGS, seed=4))


def test_a_run_killed_in_any_batch_resumes_to_the_same_bytes(two_rooms: Scene, tmp_path: Path) -> None:
    whole = run(two_rooms, tmp_path / "whole")
    done = 0

    def kill(steps: int) -> None:
        nonlocal done
        done += steps
        if done > 2 * SETTINGS.steps * 2 + 5:
            raise KilledError

    with pytest.raises(KilledError):
        run(two_rooms, tmp_path / "cut", advance=kill)
    assert len(read_episodes(tmp_path / "cut")) == 4
    assert run(two_rooms, tmp_path / "cut", resume=True) == whole


@pytest.mark.parametrize("left", [1.5, 2.5, 0.5])
def test_a_half_written_line_is_dropped_and_its_episode_run_again(
    two_rooms: Scene, tmp_path: Path, left: float
) -> None:
    whole = run(two_rooms, tmp_path / "run")
    cut = "\n".join([*whole[: int(left)], whole[int(left)][:50]])
    (tmp_path / "run" / EPISODES).write_text(cut)
    assert run(two_rooms, tmp_path / "run", resume=True) == whole


def test_a_finished_run_is_not_run_again(two_rooms: Scene, tmp_path: Path) -> None:
    whole = run(two_rooms, tmp_path / "run")
    stamp = (tmp_path / "run" / EPISODES).stat().st_mtime_ns
    assert run(two_rooms, tmp_path / "run", resume=True) == whole
    assert (tmp_path / "run" / EPISODES).stat().st_mtime_ns == stamp


def test_a_folder_in_use_needs_resume_and_the_same_settings(two_rooms: Scene, tmp_path: Path) -> None:
    run(two_rooms, tmp_path)
    with pytest.raises(UsageError, match="is not empty: add --resume"):
        run(two_rooms, tmp_path)
    with pytest.raises(UsageError, match="steps = 10, this run has 50: resume with the same"):
        run(two_rooms, tmp_path, replace(SETTINGS, steps=50), resume=True)


def test_a_damaged_line_is_named(two_rooms: Scene, tmp_path: Path) -> None:
    lines = run(two_rooms, tmp_path)
    (tmp_path / EPISODES).write_text("\n".join([lines[0], lines[1][:20], *lines[2:]]) + "\n")
    with pytest.raises(UsageError, match="line 2 is damaged"):
        run(two_rooms, tmp_path, resume=True)


def test_a_record_says_what_was_measured_where(two_rooms: Scene, tmp_path: Path) -> None:
    settings = replace(SETTINGS, steps=256, episodes=1)
    record = json.loads(run(two_rooms, tmp_path, settings)[0])
    assert record["scene_hash"] == two_rooms.content_hash
    for name in ("completeness_pct", "visible_completeness_pct", "mean_distance_m"):
        assert list(record[name]) == ["128", "256"]
    assert 0 < record["completeness_pct"]["128"] <= record["completeness_pct"]["256"] <= 100
    assert record["mean_distance_m"]["256"] <= record["mean_distance_m"]["128"]
    assert record["curve"]["step"] == list(range(0, 257, 32))
    assert record["free_area_m2"] == pytest.approx(8 * 4 - 3 * 0.1, abs=0.6)
    assert 0 < record["area_m2"] <= record["free_area_m2"]
    assert record["path_length_m"] % 0.25 == pytest.approx(0, abs=0.01)
    assert two_rooms.free_space is not None
    start = np.array([record["start"]["x"], record["start"]["y"]])
    assert two_rooms.free_space.island_at(start) == 1


def test_a_shorter_run_is_a_part_of_a_longer_one() -> None:
    scenes = [f"scene-{i}" for i in range(4)]
    long, short = plan_episodes(scenes, 10, seed=0), plan_episodes(scenes, 6, seed=0)
    assert set(short) < set(long)
    assert len({p.episode_id for p in long}) == len({p.seed for p in long}) == 10
    assert [sum(p.scene_id == s for p in long) for s in scenes] == [3, 3, 2, 2]
    assert len(plan_episodes(scenes, 2, seed=0)) == 2


@pytest.mark.parametrize(("field", "value"), [("episodes", 0), ("steps", -1), ("num_envs", 0), ("seed", -1)])
def test_senseless_numbers_are_refused(field: str, value: int) -> None:
    with pytest.raises(UsageError, match=f"{field} is {value}"):
        replace(SETTINGS, **{field: value})


def test_straight_goes_on_until_blocked_and_then_turns_to_one_side() -> None:
    explorer, camera = StraightExplorer(), Camera()
    explorer.reset(1, seed=0)

    def act(collided: bool) -> int:
        pose = np.eye(4, dtype=np.float32)[None]
        image, floor = np.zeros((1, 64, 64), np.float32), np.zeros((1, 3), np.float32)
        rgb, motion = np.zeros((1, 64, 64, 3), np.uint8), np.zeros((1, 3), np.float32)
        frames = Frames(rgb, image, pose, floor, floor[:, 0], np.array([collided]), motion)
        return int(explorer.act({}, frames, camera)[0])

    assert [act(False) for _ in range(5)] == [0] * 5
    turns = [act(True)]
    while (action := act(False)) != 0:
        turns.append(action)
    assert len(set(turns)) == 1
    assert turns[0] in (1, 2)
    assert 1 <= len(turns) <= 12


def test_a_room_counts_as_visited_once_it_is_entered() -> None:
    rooms = [(0, 0, 4, 4), (4, 0, 8, 4), (0, 4, 8, 8)]
    path = np.array([[1.0, 1.0], [3.9, 1.0], [4.2, 1.0]])
    assert rooms_visited(rooms, path) == {"rooms": 3, "rooms_visited": 2}
    assert rooms_visited([], path) == {}
