"""What decides how the two levels work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from robonav.maps.topology.mapper import TopologyConfig
from robonav.maps.topology.sub_goals import SubGoalWeights


@dataclass(frozen=True)
class HierarchyConfig:
    """One explorer in two levels; those defaults that the reference design has are its own."""

    weights: SubGoalWeights = field(default_factory=SubGoalWeights)
    """Of the score by which the greedy rule chooses."""
    topology: TopologyConfig = field(default_factory=TopologyConfig)
    """What makes a place."""
    patience: int = 100
    """Steps after which a sub-goal is given up."""
    tries: int = 3
    """So often a frontier is tried in vain before it is left out."""
    nodes: Literal["places and frontiers", "places", "frontiers"] = "places and frontiers"
    """Which nodes may be sub-goals; an ablation leaves one kind out."""
    nearest_m: float = 0.6
    """No sub-goal is nearer than this."""
    guard: bool = True
    """Whether avoiding collisions goes before all; else only the bumper tells of them."""
    interrupt: bool = True
    """Whether a sub-goal is dropped as soon as a way to the goal is known."""
    squeeze_m: float = 3.0
    """Where to go over a frontier is so much farther, it squeezes through what seems too narrow instead."""
    think_every: int = 8
    """Steps between two looks at frontiers and ways."""
    cell_m: float = 0.10
    """Edge of a cell of the occupancy map, metres."""
