"""Candidates for the next sub-goal, and their scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robonav.maps.topology.mapper import Candidates
from robonav.maps.topology.sub_goals import sub_goal_scores
from robonav.planners.topological.config import HierarchyConfig
from robonav.planners.topological.known_world import KnownWorld
from robonav.planners.topological.optimistic_paths import OptimisticPaths

FARTHEST_DETOUR_M = 20.0  # longer detours count as this
_FAR_M = 1e6


@dataclass(frozen=True, eq=False)
class Choices:
    """Nodes that known paths lead to, at least `nearest_m` away.

    Attributes:
        ids: (K,) int64.
        xy: (K, 2) metres, in the frame of the robot's start.
        is_frontier: (K,) bool.
        lengths: (K,) metres of known path.
        to_goal: (K,) straight distance from node to goal, metres; 0 without a goal.
        scores: (K,) scores of the greedy rule.
    """

    ids: NDArray[np.int64]
    xy: NDArray[np.float64]
    is_frontier: NDArray[np.bool_]
    lengths: NDArray[np.float64]
    to_goal: NDArray[np.float64]
    scores: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)


def choices_of(world: KnownWorld, config: HierarchyConfig, goal: NDArray[np.floating] | None) -> Choices:
    """All candidates for the next sub-goal; none where a path through unknown space is much shorter.

    Args:
        world: The robot's maps.
        config: Kinds of nodes, and weights of the greedy rule.
        goal: (2,) believed position of the goal, or None.
    """
    known = world.mapper.candidates()
    lengths, cells = world.nearest_reachable(known.xy)
    away = np.linalg.norm(known.xy - world.xy, axis=1)
    usable = np.isfinite(lengths) & np.isfinite(known.distance) & (away >= config.nearest_m)
    usable &= ~(known.is_frontier & (known.visits >= config.tries))
    if config.nodes != "places and frontiers":
        usable &= known.is_frontier == (config.nodes == "frontiers")
    ways = np.full_like(lengths, np.inf)
    if goal is not None:
        ends = world.centres(cells)
        optimistic = OptimisticPaths(world.grid, goal, np.vstack([ends, world.xy]))
        # only a frontier opens a new way: to go on from a place is to go over a frontier, too
        ways = np.where(known.is_frontier, lengths + optimistic.lengths_to(ends), np.inf)
        squeezed = float(optimistic.lengths_to(world.xy)) + config.squeeze_m
        usable &= ways[usable].min(initial=np.inf) <= squeezed  # else none
    kept = np.flatnonzero(usable)
    nodes = Candidates(**{name: column[kept] for name, column in vars(known).items()})
    lengths, ways = lengths[kept], ways[kept]
    gaps, detours = np.zeros((2, len(kept)))
    if goal is not None:
        gaps = np.linalg.norm(nodes.xy - goal, axis=1)
        detours = np.minimum(_above_least(ways), FARTHEST_DETOUR_M)
    scores = sub_goal_scores(nodes, config.weights, world.xy, goal, detours)
    return Choices(nodes.ids, nodes.xy, nodes.is_frontier, lengths, gaps, scores)


def _above_least(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Difference (K,) of each length to the shortest, metres."""
    return lengths - lengths.min(initial=_FAR_M)
