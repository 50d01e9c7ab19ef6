"""The graph of a topological map: places, edges, and frontiers attached to places."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra


@dataclass
class PlaceTable:
    """Columns of equal length, one row a place, in the order in which they were made.

    Attributes:
        ids: (P,) int64, ascending; an id is never used again.
        xy: (P, 2) float64, metres.
        embeddings: (P, D) float32 unit vectors of the view at its creation.
        visits: (P,) int64, number of entries into its reach radius.
        created_at: (P,) float64, metres travelled when it was made.
        visited_at: (P,) float64, metres travelled when the robot was last within its reach.
    """

    ids: NDArray[np.int64]
    xy: NDArray[np.float64]
    embeddings: NDArray[np.float32]
    visits: NDArray[np.int64]
    created_at: NDArray[np.float64]
    visited_at: NDArray[np.float64]

    @classmethod
    def empty(cls, dimensions: int) -> PlaceTable:
        """An empty table for embeddings of D dimensions."""
        none, never = np.zeros(0, np.int64), np.zeros(0)
        return cls(none, np.zeros((0, 2)), np.zeros((0, dimensions), np.float32), none, never, never)

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, place: int) -> int:
        """Row of a place.

        Raises:
            KeyError: There is none of that id.
        """
        row = int(np.searchsorted(self.ids, place))
        if row == len(self.ids) or self.ids[row] != place:
            raise KeyError(f"no place has id {place}")
        return row

    def append(self, *row: object) -> None:
        """Add one row, in the order of the columns."""
        for column, value in zip(fields(self), row, strict=True):
            before = getattr(self, column.name)
            setattr(self, column.name, np.concatenate([before, np.asarray(value, before.dtype)[None]]))

    def drop(self, row: int) -> None:
        """Remove one row."""
        for column in fields(self):
            setattr(self, column.name, np.delete(getattr(self, column.name), row, axis=0))


@dataclass
class Edge:
    """A travelled edge: its shortest length so far in metres, and failures since the last traversal."""

    length: float
    failures: int = 0


@dataclass
class FrontierNode:
    """A cluster of frontier cells.

    Attributes:
        xy: (2,) position, metres.
        size: Number of its cells.
        place: Id of the place from which it was seen.
        length: Distance from there, metres.
        tries: Number of times that it was a sub-goal.
    """

    xy: NDArray[np.float64]
    size: int
    place: int
    length: float
    tries: int = 0


class PlaceGraph:
    """Places, edges and frontiers of one environment; memory is linear in their number.

    Args:
        dimensions: Of the embeddings.

    Attributes:
        places: The places.
        edges: By their two ids, the smaller one first.
        frontiers: By id; places and frontiers share one numbering.
    """

    def __init__(self, dimensions: int) -> None:
        self.places = PlaceTable.empty(dimensions)
        self.edges: dict[tuple[int, int], Edge] = {}
        self.frontiers: dict[int, FrontierNode] = {}
        self.next_id = 0

    def new_id(self) -> int:
        """A new node id."""
        self.next_id += 1
        return self.next_id - 1

    def add_place(self, xy: NDArray[np.floating], embedding: NDArray[np.floating], travelled: float) -> int:
        """Add a place (2,) with its unit embedding (D,), without edges and visits; returns its id."""
        place = self.new_id()
        self.places.append(place, xy, embedding, 0, travelled, travelled)
        return place

    def connect(self, a: int, b: int, length: float) -> None:
        """Add or update a travelled edge: keep its shortest length and reset its failures."""
        key = (min(a, b), max(a, b))
        known = self.edges.get(key)
        self.edges[key] = Edge(length if known is None else min(length, known.length))

    def fail(self, a: int, b: int, limit: int) -> bool:
        """Count a failed traversal; drop the edge and return True at the `limit`-th failure in a row."""
        key = (min(a, b), max(a, b))
        edge = self.edges.get(key)
        if edge is None:
            return False
        edge.failures += 1
        if edge.failures < limit:
            return False
        del self.edges[key]
        return True

    def neighbours(self, place: int) -> dict[int, float]:
        """Lengths of a place's edges, by the neighbour."""
        return {a + b - place: edge.length for (a, b), edge in self.edges.items() if place in (a, b)}

    def ways(self, place: int) -> NDArray[np.float64]:
        """Lengths (P,) of the shortest paths along edges from a place, inf where there is none."""
        return np.asarray(dijkstra(self._matrix(), directed=False, indices=self.places.row(place)))

    def path(self, start: int, end: int) -> list[int]:
        """Places on the shortest path between two places, both included; empty if there is none."""
        first, last = self.places.row(start), self.places.row(end)
        before = dijkstra(self._matrix(), directed=False, indices=last, return_predecessors=True)[1]
        rows = [first]
        while rows[-1] != last:
            if before[rows[-1]] < 0:
                return []
            rows.append(int(before[rows[-1]]))
        return self.places.ids[rows].tolist()

    def merge(self, kept: int, other: int) -> None:
        """Merge two places: one takes over the edges, frontiers and visits of the other."""
        gap = float(np.linalg.norm(self._xy(kept) - self._xy(other)))
        into, row = self.places.row(kept), self.places.row(other)
        self.places.visits[into] += self.places.visits[row]
        self.places.visited_at[into] = max(self.places.visited_at[[into, row]])
        for place, length in self.neighbours(other).items():
            if place != kept:
                self.connect(kept, place, length + gap)
        self._delete(other, kept, gap)

    def contract(self, place: int) -> None:
        """Remove a place and connect its neighbours with each other, so that paths through it remain.

        Its frontiers move to the nearest neighbour; without a neighbour they are removed.
        """
        around = sorted(self.neighbours(place).items(), key=lambda item: (item[1], item[0]))
        for i, (a, to_a) in enumerate(around):
            for b, to_b in around[:i]:
                self.connect(a, b, to_a + to_b)
        self._delete(place, *(around[0] if around else (None, 0.0)))

    def _delete(self, place: int, heir: int | None, gap: float) -> None:
        """Remove a place; its frontiers move to another one, if any, `gap` metres farther away."""
        self.edges = {key: edge for key, edge in self.edges.items() if place not in key}
        for node, frontier in list(self.frontiers.items()):
            if frontier.place != place:
                continue
            if heir is None:
                del self.frontiers[node]
            else:
                frontier.place, frontier.length = heir, frontier.length + gap
        self.places.drop(self.places.row(place))

    def _matrix(self) -> csr_array:
        count = len(self.places)
        ends = np.array(list(self.edges), dtype=np.int64).reshape(-1, 2)
        rows = np.searchsorted(self.places.ids, ends)
        lengths = [edge.length for edge in self.edges.values()]
        return csr_array((np.array(lengths), (rows[:, 0], rows[:, 1])), shape=(count, count))

    def _xy(self, place: int) -> NDArray[np.float64]:
        return self.places.xy[self.places.row(place)]
