"""The planner that looks for the place of a picture: it gets there more often than who only explores."""

from __future__ import annotations

import numpy as np
import pytest

from robonav.agents.registry import make_explorer
from robonav.envs.navigation.episodes import sample_episode
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import previous_action
from robonav.envs.navigation.tasks import task_config
from robonav.envs.scenes import open_scenes

HOUSES = 16


def walk(name: str, steps: int, wrong_pictures: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Actions (T, N) and success (N,) in unseen houses, of an explorer that is not shown the truth."""
    simulator = NavigationSimulator(open_scenes("procedural", "val"), HOUSES, threads=1)
    ids = simulator.scenes.scene_ids[:HOUSES]
    episodes = [sample_episode(simulator, house, 0) for house in ids]
    simulator.start(episodes)
    task = task_config("image-goal").make(simulator)
    task.begin(episodes, range(HOUSES))
    explorer = make_explorer(name, "image-goal")
    explorer.reset(HOUSES, seed=0)
    taken, told = [], np.zeros(HOUSES, np.int64)
    for _ in range(steps):
        goal = task.observe()["goal"]
        shown = {"rgb": simulator.frames.rgb, "goal": goal[::-1] if wrong_pictures else goal}
        actions = explorer.act({**shown, "previous_action": told}, None, simulator.camera)  # type: ignore[arg-type]
        frames = simulator.step(actions)
        task.judge(frames)
        told = previous_action(actions, frames)
        taken.append(actions)
    return np.array(taken), task.achieved > 0


@pytest.fixture(scope="module")
def seeking() -> tuple[np.ndarray, np.ndarray]:
    return walk("picture-planner", 200)


def test_it_gets_to_the_place_of_the_picture_more_often_than_who_only_explores(seeking) -> None:
    _, found = seeking
    _, passed_by = walk("rgb-planner", 200)
    assert found.sum() >= passed_by.sum() + 2


def test_it_does_what_the_picture_says(seeking) -> None:
    actions, found = seeking
    others, lost = walk("picture-planner", 200, wrong_pictures=True)
    assert (actions != others).any(axis=0).sum() > HOUSES / 2
    assert lost.sum() < found.sum()
