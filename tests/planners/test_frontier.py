"""The planners see all of a small world, without getting stuck, and the informed one is the better."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from robonav.agent import Explorer
from robonav.agents.registry import make_explorer
from robonav.envs.navigation.episodes import sample_episode
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT
from robonav.envs.scenes.scene import Scene
from robonav.evaluation.records import RunFolder
from robonav.evaluation.runner import Evaluation, Settings
from robonav.maps.occupancy import FREE, OccupancyGrid
from robonav.planners.blind import RandomExplorer
from robonav.planners.frontier import NearestFrontier
from robonav.planners.path_following import PlanningState, without_dithering, wrapped
from tests.evaluation.rooms import OneScene, box, free_space_around, scene_of


@pytest.fixture(scope="module")
def flat() -> Scene:
    """Three rooms in a row, with a table in the last; the doors are at opposite ends."""
    walls = [(2.95, 1.0, 3.05, 4.0), (5.95, 0.0, 6.05, 3.0)]
    table = (7.0, 1.5, 8.0, 2.3)
    meshes = [
        box((0, 0, 0), (9, 4, 2.5)),
        *(box((x0, y0, 0), (x1, y1, 2.5)) for x0, y0, x1, y1 in walls),
        box((table[0], table[1], 0.0), (table[2], table[3], 0.7)),
    ]
    return scene_of("flat", meshes, free_space_around((9, 4), [*walls, table]))


def episodes(
    scene: Scene, explorer: Explorer, steps: int, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    settings = Settings("planner", scene.scene_id, episodes=2, steps=steps, num_envs=2)
    folder = RunFolder(tmp_path_factory.mktemp("run"), {}, resume=False)
    Evaluation(settings, explorer, OneScene(scene), threads=1).run(folder, lambda steps: None)
    return folder.records()


@pytest.mark.parametrize(("name", "least"), [("frontier", 97.0), ("nearest-frontier", 85.0)])
def test_a_planner_sees_all_rooms_of_a_small_flat(
    flat: Scene, name: str, least: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for record in episodes(flat, make_explorer(name), 256, tmp_path_factory):
        assert record["visible_completeness_pct"]["256"] > least
        assert record["area_m2"] > 0.97 * record["free_area_m2"]


def test_planning_beats_chance_by_far(flat: Scene, tmp_path_factory: pytest.TempPathFactory) -> None:
    planned, drawn = (
        episodes(flat, explorer, 128, tmp_path_factory)
        for explorer in (make_explorer("frontier"), RandomExplorer())
    )
    for ours, theirs in zip(planned, drawn, strict=True):
        assert ours["start"] == theirs["start"]
        assert ours["visible_completeness_pct"]["128"] > theirs["visible_completeness_pct"]["128"] + 20


@pytest.mark.parametrize("name", ["frontier", "nearest-frontier"])
def test_a_planner_never_keeps_running_into_the_same_wall(flat: Scene, name: str) -> None:
    explorer, simulator = make_explorer(name), NavigationSimulator(OneScene(flat), 1, threads=1)
    frames = simulator.start([sample_episode(simulator, "flat", seed=5)])
    explorer.reset(1, seed=0)
    in_a_row, worst = 0, 0
    for _ in range(200):
        frames = simulator.step(explorer.act({}, frames, simulator.camera))
        in_a_row = in_a_row + 1 if frames.collided[0] else 0
        worst = max(worst, in_a_row)
    assert worst <= 2


def test_the_rest_of_a_frontier_all_around_is_looked_at_after_its_middle() -> None:
    grid = OccupancyGrid(np.zeros(2), 0.0)
    reach = np.indices(grid.cells.shape).T.swapaxes(0, 1) - grid.cell(np.zeros(2))
    grid.cells[np.linalg.norm(reach, axis=-1) < 15] = FREE  # all around lies the unknown
    situation, planner = PlanningState(grid, np.zeros(2), 0.0, np.pi / 2), NearestFrontier()
    assert len(grid.frontiers()) == 1
    looked_at = []
    while (view := planner.choose(situation)) is not None:
        looked_at.append(view.target)
        planner.give_up(situation, view)
    angles = np.sort([np.arctan2(y, x) for x, y in looked_at[1:]])
    assert len(looked_at) > 4
    assert np.diff([*angles, angles[0] + 2 * np.pi]).max() < np.pi / 2, "a side was left out"


def test_who_turned_to_one_side_does_not_turn_back_before_a_move() -> None:
    assert without_dithering(LEFT, RIGHT, is_open_ahead=True) == FORWARD
    assert without_dithering(RIGHT, LEFT, is_open_ahead=True) == FORWARD
    assert without_dithering(RIGHT, LEFT, is_open_ahead=False) == RIGHT
    for action in (FORWARD, LEFT, RIGHT):
        assert without_dithering(action, action, is_open_ahead=True) == action
        assert without_dithering(action, FORWARD, is_open_ahead=True) == action


def test_angles_are_wrapped_to_half_a_turn() -> None:
    angles = np.array([0.0, 3.0, 3.5, -3.5, 7.0, np.pi])
    found = wrapped(angles)
    assert np.cos(found) == pytest.approx(np.cos(angles))
    assert np.sin(found) == pytest.approx(np.sin(angles))
    assert (np.abs(found) <= np.pi + 1e-9).all()
