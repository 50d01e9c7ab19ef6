"""Which nodes a robot could go to next, and what speaks for each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robonav.maps.topology.mapper import Candidates
from robonav.maps.topology.sub_goals import novelty, sub_goal_scores
from robonav.planners.topological.config import HierarchyConfig
from robonav.planners.topological.known_world import KnownWorld
from robonav.planners.topological.optimistic_paths import HopefulWays

FEATURES = 17
DETOUR = FEATURES - 2  # the column that tells of the way round, in tens of metres
FARTHEST_DETOUR_M = 20.0  # what is farther round is all the same
_FAR_M = 1e6
_EPISODE = 512.0  # steps that count as 1


@dataclass(frozen=True, eq=False)
class Choices:
    """Nodes that can be reached by known ways and are at least 1 m away.

    Attributes:
        ids: (K,) int64.
        xy: (K, 2) metres, in the frame of the robot's start.
        is_frontier: (K,) bool.
        lengths: (K,) metres of known way.
        to_goal: (K,) metres as the crow flies from the node to the goal; 0 where there is none.
        scores: (K,) those of the greedy rule.
        features: (K, 17) float32, of about unit size.
    """

    ids: NDArray[np.int64]
    xy: NDArray[np.float64]
    is_frontier: NDArray[np.bool_]
    lengths: NDArray[np.float64]
    to_goal: NDArray[np.float64]
    scores: NDArray[np.float64]
    features: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)


def choices_of(
    world: KnownWorld, config: HierarchyConfig, goal: NDArray[np.floating] | None, step: int
) -> Choices:
    """All nodes that could be the next sub-goal; none where it is better to feel one's way to the goal.

    Args:
        world: What the robot knows.
        config: Which nodes count, and weights of the greedy rule.
        goal: (2,) where the goal is believed to be, or None.
        step: Steps of the episode so far.
    """
    known = world.mapper.candidates()
    lengths, cells = world.nearest_reachable(known.xy)
    away = np.linalg.norm(known.xy - world.xy, axis=1)
    usable = np.isfinite(lengths) & np.isfinite(known.distance) & (away >= config.nearest_m)
    usable &= ~(known.is_frontier & (known.visits >= config.tries))
    if config.nodes != "places and frontiers":
        usable &= known.is_frontier == (config.nodes == "frontiers")
    rests, ways = np.zeros_like(lengths), np.full_like(lengths, np.inf)
    if goal is not None:
        ends = world.centres(cells)
        hopeful = HopefulWays(world.grid, goal, np.vstack([ends, world.xy]))
        rests = hopeful.lengths_to(ends)
        # only a frontier opens a new way: to go on from a place is to go over a frontier, too
        ways = np.where(known.is_frontier, lengths + rests, np.inf)
        squeezed = float(hopeful.lengths_to(world.xy)) + config.squeeze_m
        usable &= ways[usable].min(initial=np.inf) <= squeezed  # else none
    kept = np.flatnonzero(usable)
    nodes = Candidates(**{name: column[kept] for name, column in vars(known).items()})
    lengths, rests, ways = lengths[kept], rests[kept], ways[kept]
    gaps, detours = np.zeros((2, len(kept)))
    if goal is not None:
        gaps = np.linalg.norm(nodes.xy - goal, axis=1)
        detours = np.minimum(_above_least(ways), FARTHEST_DETOUR_M)
    scores = sub_goal_scores(nodes, config.weights, world.xy, goal, detours)
    table = _features(world, nodes, goal, lengths, step)
    ahead = [gaps / 10.0, _above_least(gaps) / 10.0, np.minimum(rests, 50.0) / 10.0, detours / 10.0]
    features = np.column_stack([table, *ahead, scores]).astype(np.float32)
    return Choices(nodes.ids, nodes.xy, nodes.is_frontier, lengths, gaps, scores, features)


def _features(
    world: KnownWorld,
    nodes: Candidates,
    goal: NDArray[np.floating] | None,
    lengths: NDArray[np.float64],
    step: int,
) -> NDArray[np.float64]:
    """What the network is told of each node (K, 12) beside how it lies to the goal and its score."""
    frontiers = world.mapper.graph.frontiers
    sizes = np.array([frontiers[node].size if node in frontiers else 0 for node in nodes.ids.tolist()])
    offsets = nodes.xy - world.xy
    bearing = np.arctan2(offsets[:, 1], offsets[:, 0])
    to_goal = np.zeros(2) if goal is None else goal - world.xy
    here = np.ones(len(nodes.ids))
    features = [
        novelty(nodes.visits),
        nodes.is_frontier,
        np.minimum(sizes / 20.0, 2.0),
        world.unknown_around(nodes.xy) / 9.0,
        np.cos(bearing - np.arctan2(to_goal[1], to_goal[0])) * (goal is not None),
        np.cos(bearing - world.yaw),
        lengths / 10.0,
        np.minimum(nodes.distance, 50.0) / 10.0,
        _above_least(lengths) / 10.0,
        here * np.linalg.norm(to_goal) / 10.0,
        here * (goal is not None),
        here * step / _EPISODE,
    ]
    return np.column_stack(features)


def _above_least(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how many metres each of them (K,) is longer than the shortest."""
    return lengths - lengths.min(initial=_FAR_M)
