"""The planner on the policy's own map: where it would go, by which way, and what it says of the next step."""

import numpy as np
import pytest
import torch
import warp as wp
from hypothesis import given, settings
from hypothesis import strategies as st

from robonav.envs.navigation.steps import FORWARD, FORWARD_M, LEFT, RIGHT, TURN_RAD
from robonav.maps.occupancy import FREE, OCCUPIED, UNKNOWN
from robonav.maps.planning import ShortestPaths
from robonav.planners.goal_belief import GoalEstimate, no_goal_estimate
from robonav.planners.next_best_view import ADVICE, NextBestViewPlanner, NoPlanner, PlannerConfig
from robonav.planners.own_map import OwnMap, OwnMapConfig, Places
from robonav.planners.path_following import PlanningState, turn_steps
from robonav.planners.view_gain_kernel import unseen_along
from robonav.policies.config import SequencePolicyConfig

CPU = torch.device("cpu")
CONFIG = OwnMapConfig(cell_m=0.25, cells=64, scales=(1, 2, 4))
CELLS, CELL_M, MIDDLE = CONFIG.cells, CONFIG.cell_m, CONFIG.cells // 2
MEMORY = OwnMap(CONFIG)
GUIDE = NextBestViewPlanner(PlannerConfig(), MEMORY)
LOOKS = {FREE: 0, UNKNOWN: 128, OCCUPIED: 255}


def places_of(cells, seen):
    """An agent's map of cells (64, 64) of FREE, UNKNOWN, OCCUPIED around it, and whether they were seen."""
    places = MEMORY.new(1, CPU)
    shown = np.zeros((CELLS, 2 * CELLS, 2), np.uint8)
    around = np.roll(np.stack([np.vectorize(LOOKS.get)(cells), 255 * seen], axis=-1), -MIDDLE, axis=(0, 1))
    shown[:, :CELLS] = around
    places.summary.copy_(torch.as_tensor(shown.reshape(-1, 2)))
    places.position[:] = 0.5 * CELL_M  # the middle of cell (0, 0), shown at [MIDDLE, MIDDLE]
    return places


def advise(places, plans, previous_action=0, start=False, sought=None):
    sought = sought or no_goal_estimate(1, CPU)
    return GUIDE.advise(plans, places, torch.tensor([previous_action]), torch.tensor([start]), sought)[0]


def random_cells(seed):
    rng = np.random.default_rng(seed)
    cells = rng.choice([FREE, OCCUPIED, UNKNOWN], (CELLS, CELLS), p=[0.75, 0.15, 0.1])
    cells[[0, -1], :] = cells[:, [0, -1]] = OCCUPIED  # or the torus would have ways that a plane has not
    cells[MIDDLE, MIDDLE] = FREE
    return cells, rng.random((CELLS, CELLS)) < 0.7


def room(width, length):
    """A closed room around the agent, all of it seen, in a map that knows nothing else."""
    cells = np.full((CELLS, CELLS), UNKNOWN)
    low = MIDDLE - width // 2
    cells[MIDDLE - 2 : MIDDLE + length + 1, low - 1 : low + width + 1] = OCCUPIED
    cells[MIDDLE - 1 : MIDDLE + length, low : low + width] = FREE
    return cells, cells != UNKNOWN


def costs_of(cells):
    occupied = np.pad(cells == OCCUPIED, 1)
    beside = occupied[2:, 1:-1] | occupied[:-2, 1:-1] | occupied[1:-1, 2:] | occupied[1:-1, :-2]
    costs = np.where(cells == FREE, np.where(beside, 3.0, 1.0), np.inf)
    costs[MIDDLE, MIDDLE] = 1.0  # it stands there, whatever the map says
    return costs


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_ways_cost_what_dijkstra_says(seed):
    cells, seen = random_cells(seed)
    plans = GUIDE.new(1, CPU)
    advise(places_of(cells, seen), plans, start=True)
    found = plans.cost.numpy().reshape(CELLS, 2 * CELLS)[:, :CELLS] / 10.0
    found = np.roll(np.where(found > 1e6, np.inf, found), MIDDLE, axis=(0, 1))
    true = ShortestPaths(costs_of(cells), np.array([MIDDLE, MIDDLE])).costs
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(true))
    reached = np.isfinite(true)
    np.testing.assert_allclose(found[reached], true[reached], rtol=0.012)  # a diagonal counts 1.4


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_its_candidates_hold_the_best_of_all_views(seed):
    cells, seen = random_cells(seed)
    places, plans = places_of(cells, seen), GUIDE.new(1, CPU)
    advise(places, plans, start=True)
    assert float(plans.promises.max()) == pytest.approx(best_worth(cells, seen), rel=0.02)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), heading=st.integers(0, 23))
def test_a_goal_is_worth_what_its_way_shows_each_cell_once(seed, heading):
    cells, seen = random_cells(seed)
    places, plans = places_of(cells, seen), GUIDE.new(1, CPU)
    places.heading[:] = heading
    advise(places, plans, start=True)
    way = plans.path[0, : int(plans.length)].numpy()
    way = (np.stack([way // (2 * CELLS), way % CELLS], axis=1) + MIDDLE) % CELLS
    passed = way[::-1][::2]  # every half metre, back from the goal
    if not np.array_equal(passed[-1], way[0]):
        passed = np.vstack([passed, way[:1]])
    steps = costs_along(cells, way) + 4.0
    shown, after = np.zeros((CELLS, CELLS), bool), float(plans.goal[0, 1])
    for place, before in zip(passed, [*passed[1:], None], strict=True):
        ahead = float(heading) if before is None else np.arctan2(*(place - before)[::-1]) * 12 / np.pi
        turn = (after - ahead + 12) % 24 - 12
        steps += abs(turn)
        shown |= cells_shown(cells, place, ahead, round(turn))
        after = ahead
    news = shown & ~seen
    area = CELL_M * (
        2.5 * (news & (cells == OCCUPIED)).sum() + 2 * CELL_M * (news & (cells != OCCUPIED)).sum()
    )
    assert float(plans.worth[0]) == pytest.approx(
        area / steps, rel=0.1
    )  # by other rays, and ties when rounding
    assert float(plans.worth[0]) > 0.3 * float(plans.promises.max())


def costs_along(cells, way):
    prices = costs_of(cells)[way[:, 0], way[:, 1]]
    lengths = np.where(np.abs(np.diff(way, axis=0)).sum(axis=1) == 2, 1.4, 1.0)
    return float((lengths * (prices[:-1] + prices[1:]) / 2).sum())


def cells_shown(cells, place, heading, turn):
    """Cells within 4 m of a place that a turn from a heading shows, by rays of our own."""
    shown = np.zeros(cells.shape, bool)
    low, high = min(0, turn), max(0, turn)
    count = 6 * (high - low) + 36
    for angle in np.radians(15 * (heading + low) - 45 + 2.5 * (np.arange(count) + 0.5)):
        for distance in range(1, 17):
            x, y = (place + np.round(distance * np.array([np.cos(angle), np.sin(angle)])).astype(int)) % CELLS
            shown[x, y] = True
            if cells[x, y] == OCCUPIED:
                break
    return shown


def best_worth(cells, seen):
    """By the parts of the planner with true depth, on the same cells, places and rays."""
    ways = ShortestPaths(costs_of(cells), np.array([MIDDLE, MIDDLE])).costs
    reached = np.argwhere(np.isfinite(ways))
    lattice = np.all((reached - MIDDLE) % CELLS % 2 == 0, axis=1)
    spots = np.vstack([[[MIDDLE, MIDDLE]], reached[lattice]]).astype(np.int32)
    gains = gains_of(cells.astype(np.uint8), seen.copy(), spots)
    situation = PlanningState.__new__(PlanningState)
    situation.xy, situation.yaw = np.full(2, 0.5 * CELL_M), 0.0
    turns = turn_steps(situation, (spots - MIDDLE + 0.5) * CELL_M, np.arange(24) * TURN_RAD)
    steps = ways[spots[:, 0], spots[:, 1]][:, None] + turns
    return float(np.where(gains >= 0.1, gains / (steps + 4.0), 0.0).max())


def gains_of(cells, seen, spots):
    """Unseen surface (P, 24) that 90 degrees show, from 48 rays of 4 m around each of the spots (P, 2)."""
    rays = np.zeros((len(spots), 48), np.float32)
    half = np.pi / 48
    types = (wp.uint8, wp.bool, wp.int32)
    inputs = [wp.array(a, dtype=t, device="cpu") for a, t in zip((cells, seen, spots), types, strict=True)]
    out = wp.array(rays, dtype=wp.float32, device="cpu", copy=False)
    wp.launch(
        unseen_along, rays.shape, [*inputs, half, 48, 16, CELL_M, int(OCCUPIED), 2.5, out], device="cpu"
    )
    return np.stack([np.roll(rays, 6 - 2 * h, axis=1)[:, :12].sum(axis=1) for h in range(24)], axis=1)


def test_with_nothing_left_to_see_it_names_no_goal_and_wanders_from_wall_to_wall():
    cells, seen = room(7, 8)
    places, plans = places_of(cells, np.ones_like(seen)), GUIDE.new(1, CPU)
    advice = advise(places, plans, start=True)
    assert advice.tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert plans.goal[0, 0] == -1
    assert advise(places, plans, FORWARD + 1)[FORWARD] == 1
    turns = 0
    while (action := int(advise(places, plans, 0 if turns == 0 else RIGHT + 1)[:3].argmax())) == RIGHT:
        places.heading = (places.heading - 1) % 24
        turns += 1
    assert (turns, action) == (7, FORWARD), "blocked: it turns away, then goes on"


def test_who_follows_it_goes_round_a_corner_and_looks_through_the_door():
    cells, seen = room(7, 12)
    cells[MIDDLE + 5, MIDDLE - 3 : MIDDLE + 2] = OCCUPIED  # a wall across, with a way past its left end
    cells[MIDDLE + 9, MIDDLE - 4] = FREE  # a door to the right, behind that wall
    places, plans = places_of(cells, seen), GUIDE.new(1, CPU)
    executed, start = 0, True
    for _ in range(80):
        action = int(advise(places, plans, executed, start)[:3].argmax())
        executed, start = action + 1, False
        places.heading = (places.heading + int(action == LEFT) - int(action == RIGHT)) % 24
        angle = places.heading.float() * TURN_RAD
        step = torch.stack([angle.cos(), angle.sin()], dim=-1) * FORWARD_M * (action == FORWARD)
        places.position = places.position + step
        here = ((places.position / CELL_M).floor().long() + MIDDLE)[0]
        assert cells[here[0], here[1]] == FREE, "it walked into a wall"
        if here[0] > MIDDLE + 6 and places.heading[0] in (16, 17, 18, 19, 20):
            return
    pytest.fail("it never looked at the door")


def test_it_does_not_say_again_what_was_just_blocked_before_it_has_moved():
    cells, seen = room(7, 12)
    cells[MIDDLE + 12, MIDDLE] = FREE  # a door straight ahead
    places, plans = places_of(cells, seen), GUIDE.new(1, CPU)
    assert advise(places, plans, start=True)[FORWARD] == 1
    assert advise(places, plans, previous_action=0)[FORWARD] == 0
    places.position[:, 0] += FORWARD_M
    assert advise(places, plans, previous_action=FORWARD + 1)[FORWARD] == 1


def test_a_view_that_was_looked_at_in_vain_is_given_up():
    cells, seen = room(7, 3)
    cells[MIDDLE + 3, MIDDLE] = FREE
    places, plans = places_of(cells, seen), GUIDE.new(1, CPU)
    advise(places, plans, start=True)
    assert plans.goal[0, 0] != -1
    steps = 0
    while plans.goal[0, 0] != -1:  # it never gets there, and never learns more
        plans.still[:] = 0  # but it gets about
        advise(places, plans, previous_action=LEFT + 1)
        steps += 1
        assert steps < 5000
    assert steps > 60
    advise(places, plans, start=True)
    assert plans.goal[0, 0] != -1, "a new episode begins with an open mind"


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000))
def test_agents_do_not_disturb_each_other(seed):
    alone, together = [], []
    maps = [places_of(*random_cells(seed + i)) for i in range(3)]
    for places in maps:
        alone.append(advise(places, GUIDE.new(1, CPU), start=True))
    joined = Places(*(torch.cat([getattr(m, name) for m in maps]) for name in vars(maps[0])))
    none, starts, sought = torch.zeros(3, dtype=torch.int64), torch.ones(3) > 0, no_goal_estimate(3, CPU)
    together = GUIDE.advise(GUIDE.new(3, CPU), joined, none, starts, sought)
    torch.testing.assert_close(together, torch.stack(alone))


def test_who_seeks_a_place_goes_there_and_not_where_more_is_to_be_seen():
    cells, seen = room(9, 20)
    places = places_of(cells, seen & (np.arange(CELLS)[:, None] < MIDDLE + 15))  # the far end is news
    pose = torch.tensor([[-0.125, 0.625, 18.0]])  # behind to the left, to look to the right from there
    plans = GUIDE.new(1, CPU)
    for known, place in ((True, pose[0, :2]), (False, None)):
        advise(places, plans, start=True, sought=GoalEstimate(torch.tensor([known]), pose))
        packed = int(plans.goal[0, 0])
        cell = torch.tensor([packed // (2 * CELLS), packed % CELLS])
        found = (((cell + MIDDLE) % CELLS - MIDDLE) + 0.5) * CELL_M
        if known:
            assert float((found - place).norm()) < CELL_M
            assert int(plans.goal[0, 1]) == 18
        else:
            assert float(found[0]) > 1.0


def test_a_sought_place_that_no_way_leads_to_does_not_keep_an_agent_from_exploring():
    cells, seen = room(9, 20)
    places = places_of(cells, seen & (np.arange(CELLS)[:, None] < MIDDLE + 15))
    plans, free = GUIDE.new(1, CPU), GUIDE.new(1, CPU)
    beyond = GoalEstimate(torch.tensor([True]), torch.tensor([[2.0, 5.0, 0.0]]))
    torch.testing.assert_close(
        advise(places, plans, start=True, sought=beyond), advise(places, free, start=True)
    )


def test_before_it_has_learned_anything_a_policy_takes_advice_in_most_cases():
    advice = torch.zeros(1, ADVICE)
    advice[0, LEFT] = 1.0
    chances = torch.softmax(GUIDE.prior(advice), dim=-1)
    assert chances[0, LEFT] == pytest.approx(0.909, abs=0.001)


def test_without_a_guide_nothing_is_said():
    guide = NoPlanner()
    starts, sought = torch.ones(2) > 0, no_goal_estimate(2, CPU)
    nothing = guide.advise(guide.new(2, CPU), MEMORY.new(2, CPU), torch.zeros(2), starts, sought)
    assert nothing.shape == (2, 0)
    assert guide.encoder(8)(nothing) == guide.prior(nothing) == 0.0


def test_a_planner_without_a_map_is_refused():
    with pytest.raises(ValueError, match="planner needs a map"):
        SequencePolicyConfig(planner=PlannerConfig())


def test_who_gets_nowhere_forgets_its_map_and_who_moves_does_not():
    cells, seen = room(9, 9)
    stuck, moving = places_of(cells, seen), places_of(cells, seen)
    plans, others = GUIDE.new(1, CPU), GUIDE.new(1, CPU)
    known = stuck.summary.clone()
    advise(stuck, plans, start=True)
    advise(moving, others, start=True)
    for _ in range(64):
        assert torch.equal(stuck.summary, known)
        advise(stuck, plans, previous_action=0)  # blocked, again and again
        moving.position += 0.05
        moving.heading[:] = 0
        others.goal[:, 0] = 5  # it always has one
        advise(moving, others, previous_action=FORWARD + 1)
    assert (stuck.summary == stuck.summary[0]).all()  # all of it is unknown again
    assert not plans.given_up.any()
    assert torch.equal(moving.summary, known)
