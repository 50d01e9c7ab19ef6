"""The table of downstream tasks: who stands in it, means over seeds, and leads in pairs of houses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.downstream import Options, as_markdown, evaluate, goals_of, members_of, summarise
from tests.envs.episode_files.habitat_files import point_episode, write
from tests.envs.scenes.gltf_files import write_room


def note(out: Path, goal: str, name: str, values: list[float]) -> None:
    folder = out / "evaluate" / goal / name
    folder.mkdir(parents=True)
    records = [{"episode_id": f"house-{i}", "apples_picked": {"256": v}} for i, v in enumerate(values)]
    (folder / "episodes.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def test_apples_of_all_numbers_are_sought_by_the_same_policies(tmp_path: Path) -> None:
    options = Options(out=tmp_path, apples=(1, 5), seeds=2)
    one, five, image = goals_of(options)
    assert [goal.name for goal in (one, five, image)] == ["apples-1", "apples-5", "image-goal"]
    assert members_of(one, options) == members_of(five, options)
    assert members_of(one, options)["fine-tuned"] != members_of(image, options)["fine-tuned"]
    assert len(members_of(image, options)["from scratch"]) == 2
    assert list(members_of(image, options)["explorer as it is"].values()) == ["explorer"]
    each = Options(out=tmp_path, seeds=2, init="runs/mapless-{seed}")
    explorers = members_of(one, each)["explorer as it is"]
    assert list(explorers.values()) == ["runs/mapless-0", "runs/mapless-1"]


def test_rows_are_means_over_seeds_and_leads_are_paired(tmp_path: Path) -> None:
    options = Options(out=tmp_path, tasks=("apples",), apples=(3,), seeds=2)
    (goal,) = goals_of(options)
    for names in members_of(goal, options).values():
        for name in names:
            note(tmp_path, goal.name, name, [1.0, 3.0] if name == "fine-tuned-1" else [0.0, 1.0])
    rows = summarise(goal, options)
    assert rows["fine-tuned"]["apples_picked"]["256"]["mean"] == pytest.approx(1.25)
    lead = rows["from scratch"]["apples_picked"]["256"]["fine_tuned_ahead_by"]
    assert lead["mean"] == pytest.approx(0.75)
    assert "| from scratch | 0.50 " in as_markdown({goal.name: rows})


def test_habitats_episodes_are_replayed_in_their_own_world(tmp_path: Path) -> None:
    write_room(tmp_path / "Room.glb")
    goals = [{"position": [-1.0, 0.1, -4.5 - 0.1 * k], "radius": None} for k in range(3)]
    episodes = [
        point_episode(str(k), start_position=[-1.0, 0.1, -2.0], goals=[goal]) for k, goal in enumerate(goals)
    ]
    replayed = write(tmp_path / "imagenav.json.gz", episodes), tmp_path / "Room.glb"
    options = Options(
        out=tmp_path / "out", tasks=("image-goal",), episodes=2, episode_steps=8, replayed=replayed
    )
    drawn, given = goals_of(options)
    assert (drawn.name, given.name) == ("image-goal", "image-goal-replayed")
    assert members_of(given, options) == members_of(drawn, options)  # the same policies
    evaluate(given, "straight", "straight", options)
    lines = (options.out / "evaluate" / given.name / "straight" / "episodes.jsonl").read_text().splitlines()
    assert [json.loads(line)["goal"]["y"] for line in lines] == [1.0, 1.0]
    assert {json.loads(line)["goal"]["x"] for line in lines} < {4.5, 4.6, 4.7}
