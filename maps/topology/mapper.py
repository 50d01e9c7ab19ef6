"""Topological maps that grow with a robot's path: places, edges, frontiers (TopoNav-style)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from robonav.maps.topology.graph import FrontierNode, PlaceGraph
from robonav.maps.topology.loop_closure import Look, LoopCloser, LoopClosure

NO_PLACE = -1
SAMPLE_M = 0.1  # the way that was gone is looked at in such pieces, however long the robot's steps are
_ROUNDING_M = 1e-6


@dataclass(frozen=True)
class TopologyConfig:
    """Thresholds for creating and merging places; the paper gives none of these numbers."""

    spacing_m: float = 2.0
    """Distance from all places beyond which a new one is made."""
    novel_spacing_m: float = 1.0
    """Distance from all places beyond which a novel view makes a new place."""
    novelty: float = 0.3
    """Cosine distance to the embeddings of all places in view from which on a view is novel."""
    view_m: float = 5.0
    """Places within so many metres are compared with the view."""
    reach_m: float = 0.5
    """Distance at which a place or sub-goal is reached; at most half of `novel_spacing_m`."""
    max_failures: int = 3
    """Failed traversals in a row after which an edge is dropped."""
    max_places: int = 1000
    """Beyond it the least visited place is contracted."""
    frontier_match_m: float = 1.0
    """A frontier cluster that moved by less is still the same node."""
    drift: float = 0.0
    """Metres of error per metre gone that loop closure allows for; 0 = poses are true."""
    same_view: float = 0.9
    """Cosine similarity from which on two views may be of the same place."""

    def __post_init__(self) -> None:
        """Check that the radii do not overlap."""
        if not 0 < 2 * self.reach_m <= self.novel_spacing_m <= self.spacing_m:
            raise ValueError(
                f"reach_m {self.reach_m}, novel_spacing_m {self.novel_spacing_m}, "
                f"spacing_m {self.spacing_m}: "
                "expected 0 < 2 reach_m <= novel_spacing_m <= spacing_m, or a robot could be at two places"
            )


@dataclass(frozen=True, eq=False)
class Candidates:
    """Nodes that could be a sub-goal.

    Attributes:
        ids: (K,) int64 ids of places and frontiers.
        xy: (K, 2) metres, in the frame of the graph.
        visits: (K,) int64, entries into a place, or times that a frontier was a sub-goal.
        distance: (K,) metres along the graph, inf where no path is known.
        is_frontier: (K,) bool.
    """

    ids: NDArray[np.int64]
    xy: NDArray[np.float64]
    visits: NDArray[np.int64]
    distance: NDArray[np.float64]
    is_frontier: NDArray[np.bool_]


@dataclass
class _LastVisit:
    """The last visit of a place; `middle_at` is the distance travelled at its middle."""

    place: int
    middle_at: float


class PlaceMapper:
    """Builds the graph of one environment.

    The path is sampled every 10 cm, with embeddings interpolated between observations, so the graph does not
    depend on the length of the robot's steps; turning on the spot adds nothing.

    Args:
        dimensions: Of the embeddings.
        config: Thresholds.

    Attributes:
        graph: The graph.
        travelled: Distance travelled, metres.
        here: Id of the place that was entered last.
    """

    def __init__(self, dimensions: int, config: TopologyConfig) -> None:
        self.config, self.graph = config, PlaceGraph(dimensions)
        self.travelled, self._samples = 0.0, 0
        self._last: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        self._here, self._inside = _LastVisit(NO_PLACE, 0.0), NO_PLACE
        self._known_ways: NDArray[np.float64] | None = None  # from `here` to all places
        self._loops = LoopCloser(config.drift, config.reach_m, config.same_view)

    @property
    def here(self) -> int:
        """Id of the place that was entered last."""
        return self._here.place

    @property
    def xy(self) -> NDArray[np.float64]:
        """Position (2,) in the frame of the graph: observed, plus the correction of loop closures."""
        assert self._last is not None, "observe() first"
        return self._last[0] + self._loops.correction

    def observe(self, xy: NDArray[np.floating], embedding: NDArray[np.floating]) -> None:
        """Move to a position (2,), metres, with the unit embedding (D,) of its view."""
        if not (np.isfinite(xy).all() and np.isfinite(embedding).all()):
            raise ValueError(f"position {xy} or its embedding is not finite: leave frames without a pose out")
        end, view = np.asarray(xy, np.float64), np.asarray(embedding, np.float64)
        start, before = self._last or (end, view)
        length = float(np.linalg.norm(end - start))
        while self._samples * SAMPLE_M <= self.travelled + length + _ROUNDING_M:
            at = self._samples * SAMPLE_M
            share = min((at - self.travelled) / length, 1.0) if length else 1.0
            self._sample(start + share * (end - start), partial(_between, before, view, share), at)
            self._samples += 1
        self.travelled += length
        self._last = (end, view)

    def see_frontiers(self, centres: NDArray[np.floating], sizes: NDArray[np.integer]) -> None:
        """Replace the frontiers by the current clusters; clusters that hardly moved keep their id.

        Args:
            centres: (K, 2) positions in the frame of the observed poses, metres.
            sizes: (K,) number of cells.
        """
        centres = np.asarray(centres, np.float64).reshape(-1, 2) + self._loops.correction
        known = list(self.graph.frontiers.items())
        before = np.array([node.xy for _, node in known]).reshape(-1, 2)
        gaps = np.linalg.norm(before[:, None] - centres[None], axis=-1)
        pairs = zip(*linear_sum_assignment(np.minimum(gaps, self.config.frontier_match_m)), strict=True)
        same = {int(k): known[i] for i, k in pairs if gaps[i, k] < self.config.frontier_match_m}
        self.graph.frontiers = {}
        for k, (centre, size) in enumerate(zip(centres, sizes, strict=True)):
            node_id, node = same[k] if k in same else (self.graph.new_id(), None)
            if node is None or not np.array_equal(node.xy, centre):  # it changed, so it was seen from here
                length = self._since_here() + float(np.linalg.norm(centre - self.xy))
                node = FrontierNode(centre, int(size), self.here, length, node.tries if node else 0)
            node.size = int(size)
            self.graph.frontiers[node_id] = node

    def candidates(self) -> Candidates:
        """All nodes that could be a sub-goal, places first."""
        places, frontiers = self.graph.places, self.graph.frontiers
        ways = self._ways()
        rows = [places.row(node.place) for node in frontiers.values()]
        on_from_there = np.array([node.length for node in frontiers.values()])
        counts = [len(places), len(frontiers)]
        return Candidates(
            ids=np.concatenate([places.ids, np.array(list(frontiers), np.int64)]),
            xy=np.concatenate([places.xy, np.array([n.xy for n in frontiers.values()]).reshape(-1, 2)]),
            visits=np.concatenate([places.visits, np.array([n.tries for n in frontiers.values()], np.int64)]),
            distance=self._since_here() + np.concatenate([ways, ways[rows] + on_from_there]),
            is_frontier=np.repeat([False, True], counts),
        )

    def failed(self, node: int) -> None:
        """Report that the robot did not reach a node: the first edge of its path failed."""
        frontier = self.graph.frontiers.get(node)
        target = frontier.place if frontier else node
        path = self.graph.path(self.here, target) if target in self.graph.places.ids else []
        if len(path) > 1 and self.graph.fail(path[0], path[1], self.config.max_failures):
            self._known_ways = None

    def _since_here(self) -> float:
        return self.travelled - self._here.middle_at

    def _sample(self, xy: NDArray[np.float64], look: Look, at: float) -> None:
        """Process one point of the path: close a loop, create a place, or visit one."""
        xy = xy + self._loops.correction
        places = self.graph.places
        offsets = places.xy - xy
        distances = np.sqrt(np.einsum("pc,pc->p", offsets, offsets))
        nearest = int(distances.argmin()) if len(distances) else None
        closure = self._closure(xy, look, distances, at) if self.config.drift else None
        if closure is not None:
            self._close(closure)
        elif self._loops.is_waiting:
            return
        elif nearest is None or self._is_new(look, distances, distances[nearest]):
            self._arrive(self.graph.add_place(xy, look(), at), 0.0, at)
            self._prune()
        elif not self.config.drift and distances[nearest] <= self.config.reach_m:
            self._arrive(int(places.ids[nearest]), float(distances[nearest]), at)
        else:
            self._inside = NO_PLACE

    def _ways(self) -> NDArray[np.float64]:
        """Metres (P,) along the graph from the place that was entered last to all places."""
        if self._known_ways is None:
            self._known_ways = self.graph.ways(self.here)
        return self._known_ways

    def _closure(
        self, xy: NDArray[np.float64], look: Look, distances: NDArray[np.float64], at: float
    ) -> LoopClosure | None:
        if self.here == NO_PLACE:
            return None
        gone = at - self._here.middle_at
        return self._loops.look(self.graph.places, xy, look, distances, self._ways(), gone, at)

    def _is_new(self, look: Look, distances: NDArray[np.float64], nearest: float) -> bool:
        if nearest >= self.config.spacing_m - _ROUNDING_M:
            return True
        if nearest < self.config.novel_spacing_m - _ROUNDING_M:
            return False
        in_view = self.graph.places.embeddings[distances <= self.config.view_m]
        return bool((in_view @ look()).max() < 1.0 - self.config.novelty)

    def _arrive(self, place: int, distance: float, at: float) -> None:
        """Visit a place within reach; coming from another one, connect the two by an edge.

        Lengths are measured from middle to middle, with a straight rest.
        """
        row = self.graph.places.row(place)
        if place != self._inside:
            self.graph.places.visits[row] += 1
        if place != self.here:
            if self.here != NO_PLACE:
                self.graph.connect(self.here, place, at + distance - self._here.middle_at)
            self._known_ways = None
        self._here, self._inside = _LastVisit(place, at - distance), place
        self.graph.places.visited_at[row] = at

    def _close(self, closure: LoopClosure) -> None:
        """Correct the loop so that it ends where it began, and merge places that are now too near."""
        places = self.graph.places
        self._loops.bend(places, closure)
        self._arrive(closure.place, 0.0, closure.at)
        close = cKDTree(places.xy).query_pairs(self.config.novel_spacing_m - _ROUNDING_M)
        for kept, other in sorted(tuple(places.ids[sorted(pair)].tolist()) for pair in close):
            if kept in places.ids and other in places.ids:  # neither is a part of a third one by now
                self.graph.merge(kept, other)
                if self.here == other:
                    self._here.place = self._inside = kept
        self._known_ways = None

    def _prune(self) -> None:
        """Contract the least and longest ago visited place, if there are too many."""
        places = self.graph.places
        if len(places) > self.config.max_places:
            order = np.lexsort([places.visited_at, places.visits])
            self.graph.contract(next(int(places.ids[k]) for k in order if places.ids[k] != self.here))
            self._known_ways = None


def _between(before: NDArray[np.float64], after: NDArray[np.float64], share: float) -> NDArray[np.float32]:
    """The unit embedding (D,) interpolated between two others."""
    mixed = before + share * (after - before)
    return (mixed / max(float(np.linalg.norm(mixed)), 1e-12)).astype(np.float32)


class TopologicalMap:
    """Graphs of N environments.

    Args:
        num_envs: N.
        dimensions: Of the embeddings.
        config: Thresholds.

    Attributes:
        mappers: One an environment; its `graph` is what it knows.
    """

    def __init__(self, num_envs: int, dimensions: int, config: TopologyConfig | None = None) -> None:
        self._dimensions, self.config = dimensions, config or TopologyConfig()
        self.mappers = [PlaceMapper(dimensions, self.config) for _ in range(num_envs)]

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Empty the graphs of these environments (default: all)."""
        for env in range(len(self.mappers)) if env_ids is None else env_ids:
            self.mappers[env] = PlaceMapper(self._dimensions, self.config)

    def observe(self, xy: NDArray[np.floating], embeddings: NDArray[np.floating]) -> None:
        """Move to positions (N, 2), metres, with unit embeddings (N, D) of the views there."""
        for mapper, position, embedding in zip(self.mappers, xy, embeddings, strict=True):
            mapper.observe(position, embedding)
