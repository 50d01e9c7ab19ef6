"""Other vehicles: boxes that drive along the lanes of a hall, and wait for whatever is in their way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from robonav.envs.warehouse.lane_graph import LaneGraph
from robonav.envs.warehouse.layout import WarehouseLayout
from robonav.envs.warehouse.right_of_way import PATIENCE_S, RightOfWay

HALF_M = (0.45, 0.3)
"""Half length and half width of a vehicle in traffic, metres."""
_STOP_M = 1.15  # free way ahead of its centre that it needs, metres
_BESIDE_M = 0.45  # and to each side
_REAR_M = 0.5  # and behind, where it turns
_APART_M = 2.5  # from the agent at the start of an episode


class Traffic:
    """K vehicles around each of N agents.

    Each follows lanes at their speed, draws the next one where several begin, and stands still while the
    footprint of the agent is in the 0.7 m before it; `RightOfWay` keeps vehicles apart. All follows from
    the seed of the agent's episode.

    Args:
        layouts: The halls (S).
        num_agents: N.
        count: K.

    Raises:
        SceneError: A hall has no lanes, or no room for so many vehicles.
    """

    def __init__(self, layouts: Sequence[WarehouseLayout], num_agents: int, count: int) -> None:
        self._graphs = [LaneGraph.of(layout) for layout in layouts] if count else []
        self._graph = [self._graphs[0]] * num_agents if count else []
        self._right = [RightOfWay(graph, count, [0]) for graph in self._graph]
        self._edge = np.zeros((num_agents, count), np.int64)
        self._gone, self._waited = np.zeros((num_agents, count)), np.zeros((num_agents, count))
        self._start, self._ahead = np.zeros((num_agents, count, 2)), np.ones((num_agents, count, 2))
        self._length, self._speed = np.ones((num_agents, count)), np.zeros((num_agents, count))
        self.halves = np.broadcast_to(np.array(HALF_M, np.float32), (num_agents, count, 2))

    def begin(self, agent: int, layout: int, place: NDArray[np.floating], seed: int) -> None:
        """Put the vehicles around an agent on lanes, apart from it and from each other."""
        count = self._edge.shape[1]
        if not count:
            return
        graph = self._graph[agent] = self._graphs[layout]
        right = self._right[agent] = RightOfWay(graph, count, [seed, 3])
        far = np.hypot(*(graph.ends - np.asarray(place, float)[:2]).T) > _APART_M
        for k, edge in enumerate(right.starts(count, far)):
            self._place(agent, k, edge, 0.0)
            self._gone[agent, k] = self._length[agent, k]

    @property
    def poses(self) -> NDArray[np.float64]:
        """(N, K, 3) x, y, yaw."""
        yaw = np.arctan2(self._ahead[..., 1], self._ahead[..., 0])
        return np.concatenate([self._places, yaw[..., None]], -1)

    def step(self, bodies: NDArray[np.floating], seconds: float) -> None:
        """Drive on for some seconds; `bodies` (N, P, 2) are points on the outlines of the agents."""
        near = self._near(bodies)
        driving = self._gone < self._length
        for agent, k in np.argwhere(near & driving).tolist():
            here = self._start[agent, k] + self._gone[agent, k] * self._ahead[agent, k]
            if not _is_clear(bodies[agent], here, self._ahead[agent, k], HALF_M[0] - 0.05):
                driving[agent, k] = False
                self._turn_round(agent, k, bodies[agent], here)
        self._waited = np.where(driving, 0.0, self._waited + seconds)
        self._gone += np.where(driving, self._speed, 0.0) * seconds
        ended = np.argwhere(self._gone >= self._length)
        for agent, k in ended[np.lexsort((-self._waited[tuple(ended.T)], ended[:, 0]))].tolist():
            self._go_on(agent, k, bodies[agent] if near[agent, k] else None)

    @property
    def _places(self) -> NDArray[np.float64]:
        return self._start + self._gone[..., None] * self._ahead

    def _near(self, bodies: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Which vehicles (N, K) can reach their agent within a step."""
        sides = np.ascontiguousarray(bodies.swapaxes(1, 2))  # minima along the last axis are fast
        low, high = sides.min(-1)[:, None] - 2 * _STOP_M, sides.max(-1)[:, None] + 2 * _STOP_M
        inside = (self._places > low) & (self._places < high)
        return np.asarray(inside[..., 0] & inside[..., 1])

    def _go_on(self, agent: int, k: int, body: NDArray[np.floating] | None) -> None:
        """Enter the next stretch, or wait where this one ends."""
        right, edge = self._right[agent], int(self._edge[agent, k])
        over = self._gone[agent, k] - self._length[agent, k]
        if self._waited[agent, k] == 0:  # it has just come
            right.arrive(edge)
        for following in right.ways(edge, self._waited[agent, k]):
            if body is None or self._is_free(agent, k, following, body):
                right.enter(following, edge)
                self._place(agent, k, following, over)
                return
        self._gone[agent, k] = self._length[agent, k]

    def _is_free(self, agent: int, k: int, following: int, body: NDArray[np.floating]) -> bool:
        """Whether the agent is not where a vehicle would be, and go, at the beginning of a stretch."""
        graph = self._graph[agent]
        straight = graph.ahead[following] @ self._ahead[agent, k] > 0.999
        rear = HALF_M[0] - 0.05 if straight else -_REAR_M
        return _is_clear(body, graph.starts[following], graph.ahead[following], rear)

    def _turn_round(self, agent: int, k: int, body: NDArray[np.floating], here: NDArray[np.float64]) -> None:
        """Turn back where the agent has stood in the way for long, and the lane is driven both ways."""
        graph, edge = self._graph[agent], int(self._edge[agent, k])
        if self._waited[agent, k] < PATIENCE_S or graph.back[edge] < 0:
            return
        if _is_clear(body, here, -self._ahead[agent, k], -_REAR_M):
            length = self._length[agent, k]
            left = min(length - self._gone[agent, k], np.nextafter(length, 0))  # it has yet to arrive
            self._place(agent, k, self._right[agent].turn(edge), left)

    def _place(self, agent: int, k: int, edge: int, gone: float) -> None:
        graph = self._graph[agent]
        self._edge[agent, k], self._gone[agent, k], self._length[agent, k] = edge, gone, graph.lengths[edge]
        self._start[agent, k], self._ahead[agent, k] = graph.starts[edge], graph.ahead[edge]
        self._speed[agent, k], self._waited[agent, k] = graph.speeds[edge], 0.0


def _is_clear(
    points: NDArray[np.floating], here: NDArray[np.floating], ahead: NDArray[np.floating], rear: float
) -> bool:
    """Whether none of the points (P, 2) is before a vehicle, or beside it as far back as `rear`."""
    away = points - here
    forward, beside = away @ ahead, away @ np.array([-ahead[1], ahead[0]])
    return not ((forward > rear) & (forward < _STOP_M) & (np.abs(beside) < _BESIDE_M)).any()
