"""A list of episodes says exactly what runs where, and notices when the scene is another one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robonav.envs.episode_files import EpisodeList, ListedEpisode, open_episodes, read_episode_list
from robonav.envs.episode_files.episode_list import ListedGoal
from robonav.envs.scenes import SceneError
from tests.worlds import Rooms

HASH = Rooms().load("room-0").content_hash
HEADER = f'{{"format":"robonav-episodes","version":1,"scenes":{{"room-0":"{HASH}"}}}}'
LINE = '{"episode_id":"a","scene_id":"room-0","seed":0,"start":[3,2,0]}'

names = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20)
metres = st.floats(-1e5, 1e5)
points = st.tuples(metres, metres, metres)
goals = st.builds(ListedGoal, points, st.none() | names, st.none() | metres)
listed = st.builds(
    ListedEpisode, names, st.just("room-0"), st.integers(0, 2**63), points,
    st.lists(goals, max_size=2).map(tuple), st.none() | metres,
)  # fmt: skip


@settings(max_examples=30)
@given(st.lists(listed, min_size=1, max_size=5, unique_by=lambda episode: episode.episode_id))
def test_what_is_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, episodes: list[ListedEpisode]
) -> None:
    path = tmp_path_factory.mktemp("list") / "list.jsonl"
    written = EpisodeList({"room-0": HASH}, episodes)
    written.write(path)
    read = read_episode_list(path)
    assert read == written
    assert read.digest == written.digest


def test_a_list_of_ones_own_needs_five_facts_an_episode(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(f"{HEADER}\n{LINE}\n\n")
    episodes, left_out = open_episodes(path, Rooms())
    assert episodes.episodes[0].start == (3, 2, 0)
    assert left_out == {}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "line 1 .*truncated"),
        ("{}", "line 1 .*missing required field `format`"),
        (HEADER.replace("robonav-episodes", "shopping"), "is shopping version 1: expected robonav-episodes"),
        (HEADER.replace('"version":1', '"version":2'), "version 2: expected robonav-episodes version 1"),
        (HEADER, "lists no episode"),
        (f"{HEADER}\n{LINE}\n{LINE}", "has the episode a twice: rename one"),
        (f"{HEADER}\n{LINE[:-5]}", "line 2 .*truncated"),
        (f"{HEADER}\n{LINE.replace('[3,2,0]', '[3,2]')}", r"line 2 .*length 3 - at `\$.start`"),
        (f"{HEADER}\n{LINE.replace('[3', '[NaN')}", "line 2 .*malformed"),
        (f"{HEADER}\n{LINE.replace('[3', '[1e6')}", "line 2 .*<= 100000"),
        (f"{HEADER}\n{LINE.replace('0,', '-1,')}", "line 2 .*>= 0"),
        (f"{HEADER}\n{LINE.replace('seed', 'sead')}", "line 2 .*sead"),
        (f"{HEADER}\n{LINE.replace('room-0', 'room-9')}", "scene room-9, which the first line does not have"),
        (
            f"{HEADER}\n{LINE.replace('[3', '[300')}",
            r"episode a starts at \(300.0, 2.0, 0.0\), where the agent",
        ),
        (f"{HEADER}\n{LINE}".replace(HASH, "0" * 16), f"has the content {HASH}, .* made for 0{{16}}: use"),
        (f"{HEADER}\n{LINE}".replace("room-0", "hall"), "1 of the 1 scenes .* such as hall: give"),
    ],
)
def test_a_wrong_list_is_explained_in_one_sentence(content: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.jsonl"
    path.write_text(content)
    with pytest.raises(SceneError, match=rf"wrong\.jsonl.*{reason}"):
        open_episodes(path, Rooms())


def test_a_message_is_not_as_long_as_what_it_is_about(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text(f'{HEADER}\n{LINE[:-1]},"{"x" * 10_000}":1}}')
    with pytest.raises(SceneError, match=r"line 2 .*unknown field `xxx.*mend that entry") as caught:
        read_episode_list(path)
    assert len(str(caught.value)) < 500


def test_a_list_is_never_written_over(tmp_path: Path) -> None:
    episodes = EpisodeList({"room-0": HASH}, [ListedEpisode("a", "room-0", 0, (3, 2, 0))])
    episodes.write(tmp_path / "list.jsonl")
    with pytest.raises(SceneError, match=r"list.jsonl exists: give another name"):
        episodes.write(tmp_path / "list.jsonl")
    with pytest.raises(SceneError, match=r"list.txt is no name for a list: end it in .jsonl"):
        episodes.write(tmp_path / "list.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["list.jsonl"]


@given(st.integers(1, 12), st.integers(0, 5))
def test_some_of_a_list_are_spread_evenly_over_its_scenes(count: int, seed: int) -> None:
    episodes = [ListedEpisode(f"{k}", f"room-{k % 3 if k < 6 else 2}", 0, (3, 2, 0)) for k in range(10)]
    some = EpisodeList({f"room-{k}": HASH for k in range(3)}, episodes).some(count, seed)
    kept = [episode.scene_id for episode in some.episodes]
    assert len(kept) == min(count, 10)
    assert list(some.episodes) == [episode for episode in episodes if episode in some.episodes]
    assert set(some.scene_hashes) == set(kept)
    if count <= 6:
        assert max(kept.count(f"room-{k}") for k in range(3)) == -(-count // 3)
    assert some == EpisodeList({f"room-{k}": HASH for k in range(3)}, episodes).some(count, seed)


@settings(max_examples=200)
@given(
    st.integers(0, 400),
    st.integers(0, 8),
    st.sampled_from([b"", b"[", b"1e999", b"\xff", b'"', b"\n", b"9" * 30]),
)
def test_no_mutation_of_a_list_does_more_than_raise_a_scene_error(
    tmp_path_factory: pytest.TempPathFactory, at: int, length: int, bite: bytes
) -> None:
    content = f"{HEADER}\n{LINE}\n".encode()
    at %= len(content)
    path = tmp_path_factory.getbasetemp() / "mutated.jsonl"
    path.write_bytes(content[:at] + bite + content[at + length :])
    try:
        episodes, _ = open_episodes(path, Rooms())
    except SceneError as error:
        is_sound = "\n" not in str(error)
    else:
        is_sound = len(episodes.episodes) == 1
    assert is_sound
