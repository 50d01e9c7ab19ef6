"""Intervals agree with scipy and with closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from robonav.evaluation.statistics import bootstrap_mean, paired_difference


def test_the_interval_equals_scipys_percentile_bootstrap() -> None:
    values = np.random.default_rng(3).gamma(2, 10, 60)
    found = bootstrap_mean(values)
    scipys = stats.bootstrap((values,), np.mean, n_resamples=10_000, method="percentile", rng=7)
    low, high = scipys.confidence_interval
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.15)


def test_the_interval_of_many_values_is_the_normal_one() -> None:
    values = np.random.default_rng(0).normal(50, 12, 400)
    found, half = bootstrap_mean(values), 1.96 * values.std(ddof=1) / np.sqrt(400)
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1)


def test_the_same_values_always_give_the_same_interval() -> None:
    assert bootstrap_mean([1.0, 5.0, 2.0]) == bootstrap_mean([1.0, 5.0, 2.0])


def test_equal_values_leave_no_doubt() -> None:
    found = bootstrap_mean([7.0] * 5)
    assert (found.mean, found.low, found.high, found.count) == (7.0, 7.0, 7.0, 5)


def test_pairing_removes_the_spread_between_houses() -> None:
    rng = np.random.default_rng(1)
    houses = rng.uniform(10, 90, 50)
    theirs = {f"house {i}": float(v) for i, v in enumerate(houses)}
    ours = {name: value + 5 + float(rng.normal(0, 0.5)) for name, value in theirs.items()}
    found = paired_difference({**ours, "only ours": 100.0}, theirs)
    assert found.count == 50
    assert 4.7 < found.low < found.mean < found.high < 5.3


def test_runs_without_a_common_episode_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="share no episode id"):
        paired_difference({"a": 1.0}, {"b": 1.0})
    with pytest.raises(ValueError, match="no finished episode"):
        bootstrap_mean([])
