"""Loop closure where poses drift, by appearance and by a bound on the drift."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robonav.maps.topology.graph import PlaceTable

Look = Callable[[], NDArray[np.float32]]
_PRIOR = 0.05  # similarity that a place at the border of its gate loses, because uniform corridors look alike


@dataclass(frozen=True)
class LoopClosure:
    """A place that matches the view at a point of the path.

    Attributes:
        place: Its id.
        score: Similarity of the views.
        offset: (2,) metres from the robot's estimated position to the place.
        at: Metres travelled there.
    """

    place: int
    score: float
    offset: NDArray[np.float64]
    at: float


class LoopCloser:
    """Detects loops at known places, and distributes the error over the loop.

    A place is a candidate if it is no farther away than poses may drift on the shortest known path to it.
    A loop is closed at the most similar view, once the similarity begins to fall.

    Args:
        drift: Metres of error per metre.
        reach_m: Error that is possible after any path length.
        same_view: Least cosine similarity of a view to that of a place.

    Attributes:
        correction: (2,) metres to add to observed positions.
    """

    def __init__(self, drift: float, reach_m: float, same_view: float) -> None:
        self._drift, self._reach_m, self._same_view = drift, reach_m, same_view
        self.correction = np.zeros(2)
        self._best: LoopClosure | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether a place was recognised and its similarity still rises."""
        return self._best is not None

    def look(
        self,
        places: PlaceTable,
        xy: NDArray[np.float64],
        view: Look,
        distances: NDArray[np.float64],
        ways: NDArray[np.float64],
        gone: float,
        at: float,
    ) -> LoopClosure | None:
        """The loop closure that is complete now, or None.

        Args:
            places: The places.
            xy: (2,) corrected position.
            view: Returns the unit embedding (D,); called only if a place is near enough.
            distances: (P,) metres to the places in a straight line.
            ways: (P,) metres along the graph from the place that was entered last, 0 for that one.
            gone: Metres travelled since then.
            at: Metres travelled.
        """
        gates = np.maximum(self._reach_m, self._drift * np.where(ways < np.inf, ways + gone, 0.0))
        rows = np.flatnonzero((distances < gates) & (ways > 0))
        share = distances[rows] / gates[rows]
        similarities = places.embeddings[rows] @ view() if len(rows) else np.zeros(0)
        scores = np.where(similarities >= self._same_view, similarities - _PRIOR * share**2, -np.inf)
        before, best = self._best, scores.max(initial=-np.inf)
        self._best = None
        if best > (before.score if before else -np.inf):
            row = rows[np.argmax(scores)]
            self._best = LoopClosure(int(places.ids[row]), float(best), places.xy[row] - xy, at)
            return None
        return before

    def bend(self, places: PlaceTable, closure: LoopClosure) -> None:
        """Distribute the error evenly over the path since the place was left."""
        begun = places.visited_at[places.row(closure.place)]
        share = np.clip((places.created_at - begun) / max(closure.at - begun, 1e-9), 0.0, 1.0)
        places.xy += share[:, None] * closure.offset
        self.correction = self.correction + closure.offset
