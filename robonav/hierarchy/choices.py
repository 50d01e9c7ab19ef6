"""Which nodes a robot could go to next, and what speaks for each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robonav.hierarchy.config import HierarchyConfig
from robonav.hierarchy.known_world import KnownWorld
from robonav.maps.sub_goals import novelty, sub_goal_scores

FEATURES = 16
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
        features: (K, 16) float32, of about unit size.
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
    """All nodes that could be the next sub-goal.

    Args:
        world: What the robot knows.
        config: Which nodes count, and weights of the greedy rule.
        goal: (2,) where the goal is believed to be, or None.
        step: Steps of the episode so far.
    """
    nodes = world.mapper.candidates()
    lengths, _ = world.nearest_reachable(nodes.xy)
    usable = np.isfinite(lengths) & (
        np.linalg.norm(nodes.xy - world.xy, axis=1) >= 2 * config.topology.reach_m
    )
    usable &= ~(nodes.is_frontier & (nodes.visits >= config.tries))
    if config.nodes != "places and frontiers":
        usable &= nodes.is_frontier == (config.nodes == "frontiers")
    scores = sub_goal_scores(nodes, config.weights, world.xy, goal)
    usable &= np.isfinite(scores)
    gaps = np.linalg.norm(nodes.xy - goal, axis=1) if goal is not None else np.zeros(len(nodes.ids))
    frontiers = world.mapper.graph.frontiers
    sizes = np.array([frontiers[node].size if node in frontiers else 0 for node in nodes.ids.tolist()])
    kept = np.flatnonzero(usable)
    columns = (nodes.visits, nodes.is_frontier, sizes, nodes.distance, nodes.xy, lengths, gaps, scores)
    visits, is_frontier, sizes, along_graph, xy, lengths, gaps, scores = (c[kept] for c in columns)
    if not len(kept):
        return Choices(
            nodes.ids[kept], xy, is_frontier, lengths, gaps, scores, np.zeros((0, FEATURES), np.float32)
        )
    offsets = xy - world.xy
    bearing = np.arctan2(offsets[:, 1], offsets[:, 0])
    to_goal = np.zeros(2) if goal is None else goal - world.xy
    detour = lengths + gaps
    here = np.ones(len(kept))
    features = [
        novelty(visits),
        is_frontier,
        np.minimum(sizes / 20.0, 2.0),
        world.unknown_around(xy) / 9.0,
        np.cos(bearing - np.arctan2(to_goal[1], to_goal[0])) * (goal is not None),
        np.cos(bearing - world.yaw),
        lengths / 10.0,
        np.minimum(along_graph, 50.0) / 10.0,
        (lengths - lengths.min()) / 10.0,
        gaps / 10.0,
        (gaps - gaps.min()) / 10.0,
        (detour - detour.min()) / 10.0,
        here * np.linalg.norm(to_goal) / 10.0,
        here * (goal is not None),
        here * step / _EPISODE,
        scores,
    ]
    table = np.column_stack(features).astype(np.float32)
    return Choices(nodes.ids[kept], xy, is_frontier, lengths, gaps, scores, table)
