"""Captions are few, canonical, and say what is seen."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Frames
from robonav.errors import UsageError
from robonav.rewards.config import RewardContext
from robonav.rewards.oni.captions import DepthCaptions, MiniGridCaptions, captioner
from robonav.rewards.oni.text import TextAsBytes, canonical, read_text
from robonav.rewards.protocol import Snapshot

GRID = spaces.Dict(
    {
        "image": spaces.Box(0, 255, (7, 7, 3), np.uint8),
        "mission": spaces.Text(50),
        "direction": spaces.Discrete(4),
    }
)


def context(space: spaces.Dict) -> RewardContext:
    return RewardContext(2, space, spaces.Discrete(2))


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("You see  a DOOR\n", "you see a door"),
        ("HP 137", "hp 142"),
        ("0.5234 m away", "0.52 m away"),
        ("１２ keys", "12 keys"),  # noqa: RUF001
        ("a\x00b\tc", "a b c"),
        ("3.0 m", "3 m"),
    ],
)
def test_near_duplicates_are_one_caption(text: str, other: str) -> None:
    assert canonical(text) == canonical(other)


def test_what_differs_stays_different() -> None:
    assert canonical("room 17") != canonical("room 18")
    assert canonical("137", digits=3) == "137"
    assert canonical("0.0 and 1e400 and " + "9" * 390).startswith("0 and 1e400 and 1000")


@given(st.text(max_size=600))
def test_a_canonical_caption_is_one_short_line(text: str) -> None:
    once = canonical(text)
    assert once == once.strip()
    assert not set(once) & set("\n\r\t\x00")
    assert canonical(f"  {text}\n") == once or len(text) > 390


def grid(front: tuple[int, int, int] = (1, 0, 0), held: tuple[int, int, int] = (1, 0, 0)) -> np.ndarray:
    cells = np.tile(np.array([1, 0, 0], np.uint8), (7, 7, 1))
    cells[3, 5], cells[3, 6] = front, held
    return cells


def test_a_grid_is_described_by_what_is_in_front_near_and_carried() -> None:
    door = grid((4, 4, 2), (5, 4, 0))
    door[0, 0], door[6, 0], door[1, 1], door[5, 5] = (6, 1, 0), (2, 5, 0), (6, 1, 0), (8, 1, 0)
    images = np.stack([door, grid(), grid((200, 77, 9))])
    said = MiniGridCaptions(True)(Snapshot({"image": images, "mission": np.array(["open it", "go", ""])}))
    assert said == [
        "mission: open it; front: locked yellow door; near: goal, green ball; carrying: yellow key",
        "mission: go; front: nothing; near: nothing; carrying: nothing",
        "mission: ; front: object 200; near: nothing; carrying: nothing",
    ]


def test_real_minigrid_shows_its_key_once_it_is_carried() -> None:
    pytest.importorskip("minigrid")
    env = TextAsBytes(gymnasium.make("MiniGrid-DoorKey-5x5-v0"))
    observation, _ = env.reset(seed=0)
    said = captioner(context(env.observation_space), "auto", None, "oni-retrieval")  # type: ignore[arg-type]
    base: Any = env.unwrapped
    here = next(
        (x, y) for x in range(5) for y in range(5) if (cell := base.grid.get(x, y)) and cell.type == "key"
    )
    base.carrying = base.grid.get(*here)
    base.grid.set(*here, None)
    observation, *_ = env.step(0)
    caption = said(Snapshot({key: np.asarray(value)[None] for key, value in observation.items()}))[0]
    assert caption.startswith("mission: use the key to open the door and then get to the goal; front: ")
    assert caption.endswith("carrying: yellow key")


def frames(depth: np.ndarray, collided: bool = False) -> Snapshot:
    n = len(depth)
    zeros = np.zeros((n, 3), np.float32)
    poses = np.tile(np.eye(4, dtype=np.float32), (n, 1, 1))
    bumped = np.full(n, collided)
    return Snapshot({}, Frames(None, depth, poses, zeros, zeros[:, 0], bumped, zeros))


def test_depth_is_described_in_half_metres() -> None:
    depth = np.full((2, 20, 30), 6.0, np.float32)
    depth[0, :, 10:20] = 0.6
    depth[1, :, :10] = 1.3
    depth[1, :, 20:] = 0.0  # no return
    said = DepthCaptions(Camera(30, 20))(frames(depth))
    assert said == [
        "left: open space; ahead: a wall at 0.5 m; right: open space",
        "left: a wall at 1.5 m; ahead: open space; right: open space",
    ]
    assert DepthCaptions(Camera(30, 20))(frames(depth[:1], collided=True))[0].endswith("; bumped")


@pytest.mark.parametrize(("first", "is_door"), [(12, True), (14, False), (4, False)])
def test_a_gap_as_wide_as_a_door_is_a_doorway(first: int, is_door: bool) -> None:
    depth = np.full((1, 20, 30), 2.0, np.float32)
    depth[:, :, first : 30 - first] = 5.0
    said = DepthCaptions(Camera(30, 20))(frames(depth))[0]
    assert ("doorway" in said) == is_door


def test_text_survives_as_bytes_even_if_it_is_cut() -> None:
    class Talking(gymnasium.Env):
        observation_space = spaces.Dict({"caption": spaces.Text(20), "x": spaces.Discrete(2)})
        action_space = spaces.Discrete(2)

        def reset(self, **_: object) -> tuple[dict[str, object], dict[str, object]]:
            return {"caption": "a naïve door", "x": 1}, {}

    whole, cut = TextAsBytes(Talking()), TextAsBytes(Talking(), length=5)
    for env, text in ((whole, "a naïve door"), (cut, "a na")):
        observation, _ = env.reset()
        assert env.observation_space.contains(observation | {"x": np.int64(1)})
        assert read_text(observation["caption"][None]) == [text]


def test_the_text_is_read_first_then_the_grid() -> None:
    both = spaces.Dict({**GRID.spaces, "caption": spaces.Box(0, 255, (9,), np.uint8)})
    row = np.frombuffer(b"a door\0\0\0", np.uint8)
    said = captioner(context(both), "auto", None, "oni-ranking")
    assert said(Snapshot({"caption": np.stack([row, row])})) == ["a door", "a door"]
    assert isinstance(captioner(context(GRID), "auto", None, "oni-ranking"), MiniGridCaptions)
    key = captioner(context(GRID), "text", "mission", "oni-ranking")
    assert key(Snapshot({"mission": np.array(["go", "stay"])})) == ["go", "stay"]


@pytest.mark.parametrize(
    ("space", "kind", "key"),
    [
        (spaces.Dict({"observation": spaces.Box(0, 1, (4,))}), "auto", None),
        (spaces.Dict({"image": spaces.Box(0, 255, (64, 64, 3), np.uint8)}), "auto", None),
        (GRID, "depth", None),
        (GRID, "text", None),
        (GRID, "text", "image"),
        (GRID, "text", "msg"),
        (GRID, "rgb", None),
    ],
)
def test_what_cannot_be_captioned_is_said_before_training(
    space: spaces.Dict, kind: str, key: str | None
) -> None:
    with pytest.raises(UsageError, match="oni-retrieval"):
        captioner(context(space), kind, key, "oni-retrieval")  # type: ignore[arg-type]
