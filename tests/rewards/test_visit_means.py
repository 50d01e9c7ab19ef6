"""Random distribution distillation and coin flips count visits."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from robonav.rewards.protocol import Snapshot, Transition
from robonav.rewards.registry import make_reward
from robonav.rewards.visit_means import RidgeRegression
from tests.rewards.streams import ACTIONS, context

STATES, AGENTS, STEPS = 40, 8, 500


def counted(name: str, space, observations: np.ndarray, **options) -> tuple[np.ndarray, np.ndarray]:
    """True visits (S,) of states that are visited ever more seldom, and what each pays then."""
    made = context(space, ACTIONS["steps"], AGENTS)
    reward = make_reward(name, settle=256, **options).build(made)
    rng, share = np.random.default_rng(0), 1.0 / np.arange(1, STATES + 1)
    visited = rng.choice(STATES, (STEPS, AGENTS), p=share / share.sum())
    action, nobody = np.zeros(AGENTS, int), np.zeros(AGENTS, bool)
    before = Snapshot({"observation": observations[visited[0]]})
    reward.reset(~nobody, before)
    trained = 0
    for step, states in enumerate(visited):
        after = Snapshot({"observation": observations[states]})
        if reward.update(Transition(before, action, after, nobody, nobody)):
            trained = step + 1
    paid = []
    for some in np.arange(STATES).reshape(-1, AGENTS):
        paid.append(
            reward.compute(before, action, Snapshot({"observation": observations[some]}), nobody, nobody)
        )
    return np.bincount(visited[:trained].ravel(), minlength=STATES), np.concatenate(paid)


@pytest.mark.parametrize(("name", "slope"), [("rdd", -1.0), ("coin-flip", -0.5)])
@pytest.mark.parametrize("kind", ["discrete", "vectors"])
def test_the_bonus_falls_with_the_true_number_of_visits(name, slope, kind):
    if kind == "discrete":
        space, observations = spaces.Discrete(STATES), np.arange(STATES)
    else:
        space = spaces.Box(-1, 1, (3,))
        observations = np.random.default_rng(3).uniform(-1, 1, (STATES, 3)).astype(np.float32)
    visits, paid = counted(name, space, observations)
    x, y = np.log(visits[visits > 0]), np.log(paid[visits > 0])
    assert np.polyfit(x, y, 1)[0] == pytest.approx(slope, abs=0.1 * abs(slope))
    assert np.corrcoef(x, y)[0, 1] ** 2 > 0.9
    assert np.exp(np.polyfit(x, y, 1)[1]) == pytest.approx(1.0, abs=0.25), "one visit pays about 1"


def test_sigma_does_not_change_what_visits_are_worth():
    observations = np.arange(STATES)
    _, one = counted("rdd", spaces.Discrete(STATES), observations)
    _, three = counted("rdd", spaces.Discrete(STATES), observations, sigma=3.0)
    np.testing.assert_allclose(one, three, rtol=0.1)


@pytest.mark.parametrize("name", ["rdd", "coin-flip"])
def test_what_was_never_seen_pays_about_one(name):
    reward = make_reward(name, outputs=512).build(context(spaces.Discrete(5), ACTIONS["steps"]))
    features = torch.nn.functional.normalize(torch.randn(200, 512, generator=torch.Generator()), dim=-1)
    assert float(reward.bonus_of(features).mean()) == pytest.approx(1.0, abs=0.15)


def test_the_regression_is_ridge_regression_towards_its_start():
    generator = torch.Generator().manual_seed(0)
    x, y, start = (torch.randn(*size, generator=generator) for size in [(50, 6), (50, 3), (6, 3)])
    regression = RidgeRegression(start, 0.5)
    for part in (slice(0, 7), slice(7, 50)):
        regression.update(x[part], y[part])
    rows = torch.cat([x, 0.5**0.5 * torch.eye(6)])
    targets = torch.cat([y, 0.5**0.5 * start])
    torch.testing.assert_close(regression.weights.float(), torch.linalg.lstsq(rows, targets).solution)


def test_leverage_is_one_over_visits():
    regression = RidgeRegression(torch.zeros(4, 2), 0.1)
    regression.update(torch.eye(4)[[0, 0, 0, 1]], torch.zeros(4, 2))
    expected = torch.tensor([1 / 3.1, 1 / 1.1, 1 / 0.1, 1 / 0.1])
    torch.testing.assert_close(regression.leverage(torch.eye(4)), expected)
