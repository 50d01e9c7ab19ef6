"""The checks of rewards find what is known of exact counts, and what is wrong with broken ones."""

from __future__ import annotations

import numpy as np
import pytest

from robonav.rewards.checks.calibration import calibration, fit
from robonav.rewards.checks.finding import QUICK, Effort
from robonav.rewards.checks.noise import noise, shares_of
from robonav.rewards.checks.televisions import SIDE, TELEVISIONS, WHITE
from tests.rewards.counted import CountedConfig

SHORT = Effort(visits=64, watched_steps=500, timed_steps=16, enough=True)


@pytest.mark.parametrize("power", [-1.0, -0.5])
def test_calibration_measures_the_slope_of_exact_counts(power: float) -> None:
    found = calibration(CountedConfig(power), QUICK)
    assert found.measured["slope"] == pytest.approx(power, abs=0.01)
    assert found.measured["r2"] == pytest.approx(1.0, abs=0.01)
    assert found.passed is None  # nothing is expected of a reward that is not ours


def test_calibration_has_a_bar_for_those_that_promise_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CountedConfig, "name", "rdd")  # of which -1 is expected
    assert calibration(CountedConfig(-1.0), SHORT).passed is True
    assert calibration(CountedConfig(-0.5), SHORT).passed is False
    assert calibration(CountedConfig(-0.5), QUICK).passed is None


def test_a_bonus_that_does_not_change_has_no_slope() -> None:
    assert fit(np.array([1, 2, 4]), np.ones(3)) == (0.0, 0.0)
    assert fit(np.array([1, 2, 4]), np.zeros(3)) == (0.0, 0.0)


def test_counts_see_through_a_wall_and_flicker_and_not_through_noise() -> None:
    shares = noise(CountedConfig(-1.0), SHORT).measured
    assert shares["still_share"] < 0.2
    assert shares["flicker_share"] < 0.3
    assert min(shares[f"{name}_share"] for name in ("iid", "brownian", "crowd")) > 0.7
    assert shares["worst_share"] == max(value for name, value in shares.items() if "still" not in name)


def test_whoever_claims_to_see_through_noise_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CountedConfig, "name", "lpm")
    assert noise(CountedConfig(-1.0), SHORT).passed is False
    assert noise(CountedConfig(-1.0), QUICK).passed is None


def test_a_share_is_of_both_and_of_no_debts() -> None:
    earned = {"iid": 1.0, "still": -2.0, "explorers": 3.0}
    assert shares_of(earned) == {"iid": 0.25, "still": 0.0}
    assert shares_of({**earned, "explorers": 0.0})["iid"] == 1.0


@pytest.mark.parametrize("name", sorted(TELEVISIONS))
def test_televisions_show_what_their_names_say(name: str) -> None:
    screen = TELEVISIONS[name](np.random.default_rng(0))
    shown = np.array([screen.show(pressed=False) for _ in range(50)])
    assert shown.shape == (50, SIDE * SIDE)
    assert (shown.min() >= 0) & (shown.max() <= WHITE)
    different = len(np.unique(shown, axis=0))
    assert different == {"still": 1, "on-demand": 1, "flicker": 2}.get(name, different)
    assert different >= 40 or name in ("still", "on-demand", "flicker")


def test_another_channel_is_shown_on_demand() -> None:
    screen = TELEVISIONS["on-demand"](np.random.default_rng(0))
    assert (screen.show(pressed=False) == screen.show(pressed=False)).all()
    assert (screen.show(pressed=False) != screen.show(pressed=True)).any()
