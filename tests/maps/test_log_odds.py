"""Log-odds maps against a dictionary, and the cells of beams against fine sampling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robonav.maps.log_odds import Beams, LogOddsMap, agent_of, beam_cells, entropy

CELL = 0.5


@given(st.lists(st.dictionaries(st.integers(0, 30), st.floats(-5, 5), max_size=12), max_size=8))
def test_a_map_is_a_dictionary(writes: list[dict[int, float]]) -> None:
    held, oracle = LogOddsMap(), dict[int, float]()
    for write in writes:
        keys = np.array(list(write), np.int64) << 40
        held.put(keys, np.array(list(write.values()), float))
        oracle |= write
    places = np.arange(31)
    assert held.at(places << 40).tolist() == [oracle.get(place, 0.0) for place in places]
    held.forget(agent_of(np.arange(4) << 40))
    assert not held.at(np.arange(4) << 40).any()


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_beams_free_the_cells_that_they_pass_before_the_cell_where_they_end(seed: int) -> None:
    rng = np.random.default_rng(seed)
    origin, angle = rng.uniform(-4, 4, (3, 2)), rng.uniform(-4, 4, (3, 5))
    beams = Beams(
        origin,
        np.stack([np.cos(angle), np.sin(angle)], -1),
        rng.uniform(0, 4, (3, 5)),
        rng.random((3, 5)) < 0.6,
    )
    free, hit = beam_cells(beams, CELL)
    assert len(np.intersect1d(free, hit)) == 0
    assert len(np.unique(free)) == len(free)
    for agent in range(3):
        passed, ended = set(), set()
        for unit, length, stops in zip(beams.unit[agent], beams.length[agent], beams.hit[agent], strict=True):
            points = origin[agent] + np.linspace(0, length, 2000)[:, None] * unit
            passed |= {tuple(cell) for cell in np.floor(points / CELL).astype(int)}
            if stops:
                ended.add(tuple(np.floor((origin[agent] + length * unit) / CELL).astype(int)))
        assert int((agent_of(hit) == agent).sum()) == len(ended)
        ours = int((agent_of(free) == agent).sum())
        # samples half a cell apart may miss the corner of a cell
        assert 0.6 * len(passed - ended) - 5 <= ours <= len(passed - ended)


def test_entropy_is_that_of_a_coin_and_stays_finite() -> None:
    assert entropy(np.zeros(1)) == pytest.approx(1.0)
    assert entropy(np.log(np.array([0.9 / 0.1, 0.1 / 0.9]))) == pytest.approx(0.4689956, abs=1e-6)
    assert entropy(np.array([800.0, -800.0])) == pytest.approx(0.0)


def test_a_position_off_the_map_is_a_sentence() -> None:
    far = Beams(np.full((1, 2), 1e9), np.ones((1, 1, 2)), np.ones((1, 1)), np.ones((1, 1), bool))
    with pytest.raises(ValueError, match="from the origin"):
        beam_cells(far, CELL)
