"""The score of sub-goals is its formula, and each term decides where the others are equal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from robonav.maps.topology.mapper import Candidates
from robonav.maps.topology.sub_goals import SubGoalWeights, choose_sub_goal, sub_goal_scores

HERE = np.zeros(2)


def nodes(
    xy: list[tuple[float, float]], visits: list[int], distance: list[float], frontier: list[bool]
) -> Candidates:
    ids = np.arange(len(xy))
    return Candidates(ids, np.array(xy, float), np.array(visits), np.array(distance), np.array(frontier))


def test_the_score_is_the_weighted_sum_of_its_terms() -> None:
    two = nodes([(3, 0), (0, 4)], [1, 3], [3.0, 6.0], [False, True])
    weights = SubGoalWeights(novelty=2.0, alignment=0.7, distance=0.2, frontier=0.4)
    goal = np.array([6.0, 8.0])
    expected = [2.0 / 2 + 0.7 * 0.6 - 0.2 * 3, 2.0 / 4 + 0.7 * 0.8 - 0.2 * 6 + 0.4]
    np.testing.assert_allclose(sub_goal_scores(two, weights, HERE, goal), expected)
    detours = np.array([3.0, 0.0])
    farther_round = sub_goal_scores(two, replace(weights, detour=0.5), HERE, goal, detours)
    np.testing.assert_allclose(farther_round, [expected[0] - 1.5, expected[1]])


@pytest.mark.parametrize(
    ("candidates", "goal", "best"),
    [
        (nodes([(2, 0), (0, 2)], [5, 1], [2, 2], [False, False]), None, 1),  # seldom visited
        (nodes([(2, 0), (0, 2)], [1, 1], [2, 5], [False, False]), None, 0),  # near
        (nodes([(2, 0), (0, 2)], [0, 0], [2, 2], [False, True]), None, 1),  # a frontier
        (nodes([(2, 0), (0, 2)], [1, 1], [2, 2], [False, False]), np.array([0.0, 9.0]), 1),  # ahead
        (nodes([(2, 0), (0, 2)], [1, 1], [2, 2], [False, False]), None, 0),  # equal: the older one
        (nodes([(0.5, 0), (0, 2)], [0, 9], [0.5, 9], [True, False]), None, 1),  # too near to be one
        (nodes([(2, 0), (0, 2)], [0, 9], [np.inf, 2], [True, False]), None, 1),  # no way is known
        (nodes([(2, 0)], [0], [np.inf], [True]), None, None),
        (nodes([], [], [], []), None, None),
    ],
)
def test_the_best_candidate_is_chosen(
    candidates: Candidates, goal: np.ndarray | None, best: int | None
) -> None:
    candidates = Candidates(
        candidates.ids,
        candidates.xy.reshape(-1, 2),
        candidates.visits.astype(np.int64),
        candidates.distance.astype(float),
        candidates.is_frontier.astype(bool),
    )
    scores = sub_goal_scores(candidates, SubGoalWeights(), HERE, goal)
    assert choose_sub_goal(candidates, scores, HERE, nearest_m=1.0) == best
