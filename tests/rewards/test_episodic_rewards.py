"""Rewards of what an episode has seen, against closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces

from robonav.errors import UsageError
from robonav.rewards.config import RewardContext
from robonav.rewards.protocol import Snapshot, Transition
from robonav.rewards.registry import make_reward

NAMES = ("e3b", "episodic-cells", "pseudo-counts")
ENVS = (1, 3)


def seen(values) -> Snapshot:
    return Snapshot({"observation": np.asarray(values, np.float32)})


def built(name: str, envs: int, **options):
    box = spaces.Dict({"observation": spaces.Box(-9, 9, (4,))})
    reward = make_reward(name, **options).build(RewardContext(envs, box, spaces.Discrete(2), seed=1))
    reward.trainings = 1  # one that learns pays nothing before its first training
    return reward


def step(reward, values) -> np.ndarray:
    """Pay a step twice, which has to give the same, then take it in."""
    after, no = seen(values), np.zeros(len(values), bool)
    parts = (after, np.zeros(len(values), int), after, no, no)
    paid = reward.compute(*parts)
    assert np.array_equal(paid, reward.compute(*parts))
    reward.update(Transition(*parts))
    return paid


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("envs", ENVS)
def test_the_first_observation_counts_and_a_mask_resets_only_its_agents(name, envs):
    reward, here = built(name, envs), np.ones((envs, 4))
    reward.reset(np.ones(envs, bool), seen(here))
    second, third = step(reward, here), step(reward, here)
    assert (third < second).all()
    mask = np.arange(envs) == 0
    reward.reset(mask, seen(here))
    again = step(reward, here)
    assert again[0] == pytest.approx(second[0], rel=1e-5)
    assert (again[1:] < third[1:]).all()


@pytest.mark.parametrize(("name", "slope"), [(0.5, -0.5), (1.0, -1.0)])
def test_cells_pay_exact_powers_of_the_visit_count(name, slope):
    reward = built("episodic-cells", 2, exponent=name)
    reward.reset(np.ones(2, bool), seen(np.zeros((2, 4))))
    paid = np.stack([step(reward, np.full((2, 4), 0.3)) for _ in range(20)])
    assert np.allclose(paid, np.arange(2, 22)[:, None] ** slope, atol=1e-6)
    assert (step(reward, np.full((2, 4), -0.3)) == 1).all()


def test_cells_forget_beyond_the_cap():
    reward = built("episodic-cells", 1, cap=3)
    reward.reset(np.ones(1, bool), seen(np.zeros((1, 4))))
    paid = [float(step(reward, np.zeros((1, 4)))[0]) for _ in range(6)]
    assert paid[2:] == pytest.approx([0.5] * 4)


def test_e3b_is_the_form_of_the_inverted_covariance():
    reward, draw = built("e3b", 3, code=8, horizon=1000), np.random.default_rng(0)

    def code(values) -> np.ndarray:
        return reward._code(reward.read(seen(values))).numpy().astype(float)

    first = draw.normal(size=(3, 4))
    reward.reset(np.ones(3, bool), seen(first))
    phi = code(first)
    covariance = 0.1 * np.eye(8) + phi[:, :, None] * phi[:, None]
    for _ in range(12):
        values = draw.normal(size=(3, 4))
        phi = code(values)
        expected = np.einsum("nd,nde,ne->n", phi, np.linalg.inv(covariance), phi)
        assert step(reward, values) == pytest.approx(expected, rel=1e-3)
        covariance += phi[:, :, None] * phi[:, None]


def test_pseudo_counts_of_one_place_are_exact_and_the_first_step_elsewhere_pays_the_most():
    reward = built("pseudo-counts", 2, k=50)
    reward.reset(np.ones(2, bool), seen(np.zeros((2, 4))))
    paid = np.stack([step(reward, np.zeros((2, 4))) for _ in range(30)])
    assert np.allclose(paid, 1 / (np.sqrt(np.arange(1, 31)) + 1e-3)[:, None], rtol=1e-5)
    assert step(reward, np.ones((2, 4))) == pytest.approx(1000.0)


def test_pseudo_counts_agree_with_brute_force():
    reward, draw = built("pseudo-counts", 1, k=3), np.random.default_rng(0)
    past, squares = [], []
    for index in range(15):
        values = draw.normal(size=(1, 4))
        code = reward.code(seen(values)).numpy()[0].astype(float)
        near = np.sort([((code - other) ** 2).sum() for other in past])[:3]
        if index == 0:
            reward.reset(np.ones(1, bool), seen(values))
        else:
            relative = np.maximum(near / np.mean(squares) - 0.008, 0) if squares else near + np.inf
            expected = 1 / (np.sqrt((1e-4 / (relative + 1e-4)).sum()) + 1e-3)
            assert step(reward, values)[0] == pytest.approx(expected, rel=1e-3)
        squares += list(near)
        past.append(code)


def test_the_scale_of_pseudo_counts_outlives_a_run():
    one, other, draw = built("pseudo-counts", 2), built("pseudo-counts", 2), np.random.default_rng(0)
    one.reset(np.ones(2, bool), seen(draw.normal(size=(2, 4))))
    for _ in range(5):
        step(one, draw.normal(size=(2, 4)))
    other.load_state_dict(one.state_dict())
    for reward in (one, other):
        reward.reset(np.ones(2, bool), seen(np.zeros((2, 4))))
    values = draw.normal(size=(2, 4))
    assert np.array_equal(step(one, values), step(other, values))


@pytest.mark.parametrize("name", NAMES)
def test_numbers_that_are_not_finite_are_refused_by_key(name):
    with pytest.raises(UsageError, match="observation"):
        built(name, 1).reset(np.ones(1, bool), seen(np.full((1, 4), np.nan)))


@pytest.mark.parametrize("cap", [100, 4])
def test_re3_is_the_log_distance_to_the_kth_of_the_last_items(cap):
    reward, draw, past = built("re3", 2, k=3, cap=cap), np.random.default_rng(0), []
    for index in range(12):
        values = draw.normal(size=(2, 4))
        code = reward.code(seen(values)).numpy()
        if index == 0:
            reward.reset(np.ones(2, bool), seen(values))
        else:
            away = np.sort([np.linalg.norm(code - other, axis=1) for other in past[-cap:]], axis=0)
            assert step(reward, values) == pytest.approx(np.log1p(away[min(3, len(away)) - 1]), rel=1e-4)
        past.append(code)
    reward.reset(np.array([True, False]), seen(values))
    paid = step(reward, values)
    assert paid[0] == pytest.approx(0.0)
    assert paid[1] > 0


@pytest.mark.parametrize("name", ["pseudo-counts", "re3"])
def test_numbers_without_bounds_count_alike_from_the_second_episode_on(name):
    """A speed in millimetres does not drown an angle."""
    box = spaces.Dict({"observation": spaces.Box(-np.inf, np.inf, (2,))})
    reward = make_reward(name).build(RewardContext(1, box, spaces.Discrete(2)))
    draw = np.random.default_rng(0)
    reward.reset(np.ones(1, bool), seen([[0, 0]]))
    for _ in range(400):
        step(reward, draw.normal(size=(1, 2)) * (1, 10_000))
    reward.reset(np.ones(1, bool), seen([[0, 0]]))
    codes = [reward.code(seen([values])) for values in ([0, 0], [1, 0], [0, 10_000])]
    small, large = (float((code - codes[0]).norm()) for code in codes[1:])
    assert 0.3 < small / large < 3


def test_the_scale_of_an_episode_stays_while_it_lasts():
    box = spaces.Dict({"observation": spaces.Box(-np.inf, np.inf, (2,))})
    reward = make_reward("re3").build(RewardContext(2, box, spaces.Discrete(2)))
    reward.reset(np.ones(2, bool), seen(np.zeros((2, 2))))
    before = reward.code(seen(np.ones((2, 2))))
    step(reward, np.full((2, 2), 50.0))
    assert reward.code(seen(np.ones((2, 2)))).equal(before)
    reward.reset(np.array([True, False]), seen(np.zeros((2, 2))))
    after = reward.code(seen(np.ones((2, 2))))
    assert not after[0].equal(before[0])
    assert after[1].equal(before[1])
