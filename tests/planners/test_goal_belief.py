"""Beliefs about where a picture was taken add up on the own map, and are given up where they were wrong."""

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from robonav.files import CheckpointError
from robonav.perception.goal_finder import (
    CELL_M,
    CELLS,
    TURNS,
    Finding,
    GoalFinder,
    GoalFinderConfig,
    cell_centres,
)
from robonav.perception.predictor import PredictorConfig
from robonav.perception.shipped import load_finder, load_predictor
from robonav.planners.goal_belief import GoalBelief, Look, NoGoalBelief
from robonav.planners.own_map import OwnMapConfig, Places

CPU, SPATIAL = torch.device("cpu"), OwnMapConfig()
VISION = PredictorConfig(channels=(4, 4, 4, 4), column=4, squeezed=2)
SMALL = GoalFinderConfig(channels=(4, 4, 4, 4), keys=2, key=3, told=2, compared=(4, 4, 4), hidden=8)
NOTHING = Look(torch.zeros(1, 3, 64, 64), torch.zeros(1, VISION.features))


def places_at(x: float, y: float, heading: int) -> Places:
    empty = torch.zeros(0)
    return Places(empty, empty, torch.tensor([[x, y]]), torch.tensor([heading]), torch.zeros(1))


class Told(GoalFinder):
    """Says what a test wants it to say."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(SMALL, VISION)
        self.finding = finding

    def forward(self, frames, pictures):
        return self.finding


def finding_of(ahead: float, left: float, turn: int, in_view: float = 5.0) -> Finding:
    """A finding that is sure of a relative place and turn."""
    off = (cell_centres() - torch.tensor([ahead, left])).norm(dim=1)
    turns = torch.full((1, TURNS), -20.0)
    turns[0, turn % TURNS] = 20.0
    return Finding(torch.tensor([in_view]), -10.0 * off[None].square(), turns)


def search_that_is_told(finding: Finding, own_map: OwnMapConfig = SPATIAL) -> GoalBelief:
    search = GoalBelief(SMALL, VISION, own_map)
    search.finder = Told(finding)
    return search


def observe(search, beliefs, places, start=False):
    return search.observe(beliefs, NOTHING, NOTHING, places, torch.tensor([start]))


@settings(max_examples=30, deadline=None)
@given(
    x=st.floats(-40, 40),
    y=st.floats(-40, 40),
    heading=st.integers(0, 23),
    ahead=st.floats(-3.5, 3.5),
    left=st.floats(-3.5, 3.5),
    turn=st.integers(0, 23),
    own_map=st.sampled_from([SPATIAL, OwnMapConfig(cell_m=0.11, cells=128)]),
)
def test_what_is_told_from_anywhere_is_entered_where_it_lies_on_the_map(
    x, y, heading, ahead, left, turn, own_map
):
    assume(math.hypot(ahead, left) > 1.0)  # or it was reached at once
    search = search_that_is_told(finding_of(ahead, left, turn), own_map)
    beliefs, places = search.new(1, CPU), places_at(x, y, heading)
    observe(search, beliefs, places, start=True)
    sought = search._believed(beliefs)
    angle = heading * 2 * math.pi / TURNS
    wanted_x = x + math.cos(angle) * ahead - math.sin(angle) * left
    wanted_y = y + math.sin(angle) * ahead + math.cos(angle) * left
    period = own_map.cells * own_map.cell_m
    for found, wanted in zip(sought.pose[0, :2].tolist(), (wanted_x, wanted_y), strict=True):
        off = (found - wanted) - period * round((found - wanted) / period)
        assert abs(off) < 0.8 * CELL_M
    assert int(sought.pose[0, 2]) == (heading + turn) % TURNS


def test_a_place_is_sought_once_enough_frames_have_said_so_and_none_if_they_show_nothing_of_it():
    doubtful = [False, False, False, True, True]  # 0.07 votes a frame, of which a quarter is enough
    for in_view, expected in ((5.0, [True] * 5), (0.0, doubtful), (-5.0, [False] * 5)):
        search = search_that_is_told(finding_of(2.0, 0.0, 0, in_view))
        beliefs = search.new(1, CPU)
        found = [bool(observe(search, beliefs, places_at(0, 0, 0), start=t == 0).known) for t in range(5)]
        assert found == expected


def test_who_arrives_and_goes_on_looks_elsewhere_and_a_new_episode_believes_nothing():
    search = search_that_is_told(finding_of(2.0, 0.0, 6))
    beliefs = search.new(1, CPU)
    for t in range(4):
        sought = observe(search, beliefs, places_at(0, 0, 0), start=t == 0)
    assert bool(sought.known)
    search.finder.finding = finding_of(2.0, 0.0, 6, in_view=-9.0)
    assert bool(observe(search, beliefs, places_at(2.1, 0.1, 0)).known), (
        "it does not look as the picture does"
    )
    observe(search, beliefs, places_at(2.1, 0.1, 6))
    assert not bool(observe(search, beliefs, places_at(2.1, 0.1, 6)).known)
    search.finder.finding = finding_of(0.0, 2.0, 6)
    observe(search, beliefs, places_at(0, 0, 0))
    assert bool(observe(search, beliefs, places_at(0, 0, 0)).known), "another place may still be it"
    search.finder.finding = finding_of(0.0, 2.0, 6, in_view=-9.0)
    assert not bool(observe(search, beliefs, places_at(0, 0, 0), start=True).known)


def test_a_place_that_is_not_reached_is_given_up_in_the_end():
    search = search_that_is_told(finding_of(2.0, 0.0, 0))
    beliefs = search.new(1, CPU)
    for t in range(4):
        observe(search, beliefs, places_at(0, 0, 0), start=t == 0)
    search.finder.finding = finding_of(2.0, 0.0, 0, in_view=-9.0)
    known = [bool(observe(search, beliefs, places_at(0, 0, 0)).known) for _ in range(150)]
    assert known[40]
    assert not known[-1]


def test_a_copy_of_beliefs_does_not_share_and_without_a_finder_nothing_is_sought():
    search = search_that_is_told(finding_of(2.0, 0.0, 0))
    beliefs = search.new(1, CPU)
    copy = beliefs.copy()
    observe(search, beliefs, places_at(0, 0, 0), start=True)
    assert float(beliefs.votes.sum()) > 0.5
    assert float(copy.votes.abs().sum()) == float(copy.turns.abs().sum()) == 0.0
    none = NoGoalBelief()
    assert not bool(observe(none, none.new(1, CPU), places_at(0, 0, 0)).known)


def test_columns_do_not_depend_on_the_rest_of_the_batch_nor_on_the_size_of_the_image():
    torch.manual_seed(0)
    finder = GoalFinder(SMALL, VISION).eval()
    rgb, features = torch.randint(0, 256, (3, 3, 64, 64)), torch.randn(3, VISION.features)
    columns = finder.columns(rgb, features)
    assert columns.shape == (3, 16, SMALL.column)
    torch.testing.assert_close(finder.columns(rgb[1:2], features[1:2]), columns[1:2])
    large = rgb.repeat_interleave(2, dim=-1).repeat_interleave(2, dim=-2)
    torch.testing.assert_close(finder.columns(large, features), columns, atol=1e-5, rtol=1e-4)
    finding = finder(columns, columns.flip(0))
    assert [tuple(part.shape) for part in finding] == [(3,), (3, CELLS**2), (3, TURNS)]


def test_a_finder_that_is_missing_or_damaged_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="no such finder; give nano"):
        load_finder(str(tmp_path / "none"))
    with pytest.raises(CheckpointError, match=r"the finder that config\.json describes does not fit"):
        load_finder("robonav/perception/predictors/nano")
    assert load_finder().config == GoalFinderConfig()
    assert not load_finder().training
    assert load_predictor().config.squeezed == load_finder().tell.in_features
