"""The choice of a sub-goal: a weighted score for each node of a topological map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robonav.maps.topology.mapper import Candidates


@dataclass(frozen=True)
class SubGoalWeights:
    """Weights of the score; TopoNav names novelty and alignment with the goal, but no numbers."""

    novelty: float = 1.0
    """For a node that was never visited; 1 / (1 + visits) of it for others."""
    alignment: float = 0.5
    """For a node straight in the direction of the goal, if there is a goal."""
    distance: float = 0.1
    """Taken off for each metre of way."""
    frontier: float = 0.5
    """For frontiers."""
    detour: float = 1.0
    """Taken off for each metre that the way to the node and on to the goal is longer than the best."""


def novelty(visits: NDArray[np.integer]) -> NDArray[np.float64]:
    """1 / (1 + visits)."""
    return np.asarray(1.0 / (1.0 + visits), np.float64)


def sub_goal_scores(
    candidates: Candidates,
    weights: SubGoalWeights,
    xy: NDArray[np.floating],
    goal: NDArray[np.floating] | None = None,
    detours: NDArray[np.floating] | None = None,
) -> NDArray[np.float64]:
    """The score of each candidate for the next sub-goal (TopoNav's weighted choice, our weights).

    Args:
        candidates: K nodes.
        weights: See there.
        xy: (2,) position of the robot, metres.
        goal: (2,) position of the final goal, or None if there is none.
        detours: (K,) extra metres of the path over a node to the goal over the best one, or None.

    Returns:
        (K,) scores, -inf where no path is known.
    """
    scores = weights.novelty * novelty(candidates.visits) + weights.frontier * candidates.is_frontier
    if goal is not None:
        scores = scores + weights.alignment * _cosines(candidates.xy - xy, np.asarray(goal) - xy)
    if detours is not None:
        scores = scores - weights.detour * detours
    return scores - weights.distance * candidates.distance


def choose_sub_goal(
    candidates: Candidates, scores: NDArray[np.floating], xy: NDArray[np.floating], nearest_m: float
) -> int | None:
    """Row of the best candidate that is at least `nearest_m` metres away; None if there is none.

    Of equally good ones the first is taken, which is the oldest.
    """
    far = np.linalg.norm(candidates.xy - xy, axis=1) >= nearest_m
    allowed = np.where(far, scores, -np.inf)
    return int(np.argmax(allowed)) if np.isfinite(allowed).any() else None


def _cosines(offsets: NDArray[np.floating], direction: NDArray[np.floating]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(offsets, axis=1) * np.linalg.norm(direction)
    return offsets @ direction / np.maximum(lengths, 1e-9)
