"""Configuration of two-level navigation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from robonav.maps.topology.mapper import TopologyConfig
from robonav.maps.topology.sub_goals import SubGoalWeights


@dataclass(frozen=True)
class HierarchyConfig:
    """Thresholds and ablations of the navigator; defaults are TopoNav's where it states them."""

    weights: SubGoalWeights = field(default_factory=SubGoalWeights)
    """Weights of the greedy rule's score."""
    topology: TopologyConfig = field(default_factory=TopologyConfig)
    """Thresholds of the topological map."""
    patience: int = 100
    """Steps after which a sub-goal is given up."""
    tries: int = 3
    """Failed attempts after which a frontier is left out."""
    nodes: Literal["places and frontiers", "places", "frontiers"] = "places and frontiers"
    """Kinds of nodes that may be sub-goals."""
    nearest_m: float = 0.6
    """Least distance of a sub-goal, metres."""
    guard: bool = True
    """Whether the map's collision guard comes first; else only the bumper reports collisions."""
    interrupt: bool = True
    """Whether a sub-goal ends as soon as a path to the goal is known."""
    squeeze_m: float = 3.0
    """Extra length of a path over a frontier, metres, above which gaps that seem too narrow are tried."""
    think_every: int = 8
    """Steps between two updates of frontiers and paths."""
    cell_m: float = 0.10
    """Edge of a cell of the occupancy map, metres."""
