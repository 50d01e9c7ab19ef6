"""Habitat's episode files are read in every kind they come in, and damaged ones are explained."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robonav.envs.episode_files import Goal, HabitatEpisode, read_habitat_episodes
from robonav.envs.scenes import SceneError
from tests.envs.episode_files.habitat_files import NORTH, point_episode, table, write

GIBSON, CHALLENGE = "episodes/gibson_imagenav", "episodes/habitat_challenge_2023"
BINS = {
    "easy": (1.5, 3),
    "medium": (3, 5),
    "hard": (5, 10),
    "extra": (10, 100),
}  # metres, of the data's paper


def read(path: Path) -> list[HabitatEpisode]:
    return list(read_habitat_episodes(path))


def goals_of(episodes: list[HabitatEpisode]) -> list[Goal]:
    return list({id(goal): goal for episode in episodes for goal in episode.goals}.values())


@pytest.mark.parametrize("name", ["file.json.gz", "file.json"])
def test_a_point_goal_episode_is_turned_into_our_frame(name: str, tmp_path: Path) -> None:
    (episode,) = read(write(tmp_path / name, {"episodes": [point_episode()]}))
    assert episode.episode_id == "0"
    assert episode.scene_path == "data/scene_datasets/gibson/Room.glb"
    assert episode.position == (2.0, -1.0, 0.1)
    assert episode.yaw == pytest.approx(np.pi / 2)
    assert episode.goals[0].position == (4.5, -1.0, 0.1)
    assert (episode.geodesic_distance_m, episode.difficulty) == (2.5, "easy")


def test_object_goals_are_found_by_category_and_shared(tmp_path: Path) -> None:
    episodes = [point_episode(k, goals=[], object_category="table") for k in range(2)]
    goals = {"Room.glb_table": [table(), table()], "Room.glb_bed": [table()]}
    first, second = read(write(tmp_path / "a.json.gz", {"episodes": episodes, "goals_by_category": goals}))
    assert len(first.goals) == 2
    assert first.goals is second.goals
    assert (first.category, first.goals[0].object_id) == ("table", "7")
    np.testing.assert_allclose(first.goals[0].view_points, [[0, 0, 0, 0]])


def test_an_image_goal_is_the_camera_that_took_it(tmp_path: Path) -> None:
    episode = point_episode(
        goals=[], scene_id="hm3d/00800-Room/Room.basis.glb", goal_object_id="7", goal_image_id=0
    )
    (read_back,) = read(write(tmp_path / "a.json.gz", {"episodes": [episode], "goals": {"Room_7": table()}}))
    image = read_back.image_goal
    assert image is not None
    assert (image.height, image.width, image.hfov_deg) == (48, 64, 90)
    ahead = np.linalg.inv(image.T_world_camera) @ [1, 0, 1, 1]  # where the object is
    np.testing.assert_allclose(ahead, [0, 0, 1, 1], atol=1e-6)


def test_an_index_leads_to_its_content_and_a_folder_to_all_of_its_files(tmp_path: Path) -> None:
    index = write(tmp_path / "val" / "val.json.gz", {"episodes": []})
    for name, ids in {"Adrian": [1, 2], "Bolton": [3]}.items():
        write(tmp_path / "val" / "content" / f"{name}.json.gz", {"episodes": [*map(point_episode, ids)]})
    for path in (index, tmp_path / "val", tmp_path / "val" / "content"):
        assert [episode.episode_id for episode in read(path)] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("path", "count", "goals", "view_points", "images"),
    [
        (f"{GIBSON}/train/Angiola.json.gz", 18000, 18000, 0, 0),
        (f"{GIBSON}/val", 1100, 1100, 0, 0),
        (f"{CHALLENGE}/objectnav/hm3d/v2/val_mini", 30, 56, 12308, 0),
        (f"{CHALLENGE}/objectnav/hm3d/v2/val_mini/val_mini.json.gz", 30, 56, 12308, 0),
        (f"{CHALLENGE}/instance_imagenav/hm3d/v3/val_mini", 48, 38, 7785, 1094),
    ],
)
def test_every_real_file_is_read_whole(
    shared_data: Path, path: str, count: int, goals: int, view_points: int, images: int
) -> None:
    episodes = read(shared_data / path)
    found = goals_of(episodes)
    assert (len(episodes), len(found)) == (count, goals)
    assert sum(len(goal.view_points) for goal in found) == view_points
    assert sum(len(goal.image_goals) for goal in found) == images
    assert all(episode.geodesic_distance_m for episode in episodes)
    assert all(episode.image_goal for episode in episodes) == bool(images)


@pytest.mark.parametrize("path", ["objectnav/hm3d/v2/val_mini", "instance_imagenav/hm3d/v3/val_mini"])
def test_real_view_points_look_straight_at_their_object(shared_data: Path, path: str) -> None:
    for goal in goals_of(read(shared_data / CHALLENGE / path)):
        towards = np.subtract(goal.position[:2], goal.view_points[:, :2])
        error = np.arctan2(towards[:, 1], towards[:, 0]) - goal.view_points[:, 3]
        assert np.degrees(np.abs((error + np.pi) % (2 * np.pi) - np.pi)).max() < 0.01


def test_real_goal_images_show_their_object(shared_data: Path) -> None:
    for goal in goals_of(read(shared_data / CHALLENGE / "instance_imagenav/hm3d/v3/val_mini")):
        for image in goal.image_goals:
            x, y, z, _ = np.linalg.inv(image.T_world_camera) @ [*goal.position, 1]
            assert z > 0
            assert np.degrees(np.arctan2(np.hypot(x, y), z)) < 8 < image.hfov_deg / 2


def test_real_geodesics_are_no_shorter_than_the_straight_line_and_fit_their_bin(shared_data: Path) -> None:
    for episode in read(shared_data / GIBSON / "val"):
        assert episode.geodesic_distance_m is not None
        straight = np.linalg.norm(np.subtract(episode.goals[0].position, episode.position))
        assert episode.geodesic_distance_m > straight - 1e-3
        shortest, longest = BINS[str(episode.difficulty)]
        assert shortest <= episode.geodesic_distance_m <= longest


def without(field: str) -> dict[str, Any]:
    return {key: value for key, value in point_episode().items() if key != field}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"\xff\xfe", "malformed"),
        (b"[" * 100_000, "Expected `object`, got `array`"),
        (b'[{"x": ' + b"[" * 100_000, "recursion"),
        (b'[{"start_position": [NaN, 0, 0]}]', "malformed"),
        ({}, "missing required field `episodes`"),
        ([], "holds no episode"),
        ({"episodes": {}}, "Expected `array`, got `object`"),
        ([1], "Expected `object`, got `int`"),
        ([without("start_position")], "missing required field `start_position`"),
        ([point_episode(start_position=[0, 0])], "length 3 - at"),
        ([point_episode(start_position=["0", 0, 0])], r"Expected `float`, got `str` - at `\$\[0\].start_pos"),
        ([point_episode(start_position=[1e30, 0, 0])], "<= 100000"),
        ([point_episode(start_rotation=[0, 0, 0, 0])], "expected a unit quaternion"),
        ([point_episode(start_rotation=[0, 0, 0, 3])], "<= 1.1"),
        ([point_episode(episode_id="a\nb")], "Expected `str` matching"),
        ([point_episode(episode_id="x" * 201)], "<= 200"),
        ([point_episode(info={"geodesic_distance": -1})], ">= 0"),
        ([point_episode(goals=[{"position": None}])], "goals"),
        ([point_episode(goals=[], object_category="bed")], "'Room.glb_bed', which the file lacks"),
        ([point_episode(goal_image_id=3)], "goal image 3 of 0"),
    ],
)
def test_a_damaged_file_is_explained_in_one_sentence(content: Any, reason: str, tmp_path: Path) -> None:
    path = write(tmp_path / "damaged.json.gz", content)
    with pytest.raises(SceneError, match=f"(?s)damaged.json.gz.*{reason}"):
        read(path)


def test_a_goal_that_is_wrong_is_named(tmp_path: Path) -> None:
    goal = table()
    goal["view_points"][0]["agent_state"]["rotation"] = [0, 0, 0, 0]
    episodes = [point_episode(goals=[], object_category="table")]
    path = write(tmp_path / "a.json", {"episodes": episodes, "goals_by_category": {"Room.glb_table": [goal]}})
    with pytest.raises(SceneError, match=r"goals Room.glb_table has the rotation .* expected a unit quat"):
        read(path)


def test_a_file_that_is_cut_off_is_explained(tmp_path: Path) -> None:
    path = write(tmp_path / "cut.json.gz", [point_episode(start_rotation=NORTH)])
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(SceneError, match=r"cut.json.gz is damaged .* download it again"):
        read(path)


def test_a_file_that_unpacks_to_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b" " * 2**20) * 300)  # members of a gzip file follow each other
    assert path.stat().st_size < 2**21
    with pytest.raises(SceneError, match="more than 256 MiB"):
        read(path)


@pytest.mark.parametrize("name", ["nowhere.json.gz", "."])
def test_a_path_without_episodes_is_explained(name: str, tmp_path: Path) -> None:
    with pytest.raises(SceneError, match=r"no file|holds no episode"):
        read(tmp_path / name)


VALID = json.dumps(
    {
        "episodes": [point_episode(), point_episode(1, goals=[], object_category="table")],
        "goals_by_category": {"Room.glb_table": [table()]},
    }
).encode()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_mutation_of_a_file_does_more_than_raise_a_scene_error(
    data: st.DataObject, tmp_path: Path
) -> None:
    packed = data.draw(st.booleans())
    content = bytearray(gzip.compress(VALID, mtime=0) if packed else VALID)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        length = data.draw(st.integers(0, 8))
        content[at : at + length] = data.draw(
            st.sampled_from([b"", b"-", b"[", b"1e999", b"\xff", b'"', b"9" * 30])
        )
    path = tmp_path / "mutated.json.gz"
    path.write_bytes(bytes(content))
    try:
        episodes = read(path)
    except SceneError as error:
        is_sound = str(path) in str(error)
    else:
        is_sound = all(np.isfinite(episode.position).all() for episode in episodes)
    assert is_sound
