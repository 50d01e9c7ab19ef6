"""Habitat's starts land on our free space where they fit; what does not fit is counted with its reason."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robonav.envs.episode_files import open_episodes
from robonav.envs.episode_files.placement import SNAP_M, StartFloor, scene_name
from robonav.envs.scenes import SceneError, SceneSet
from robonav.envs.scenes.scene import FreeSpace, Scene
from tests.envs.episode_files.habitat_files import point_episode, write
from tests.worlds import RADIUS, SIZE, Rooms, room_floor

BENCHMARK = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "episode_placement.py"))


def episode_at(x: float, y: float, z: float = 0.1, **other: Any) -> dict[str, Any]:
    """An episode that starts at (x, y, z) of our frame, in the first of the rooms."""
    position = [-y, z, -x]
    return point_episode(**{"scene_id": "rooms/room-0.glb", "start_position": position, **other})


def placed(tmp_path: Path, *episodes: dict[str, Any], scenes: SceneSet | None = None) -> Any:
    return open_episodes(write(tmp_path / "habitat.json.gz", list(episodes)), scenes or Rooms())


def test_a_free_start_stays_and_one_at_a_wall_moves_to_the_nearest_free_cell(tmp_path: Path) -> None:
    listed, left_out = placed(tmp_path, episode_at(3.01, 2.02), episode_at(3.01, 0.1, episode_id=1))
    free, moved = listed.episodes
    assert left_out == {}
    assert free.start == pytest.approx((3.01, 2.02, np.pi / 2))
    assert free.start[:2] == (3.01, 2.02)
    assert moved.start[:2] == pytest.approx((3.025, 0.225))
    assert moved.episode_id == "room-0/1"
    assert listed.scene_hashes == {"room-0": Rooms().load("room-0").content_hash}


def test_goals_and_geodesic_distance_go_with_the_episode(tmp_path: Path) -> None:
    listed, _ = placed(tmp_path, episode_at(3, 2))
    assert listed.episodes[0].goals[0].position == (4.5, -1.0, 0.1)
    assert listed.episodes[0].geodesic_distance_m == 2.5


def test_what_cannot_start_is_counted_with_its_reason(tmp_path: Path) -> None:
    listed, left_out = placed(
        tmp_path,
        episode_at(3, 2),
        episode_at(3, 2, z=2.9),
        episode_at(3, -0.5),
        point_episode(scene_id="gibson/Adrian.glb"),
    )
    assert len(listed.episodes) == 1
    assert left_out == {
        "start on another floor": 1,
        "start more than 0.25 m from free floor": 1,
        "scene is not among these": 1,
    }


def test_a_file_of_which_nothing_can_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        SceneError, match=r"\(scene is not among these: 1\): it is for .*/Room.glb, and .* room-0 and"
    ):
        placed(tmp_path, point_episode())


def test_more_episodes_than_anyone_runs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robonav.envs.episode_files.placement.MAX_EPISODES", 2)
    with pytest.raises(SceneError, match=r"has more than 2 episodes: give fewer of its files"):
        placed(tmp_path, *[episode_at(3, 2)] * 3)


def test_ids_that_come_twice_are_numbered(tmp_path: Path) -> None:
    listed, _ = placed(tmp_path, episode_at(3, 2), episode_at(3, 2), episode_at(3, 2))
    assert [e.episode_id for e in listed.episodes] == ["room-0/0", "room-0/0#2", "room-0/0#3"]


class CountedRooms(Rooms):
    """Rooms that count how often they are loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []

    def load(self, scene_id: str) -> Scene:
        self.loaded.append(scene_id)
        return super().load(scene_id)


def test_mixed_episodes_run_scene_by_scene_and_load_each_once(tmp_path: Path) -> None:
    scenes = CountedRooms()
    mixed = [episode_at(3, 2, episode_id=k, scene_id=f"room-{k % 2}.glb") for k in range(6)]
    listed, _ = placed(tmp_path, *mixed, scenes=scenes)
    assert [e.scene_id for e in listed.episodes] == ["room-0"] * 3 + ["room-1"] * 3
    assert scenes.loaded == ["room-0", "room-1"]


class Twins(Rooms):
    """Two scenes whose files have the same name."""

    def __init__(self) -> None:
        self.scene_ids = ["train/room-0", "val/room-0"]


def test_scenes_of_the_same_name_are_not_guessed_at(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="scenes train/room-0 and val/room-0 have the same name"):
        placed(tmp_path, episode_at(3, 2), scenes=Twins())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("data/scene_datasets/gibson/Adrian.glb", "Adrian"),
        ("gibson/Adrian", "Adrian"),
        ("hm3d_v0.2/minival/00800-TEEsavR23oF/TEEsavR23oF.basis.glb", "TEEsavR23oF"),
        ("hm3d/minival/00800-TEEsavR23oF", "TEEsavR23oF"),
        ("mp3d/17DRP5sb8fy/17DRP5sb8fy.glb", "17DRP5sb8fy"),
        ("my-house.ply", "my-house"),
        ("../../outside/room-0.glb", "room-0"),
    ],
)
def test_a_scene_is_known_by_its_name_alone(path: str, name: str) -> None:
    assert scene_name(path) == name


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(-1, 7), st.floats(-1, 5), st.floats(-1, 1)), min_size=1, max_size=20))
def test_snapping_agrees_with_brute_force(positions: list[tuple[float, float, float]]) -> None:
    floor = room_floor()
    cells = floor.centres(np.argwhere(floor.islands > 0))
    snapped = StartFloor(floor).snap(positions)
    for (x, y, z), xy, reason in zip(positions, snapped.xy, snapped.reasons, strict=True):
        nearest = np.linalg.norm(cells - (x, y), axis=1).min()
        is_free = floor.island_at(np.array([x, y])) > 0
        assert (reason == "start on another floor") == (abs(z) > 0.5)
        if abs(z) <= 0.5:
            assert (reason == "") == bool(is_free or nearest <= SNAP_M)
        if reason == "":
            assert floor.island_at(xy) > 0
            assert np.linalg.norm(xy - (x, y)) <= (0 if is_free else nearest + 1e-9)


def test_a_floor_without_a_free_cell_takes_nobody() -> None:
    nowhere = FreeSpace(np.zeros((4, 4), np.int32), (0.0, 0.0), 0.0)
    assert StartFloor(nowhere).snap([(0.1, 0.1, 0.0)]).reasons == ["start more than 0.25 m from free floor"]


@pytest.mark.parametrize(
    ("name", "free", "placed"), [("AwsSmallHouse", 0.9, 0.98), ("TurtleBot3House", 0.9, 1.0)]
)
def test_points_of_a_real_navmesh_can_be_started_from(
    shared_data: Path, name: str, free: float, placed: float
) -> None:
    result = BENCHMARK["measure"](name, shared_data)
    assert result.points == 600
    assert result.free >= free
    assert result.placed >= placed


def test_the_room_of_these_tests_is_as_large_as_they_assume() -> None:
    assert (SIZE[:2].tolist(), RADIUS) == ([6.0, 4.0], 0.18)
