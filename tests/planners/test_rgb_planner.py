"""The planner that sees RGB only: it never looks at the truth, and still finds its way about."""

from __future__ import annotations

import numpy as np
import pytest

from robonav.agent import Explorer
from robonav.agents.registry import make_explorer
from robonav.envs.navigation.episodes import sample_episode
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import previous_action
from robonav.envs.scenes import open_scenes
from robonav.evaluation.records import RunFolder
from robonav.evaluation.runner import Evaluation, Settings


def completeness(name: str, tmp_path_factory: pytest.TempPathFactory) -> float:
    settings = Settings(name, "procedural", episodes=4, steps=128, num_envs=4)
    folder = RunFolder(tmp_path_factory.mktemp("run"), {}, resume=False)
    scenes = open_scenes("procedural", "val")
    Evaluation(settings, make_explorer(name), scenes, threads=1).run(folder, lambda steps: None)
    return float(np.mean([record["visible_completeness_pct"]["128"] for record in folder.records()]))


def test_it_sees_more_of_unseen_houses_than_who_goes_straight(tmp_path_factory) -> None:
    assert completeness("rgb-planner", tmp_path_factory) > completeness("straight", tmp_path_factory) + 8


def test_a_perfect_eye_would_see_more(tmp_path_factory) -> None:
    assert completeness("depth-planner", tmp_path_factory) > completeness("rgb-planner", tmp_path_factory)


def test_it_does_the_same_without_the_truth() -> None:
    np.testing.assert_array_equal(walk("rgb-planner", True), walk("rgb-planner", False))


def test_the_planner_on_true_depth_does_not_look_at_rgb() -> None:
    np.testing.assert_array_equal(walk("depth-planner", True), walk("depth-planner", True, rgb=False))


def walk(name: str, truth: bool, rgb: bool = True) -> np.ndarray:
    """Actions (40, 2) in two houses, of an explorer that is shown the truth, a picture, or not."""
    simulator = NavigationSimulator(open_scenes("procedural", "val"), 2, threads=1)
    houses = simulator.scenes.scene_ids[:2]
    explorer: Explorer = make_explorer(name)
    explorer.reset(2, seed=0)
    frames = simulator.start([sample_episode(simulator, house, 0) for house in houses])
    executed, taken = np.zeros(2, np.int64), []
    for _ in range(40):
        observation = {"rgb": frames.rgb if rgb else 0 * frames.rgb, "previous_action": executed}
        shown = frames if truth else None
        actions = explorer.act(observation, shown, simulator.camera)  # type: ignore[arg-type]
        frames = simulator.step(actions)
        executed = previous_action(actions, frames)
        taken.append(actions)
    return np.array(taken)
