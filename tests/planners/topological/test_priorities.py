"""Each priority answers when it should and is silent when it should not; the first that answers wins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT, TURN_RAD
from robonav.planners.topological.priorities import (
    PRIORITIES,
    WITHOUT_GUARD,
    HeadingOptions,
    avoid_collision,
    decide,
    explore,
    reach_goal,
    reach_sub_goal,
)

heading = st.floats(-np.pi, np.pi)
maybe = st.none() | heading
AHEAD = (0.0,)


@st.composite
def situations(draw: st.DrawFn) -> HeadingOptions:
    yaw = draw(heading)
    turns = draw(st.lists(st.integers(-12, 11), max_size=12))
    return HeadingOptions(
        yaw=yaw,
        shut=tuple(yaw + turn * TURN_RAD for turn in turns),
        blocked=tuple(draw(st.lists(heading, max_size=3))),
        to_sub_goal=draw(maybe),
        to_goal=draw(maybe),
        to_unknown=draw(maybe),
    )


def test_the_guard_turns_aside_only_when_the_next_move_would_hit():
    assert avoid_collision(HeadingOptions(yaw=0.0, shut=AHEAD, to_sub_goal=0.0)) in (LEFT, RIGHT)
    assert avoid_collision(HeadingOptions(yaw=0.0, to_sub_goal=0.0)) is None
    assert avoid_collision(HeadingOptions(yaw=0.0, shut=AHEAD, to_sub_goal=1.0)) is None  # it turns anyway
    assert avoid_collision(HeadingOptions(yaw=0.0, shut=AHEAD)) is None  # it wants nowhere


def test_the_guard_turns_to_the_side_that_is_open():
    left_is_shut = HeadingOptions(yaw=0.0, shut=AHEAD, blocked=(TURN_RAD,), to_goal=0.0)
    right_is_shut = HeadingOptions(yaw=0.0, shut=(*AHEAD, -TURN_RAD), to_goal=0.0)
    assert (avoid_collision(left_is_shut), avoid_collision(right_is_shut)) == (RIGHT, LEFT)


def test_the_guard_does_not_turn_to_and_fro_before_a_wall():
    """It goes straight to the nearest heading that is open, however far off that is."""
    yaw, turns = 0.0, []
    wall = tuple(k * TURN_RAD for k in range(-6, 6))
    while (action := decide(HeadingOptions(yaw=yaw, shut=wall, to_sub_goal=0.0), PRIORITIES)[0]) != FORWARD:
        turns.append(action)
        yaw += TURN_RAD if action == LEFT else -TURN_RAD
        assert len(turns) < 24
    assert turns == [LEFT] * 6


@given(situations())
def test_with_the_guard_no_robot_walks_into_what_its_map_shows(situation):
    action, _ = decide(situation, PRIORITIES)
    if action == FORWARD and situation.wanted is not None:
        assert not np.isclose(situation.shut, situation.yaw).any()


@given(situations())
def test_the_first_priority_that_answers_wins_and_each_looks_at_its_own_heading(situation):
    action, priority = decide(situation, PRIORITIES)
    answers = [rule(situation) for rule in PRIORITIES]
    first = next(k for k, answer in enumerate(answers) if answer is not None)
    assert (action, priority) == (answers[first], PRIORITIES[first])
    assert (reach_sub_goal(situation) is None) == (situation.to_sub_goal is None)
    assert (reach_goal(situation) is None) == (situation.to_goal is None)
    if priority is reach_goal:
        assert situation.to_sub_goal is None
    if priority is explore:
        assert situation.to_sub_goal is situation.to_goal is None


@pytest.mark.parametrize(
    ("to", "action"), [(0.0, FORWARD), (1.0, LEFT), (-1.0, RIGHT), (0.1, FORWARD), (np.pi - 0.3, LEFT)]
)
def test_a_heading_is_followed_in_turns_of_15_degrees(to, action):
    assert reach_sub_goal(HeadingOptions(yaw=0.0, to_sub_goal=to)) == action
    assert reach_goal(HeadingOptions(yaw=0.0, to_goal=to)) == action
    assert explore(HeadingOptions(yaw=0.0, to_unknown=to)) == action


def test_who_knows_no_way_looks_around():
    assert decide(HeadingOptions(yaw=0.0, shut=AHEAD), PRIORITIES) == (RIGHT, explore)


def test_the_guard_can_be_left_out():
    ahead = HeadingOptions(yaw=0.0, shut=AHEAD, to_sub_goal=0.0)
    assert decide(ahead, WITHOUT_GUARD) == (FORWARD, reach_sub_goal)
    assert decide(ahead, PRIORITIES)[1] is avoid_collision


def test_a_list_in_which_nobody_answers_is_refused():
    with pytest.raises(ValueError, match="let the last one be `explore`"):
        decide(HeadingOptions(yaw=0.0), (reach_goal,))
