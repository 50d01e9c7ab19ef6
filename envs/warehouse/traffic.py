"""Other vehicles: boxes that drive along the lanes of a hall, and wait for whatever is in their way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robonav.envs.scenes.scene import SceneError
from robonav.envs.warehouse.layout import WarehouseLayout

HALF_M = (0.45, 0.3)
"""Half length and half width of a vehicle in traffic, metres."""
_STOP_M = 1.6  # free way ahead of its centre that it needs, metres
_BESIDE_M = 0.75  # and to each side
_APART_M = 2.5  # between vehicles at the start of an episode
_TRIES = 50


@dataclass(frozen=True)
class LaneGraph:
    """The lanes of a hall as arrays; a lane that is driven both ways stands twice.

    Attributes:
        starts: (L, 2) metres.
        ends: (L, 2) metres.
        speeds: (L,) metres per second.
        following: For each lane those that can be driven next; back only where there is no other.
    """

    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    speeds: NDArray[np.float64]
    following: list[NDArray[np.int64]]

    @classmethod
    def of(cls, layout: WarehouseLayout) -> LaneGraph:
        """The lanes of a hall.

        Raises:
            SceneError: It has none.
        """
        if not layout.lanes:
            raise SceneError(
                f"warehouse {layout.name} has no lanes for traffic to drive on: use --world.layout site, or "
                "traffic 0"
            )
        ways = [(lane.start, lane.end, lane.max_speed) for lane in layout.lanes]
        ways += [(lane.end, lane.start, lane.max_speed) for lane in layout.lanes if not lane.one_way]
        following = []
        for start, end, _ in ways:
            on = [i for i, (a, b, _) in enumerate(ways) if a == end and b != start]
            back = [i for i, (a, b, _) in enumerate(ways) if (a, b) == (end, start)]
            following.append(
                np.array(on or back or [i for i, (a, _, _) in enumerate(ways) if a == end], np.int64)
            )
        places = [[layout.nodes[start], layout.nodes[end]] for start, end, _ in ways]
        ends = np.array(places, float)
        return cls(ends[:, 0], ends[:, 1], np.array([speed for *_, speed in ways]), following)


class Traffic:
    """K vehicles around each of N agents.

    Each follows lanes at their speed, draws the next one where several begin, and stands still while the
    agent or another vehicle is in the 1.6 m ahead of it. All follows from the seed of the agent's episode.

    Args:
        layouts: The halls (S).
        num_agents: N.
        count: K.
    """

    def __init__(self, layouts: Sequence[WarehouseLayout], num_agents: int, count: int) -> None:
        self._graphs = [LaneGraph.of(layout) for layout in layouts] if count else []
        self._graph: list[LaneGraph | None] = [None] * num_agents
        self._random = [np.random.default_rng(0)] * num_agents
        self._lane = np.zeros((num_agents, count), np.int64)
        self._gone = np.zeros((num_agents, count))
        self._start, self._way = np.zeros((num_agents, count, 2)), np.ones((num_agents, count, 2))
        self._speed = np.zeros((num_agents, count))
        self.halves = np.broadcast_to(np.array(HALF_M, np.float32), (num_agents, count, 2))

    def begin(self, agent: int, layout: int, place: NDArray[np.floating], seed: int) -> None:
        """Put the vehicles around an agent on lanes, apart from it and from each other."""
        if not self._lane.shape[1]:
            return
        graph, rng = self._graphs[layout], np.random.default_rng([seed, 3])
        self._graph[agent], self._random[agent] = graph, rng
        others = [np.asarray(place, float)[:2]]
        for k in range(self._lane.shape[1]):
            for _ in range(_TRIES):
                lane, share = int(rng.integers(len(graph.speeds))), rng.random()
                here = graph.starts[lane] + share * (graph.ends[lane] - graph.starts[lane])
                if min(np.hypot(*(here - other)) for other in others) > _APART_M:
                    break
            self._enter(agent, k, lane, share * float(np.hypot(*(graph.ends[lane] - graph.starts[lane]))))
            others.append(here)

    @property
    def poses(self) -> NDArray[np.float64]:
        """(N, K, 3) x, y, yaw."""
        ahead = self._way / self._length[..., None]
        yaw = np.arctan2(ahead[..., 1], ahead[..., 0])
        return np.concatenate([self._start + self._gone[..., None] * ahead, yaw[..., None]], -1)

    def step(self, agents: NDArray[np.floating], seconds: float) -> None:
        """Drive on for some seconds; `agents` (N, 3) are the poses of the agents."""
        poses = self.poses
        free = ~self._blocked(poses, np.asarray(agents, float))
        self._gone += np.where(free, self._speed, 0.0) * seconds
        for agent, k in np.argwhere(self._gone >= self._length):
            graph = self._graph[agent]
            assert graph is not None
            following = graph.following[self._lane[agent, k]]
            over = float(self._gone[agent, k] - self._length[agent, k])
            self._enter(agent, k, int(following[self._random[agent].integers(len(following))]), over)

    @property
    def _length(self) -> NDArray[np.float64]:
        return np.linalg.norm(self._way, axis=-1)

    def _enter(self, agent: int, k: int, lane: int, gone: float) -> None:
        graph = self._graph[agent]
        assert graph is not None
        self._lane[agent, k], self._gone[agent, k] = lane, gone
        self._start[agent, k] = graph.starts[lane]
        self._way[agent, k] = graph.ends[lane] - graph.starts[lane]
        self._speed[agent, k] = graph.speeds[lane]

    def _blocked(self, poses: NDArray[np.float64], agents: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Before which vehicles (N, K) something is."""
        bodies = np.concatenate([poses[..., :2], agents[:, None, :2]], 1)
        away = bodies[:, None] - poses[:, :, None, :2]  # (N, K, K + 1, 2)
        c, s = np.cos(poses[..., 2])[..., None], np.sin(poses[..., 2])[..., None]
        ahead, beside = c * away[..., 0] + s * away[..., 1], c * away[..., 1] - s * away[..., 0]
        return np.asarray(((ahead > 0.05) & (ahead < _STOP_M) & (np.abs(beside) < _BESIDE_M)).any(-1))
