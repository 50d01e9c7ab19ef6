"""Knowing a place again when poses drift: by its looks, and by how far off poses can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robonav.maps.topology.graph import PlaceTable

Look = Callable[[], NDArray[np.float32]]
_PRIOR = 0.05  # what a place at the border of its gate loses in similarity, lest uniform corridors mislead


@dataclass(frozen=True)
class LoopClosure:
    """A place that looks like what is seen at a point of the way.

    Attributes:
        place: Its id.
        score: How well it fits.
        offset: (2,) metres from where the robot believes to be to where the place is.
        at: Metres travelled there.
    """

    place: int
    score: float
    offset: NDArray[np.float64]
    at: float


class LoopCloser:
    """Finds where a known place is passed, and spreads the error over the loop that ends there.

    A place is a candidate if it is no farther off than poses may drift on the shortest known way to it.
    A loop is closed where the view is most alike, which is known when it begins to be less so.

    Args:
        drift: Metres of error per metre.
        reach_m: Error that is possible after any way.
        same_view: Cosine similarity from which on a view may be that of a place.

    Attributes:
        correction: (2,) metres to be added to observed positions.
    """

    def __init__(self, drift: float, reach_m: float, same_view: float) -> None:
        self._drift, self._reach_m, self._same_view = drift, reach_m, same_view
        self.correction = np.zeros(2)
        self._best: LoopClosure | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether a place was known again and still looks more alike with every step."""
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
        """The closure that is complete now, or None.

        Args:
            places: The places.
            xy: (2,) corrected position.
            view: Gives the unit embedding (D,); it is asked only if a place is near enough.
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
        """Spread the error evenly over the way since the place was left."""
        begun = places.visited_at[places.row(closure.place)]
        share = np.clip((places.created_at - begun) / max(closure.at - begun, 1e-9), 0.0, 1.0)
        places.xy += share[:, None] * closure.offset
        self.correction = self.correction + closure.offset
