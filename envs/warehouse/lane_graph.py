"""The lanes of a hall, cut into stretches between places where one vehicle can stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from robonav.envs.scenes.scene import SceneError
from robonav.envs.warehouse.layout import WarehouseLayout

_STRETCH_M = 2.5  # least length of the stretches of a longer lane
_APART_M = 1.1  # between places: vehicles of 0.9 x 0.6 m that stand there do not touch, however they turn

Place = tuple[str, str, int]


@dataclass(frozen=True, eq=False)
class LaneGraph:
    """Stretches of lane as arrays; a lane that is driven both ways stands twice.

    From each place every other can be reached. Lanes meet in their nodes only.

    Attributes:
        starts: (E, 2) metres.
        ends: (E, 2) metres.
        lengths: (E,) metres.
        ahead: (E, 2) directions, of unit length.
        speeds: (E,) metres per second.
        source: (E) place that each stretch begins at.
        target: (E) place that it ends at.
        lane: (E) the lane and direction that it is part of.
        against: For each lane and direction the opposite one, -1 on one-way lanes.
        back: (E) the same stretch the other way, -1 on one-way lanes.
        leaving: For each place the stretches that begin there.
    """

    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    lengths: NDArray[np.float64]
    ahead: NDArray[np.float64]
    speeds: NDArray[np.float64]
    source: list[int]
    target: list[int]
    lane: list[int]
    against: list[int]
    back: list[int]
    leaving: list[list[int]]

    @classmethod
    def of(cls, layout: WarehouseLayout) -> LaneGraph:
        """The lanes of a hall, without those from which no way leads back.

        Raises:
            SceneError: It has none, or two places on them are so near that vehicles would touch.
        """
        graph = nx.DiGraph()
        for start, end, at in _stretches(layout):
            graph.add_edge(start, end, at=at)
        lasting = graph.subgraph(max(nx.strongly_connected_components(graph), key=len, default=()))
        if not lasting.edges:
            raise SceneError(
                f"warehouse {layout.name} has no lanes for traffic to drive on: use --world.layout site, or "
                "traffic 0"
            )
        return cls._packed(
            layout, [(a, b, at) for a, b, at in graph.edges(data="at") if lasting.has_edge(a, b)]
        )

    @classmethod
    def _packed(cls, layout: WarehouseLayout, edges: list[tuple[Place, Place, _At]]) -> LaneGraph:
        places = {place: i for i, place in enumerate(dict.fromkeys(a for a, _, _ in edges))}
        starts, ends = (np.array([side(at) for *_, at in edges]) for side in (_At.start, _At.end))
        first = {a: at.start() for a, _, at in edges}
        apart = pdist(np.array(list(first.values()))).min()
        if apart < _APART_M:
            raise SceneError(
                f"warehouse {layout.name} has lane nodes {apart:.2f} m apart: put them at least {_APART_M} m "
                "apart, or use traffic 0"
            )
        lengths = np.hypot(*(ends - starts).T)
        ways = {way: i for i, way in enumerate(dict.fromkeys(at.way for *_, at in edges))}
        numbers = {(a, b): i for i, (a, b, _) in enumerate(edges)}
        leaving: list[list[int]] = [[] for _ in places]
        for i, (a, _, _) in enumerate(edges):
            leaving[places[a]].append(i)
        return cls(
            starts,
            ends,
            lengths,
            (ends - starts) / lengths[:, None],
            np.array([at.speed for *_, at in edges]),
            [places[a] for a, _, _ in edges],
            [places[b] for _, b, _ in edges],
            [ways[at.way] for *_, at in edges],
            [ways.get((b, a), -1) for a, b in ways],
            [numbers.get((b, a), -1) for a, b, _ in edges],
            leaving,
        )


@dataclass(frozen=True)
class _At:
    """Where a stretch lies: shares `low` to `high` of the way between two nodes."""

    way: tuple[str, str]
    nodes: tuple[tuple[float, float], tuple[float, float]]
    low: float
    high: float
    speed: float

    def start(self) -> NDArray[np.float64]:
        return self._place(self.low)

    def end(self) -> NDArray[np.float64]:
        return self._place(self.high)

    def _place(self, share: float) -> NDArray[np.float64]:
        a, b = np.array(self.nodes, float)
        return np.asarray(a + share * (b - a))


def _stretches(layout: WarehouseLayout) -> Iterator[tuple[Place, Place, _At]]:
    for lane in (lane for lane in layout.lanes if lane.start != lane.end):
        a, b = layout.nodes[lane.start], layout.nodes[lane.end]
        count = max(1, int(np.hypot(b[0] - a[0], b[1] - a[1]) / _STRETCH_M))
        within = [(lane.start, lane.end, i) for i in range(1, count)]
        places: list[Place] = [(lane.start, "", 0), *within, (lane.end, "", 0)]
        for i, (p, q) in enumerate(pairwise(places)):
            low, high = i / count, (i + 1) / count
            yield p, q, _At((lane.start, lane.end), (a, b), low, high, lane.max_speed)
            if not lane.one_way:
                yield q, p, _At((lane.end, lane.start), (a, b), high, low, lane.max_speed)
