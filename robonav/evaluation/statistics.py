"""Means with bootstrap intervals, and paired differences between two runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000


@dataclass(frozen=True)
class Estimate:
    """A mean over episodes with its confidence interval.

    Attributes:
        mean: Mean of the values.
        low: Lower end of the confidence interval of the mean.
        high: Upper end.
        count: Number of episodes.
    """

    mean: float
    low: float
    high: float
    count: int

    def as_dict(self) -> dict[str, float]:
        """The four numbers, rounded to 4 decimals, ready for JSON."""
        return {key: round(value, 4) for key, value in asdict(self).items()}


def bootstrap_mean(
    values: Sequence[float] | NDArray[np.floating], confidence: float = 0.95, seed: int = 0
) -> Estimate:
    """Mean and percentile-bootstrap interval (Efron 1979; 10,000 resamples, fixed seed).

    Raises:
        ValueError: There is no value.
    """
    sample = np.asarray(values, dtype=np.float64)
    if not sample.size:
        raise ValueError("no value to average: the run has no finished episode")
    picks = np.random.default_rng(seed).integers(len(sample), size=(RESAMPLES, len(sample)))
    tail = (1 - confidence) / 2
    low, high = np.quantile(sample[picks].mean(axis=1), [tail, 1 - tail])
    return Estimate(float(sample.mean()), float(low), float(high), len(sample))


def paired_difference(
    ours: Mapping[str, float], theirs: Mapping[str, float], confidence: float = 0.95, seed: int = 0
) -> Estimate:
    """Mean of `ours - theirs` over the episode ids that both have, with its bootstrap interval.

    Pairing removes the spread between easy and hard houses, which is most of the variance.

    Args:
        ours: Value by episode id.
        theirs: Value by episode id; other ids are left out.
        confidence: Coverage of the interval.
        seed: Seed of the resampling.

    Raises:
        ValueError: If the two runs share no episode.
    """
    shared = sorted(ours.keys() & theirs.keys())
    if not shared:
        raise ValueError("the two runs share no episode id: evaluate both on the same --scenes and --seed")
    return bootstrap_mean([ours[key] - theirs[key] for key in shared], confidence, seed)
