"""Occupancy as log-odds per cell, for any number of agents, and its Shannon entropy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.int64]
Odds = NDArray[np.float64]

_BITS = 21  # of each index: a million cells to each side of the origin
_HALF = 1 << (_BITS - 1)


@dataclass(frozen=True)
class Beams:
    """Planar beams of N agents, R each: free space, and obstacles at their ends.

    Attributes:
        origin: (N, 2) metres.
        unit: (N, R, 2) directions of length 1, world frame.
        length: (N, R) metres that are free; 0 where nothing is known.
        hit: (N, R) bool, whether an obstacle stands at the end.
    """

    origin: NDArray[np.floating]
    unit: NDArray[np.floating]
    length: NDArray[np.floating]
    hit: NDArray[np.bool_]


def entropy(log_odds: Odds) -> Odds:
    """Shannon entropy in bits of cells that are occupied with these log-odds (Thrun et al. 2005)."""
    p = 1.0 / (1.0 + np.exp(-np.abs(log_odds)))
    q = np.maximum(1.0 - p, np.finfo(float).tiny)
    return -p * np.log2(p) - q * np.log2(q)


def beam_cells(beams: Beams, cell_size: float) -> tuple[Keys, Keys]:
    """Different keys of the free cells that beams pass, and of the cells where they end at an obstacle.

    A cell in which a beam of the agent ends is not free, whatever else passes it. Beams are sampled twice a
    cell, so a cell of which one only cuts the corner may be left out.
    """
    longest = float(beams.length.max(initial=0.0))
    steps = np.arange(0.0, longest, 0.5 * cell_size)
    agent, ray, step = np.nonzero(steps < beams.length[..., None] - 0.5 * cell_size * beams.hit[..., None])
    free = _keys(agent, beams.origin[agent] + beams.unit[agent, ray] * steps[step][:, None], cell_size)
    agent, ray = np.nonzero(beams.hit)
    ends = beams.origin[agent] + beams.unit[agent, ray] * beams.length[agent, ray][:, None]
    hit = np.unique(_keys(agent, ends, cell_size))
    return np.setdiff1d(free, hit), hit


def agent_of(keys: Keys) -> NDArray[np.int64]:
    """The agent whose cells these are."""
    return keys >> (2 * _BITS)


def _keys(agent: NDArray[np.integer], points: NDArray[np.floating], cell_size: float) -> Keys:
    """One number for agent and cell, of world positions (K, 2)."""
    cells = np.floor(points / cell_size).astype(np.int64)
    if len(cells) and np.abs(cells).max() >= _HALF:
        far = np.abs(points).max()
        raise ValueError(f"a position is {far:.0f} m from the origin, beyond {_HALF} cells of {cell_size} m")
    x, y = (cells + _HALF).T
    return (agent.astype(np.int64) << (2 * _BITS)) | (x << _BITS) | y


class LogOddsMap:
    """Log-odds of the cells that agents have seen; all others are 0, which is a probability of one half.

    Attributes:
        keys: (K,) of the cells, ascending.
        log_odds: (K,) theirs.
    """

    def __init__(self) -> None:
        self.keys: Keys = np.zeros(0, np.int64)
        self.log_odds: Odds = np.zeros(0)

    def at(self, keys: Keys) -> Odds:
        """Log-odds of cells."""
        place = np.searchsorted(self.keys, keys)
        known = place < len(self.keys)
        known[known] = self.keys[place[known]] == keys[known]
        found = np.zeros(len(keys))
        found[known] = self.log_odds[place[known]]
        return found

    def put(self, keys: Keys, log_odds: Odds) -> None:
        """Set the log-odds of different cells."""
        kept = ~np.isin(self.keys, keys, assume_unique=True)
        both = np.concatenate([self.keys[kept], keys])
        order = np.argsort(both)
        self.keys = both[order]
        self.log_odds = np.concatenate([self.log_odds[kept], log_odds])[order]

    def forget(self, agents: NDArray[np.integer]) -> None:
        """Leave out the cells of these agents."""
        kept = ~np.isin(agent_of(self.keys), agents)
        self.keys, self.log_odds = self.keys[kept], self.log_odds[kept]
