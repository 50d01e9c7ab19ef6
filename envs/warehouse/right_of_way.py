"""Right of way: vehicles reserve the places of a lane graph, so that none waits for ever."""

from __future__ import annotations

import numpy as np

from robonav.envs.scenes.scene import SceneError
from robonav.envs.warehouse.lane_graph import LaneGraph

PATIENCE_S = 5.0
"""Time after which a vehicle that waits also turns round, or enters a lane against others, seconds."""


class RightOfWay:
    """Which of K vehicles holds which place of a lane graph.

    A vehicle holds the place where it stands and, while it drives, the next one; so two never meet between
    places. It prefers ways on to ways back, and enters no lane that others drive against. Once it has waited
    for `PATIENCE_S` it takes any free way. Then vehicles never wait for each other for ever: some place is
    free, every place can be reached from every other, so on the way back from the free place stands a first
    vehicle, and the next place on its way is free. Free places wander through the graph, since ways are
    drawn, and whoever has waited longest chooses first.

    Args:
        graph: The lanes.
        count: K, fewer than places.
        seed: Of the draws.

    Raises:
        SceneError: There are as many vehicles as places, or more.
    """

    def __init__(self, graph: LaneGraph, count: int, seed: list[int]) -> None:
        if count >= len(graph.leaving):
            raise SceneError(
                f"traffic of {count} vehicles on lanes with room for {len(graph.leaving) - 1}: give "
                f"--world.traffic {len(graph.leaving) - 1} or less"
            )
        self._graph, self._random = graph, np.random.default_rng(seed)
        self._taken = [False] * len(graph.leaving)
        self._driving = [0] * len(graph.against)

    def starts(self, count: int, far: np.ndarray) -> list[int]:
        """Stretches (K) at whose ends vehicles begin, where possible among those that are `far` (E,)."""
        order = self._random.permutation(len(far))
        chosen: list[int] = []
        for edge in order[np.argsort(~far[order], kind="stable")].tolist():
            if len(chosen) < count and not self._taken[self._graph.target[edge]]:
                self._taken[self._graph.target[edge]] = True
                self._driving[self._graph.lane[edge]] += 1
                chosen.append(edge)
        return chosen

    def ways(self, edge: int, waited_s: float) -> list[int]:
        """Stretches that a vehicle at the end of one may drive next, in the order in which it would."""
        graph, back = self._graph, self._graph.back[edge]
        free = [e for e in graph.leaving[graph.target[edge]] if not self._taken[graph.target[e]]]
        if waited_s < PATIENCE_S:
            only_back = graph.leaving[graph.target[edge]] == [back]
            free = [e for e in free if (e != back or only_back) and not self._is_against(e, edge)]
        if len(free) > 1:
            self._random.shuffle(free)
        return free

    def enter(self, edge: int, after: int) -> None:
        """Reserve the end of a stretch for a vehicle that comes from another one."""
        self._taken[self._graph.target[edge]] = True
        self._change(edge, after)

    def turn(self, edge: int) -> int:
        """Turn round within a stretch, both of whose ends the vehicle holds; gives the stretch back."""
        back = self._graph.back[edge]
        self._change(back, edge)
        return back

    def arrive(self, edge: int) -> None:
        """Release the place that the stretch began at."""
        self._taken[self._graph.source[edge]] = False

    def _change(self, edge: int, after: int) -> None:
        self._driving[self._graph.lane[after]] -= 1
        self._driving[self._graph.lane[edge]] += 1

    def _is_against(self, edge: int, after: int) -> bool:
        against = self._graph.against[self._graph.lane[edge]]
        # a vehicle that turns round at the end of its lane is not in its own way
        return against >= 0 and self._driving[against] > (against == self._graph.lane[after])
