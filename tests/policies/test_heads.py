"""Heads draw as often as they say, their densities are densities, and actions stay within bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import SquashedDiagGaussianDistribution

from robonav.errors import UsageError
from robonav.policies.heads import (
    LOG_STD_RANGE,
    CategoricalHead,
    GaussianHead,
    MultiCategoricalHead,
    SquashedGaussian,
    head_for,
)

WIDTH = 8
BOX = spaces.Box(np.array([-1.0, 0.0], np.float32), np.array([3.0, 0.5], np.float32))


def test_each_space_has_its_head_and_others_are_refused_in_one_sentence():
    assert isinstance(head_for(spaces.Discrete(3), WIDTH), CategoricalHead)
    assert isinstance(head_for(spaces.MultiDiscrete([2, 3]), WIDTH), MultiCategoricalHead)
    assert isinstance(head_for(BOX, WIDTH), GaussianHead)
    for space, finding in ((spaces.MultiBinary(3), "MultiBinary"), (spaces.Box(-np.inf, 1, (2,)), "finite")):
        with pytest.raises(UsageError, match=finding):
            head_for(space, WIDTH)


def test_squashed_log_probabilities_are_those_of_stable_baselines3():
    theirs = SquashedDiagGaussianDistribution(2, epsilon=0.0)
    mean, log_std = torch.tensor([[0.3, -1.2], [0.0, 2.0]]), torch.tensor([-0.5, 0.2])
    theirs.proba_distribution(mean, log_std)
    ours = SquashedGaussian(mean, log_std, torch.ones(2))
    u = torch.tensor([[0.1, -2.0], [1.5, 0.7]])
    expected = theirs.log_prob(torch.tanh(u), u)
    torch.testing.assert_close(ours.log_prob(u), expected, atol=1e-5, rtol=1e-5)
    assert ours.log_prob(torch.full((2, 2), 30.0)).isfinite().all()  # where the tanh has rounded to one


@pytest.mark.parametrize(("mean", "log_std"), [(0.0, 0.0), (1.3, -1.0), (-0.4, LOG_STD_RANGE[1])])
def test_the_density_integrates_to_one_over_the_box_and_has_the_entropy_that_it_says(mean, log_std):
    half_width = torch.tensor([0.7])
    ours = SquashedGaussian(torch.tensor([mean]).double(), torch.tensor([log_std]).double(), half_width)
    u = torch.linspace(-40.0, 40.0, 400_001, dtype=torch.float64)[:, None]
    action = (half_width * torch.tanh(u))[:, 0]
    density = ours.log_prob(u).exp()
    assert float(torch.trapezoid(density, action)) == pytest.approx(1.0, abs=1e-3)
    # over u, where nothing is steep: the density of u times the log-density of the action
    of_u = torch.distributions.Normal(mean, math.exp(log_std)).log_prob(u[:, 0]).exp()
    entropy = -torch.trapezoid(of_u * ours.log_prob(u), u[:, 0])
    assert float(ours.entropy()) == pytest.approx(float(entropy), abs=0.02)


def test_many_draws_have_the_mean_and_spread_of_the_gaussian_and_lie_in_the_box():
    torch.manual_seed(0)
    head = GaussianHead(WIDTH, BOX)
    head.log_std.data[:] = torch.tensor([-1.0, 0.3])
    distribution = head.distribution(torch.randn(1, WIDTH).expand(20_000, -1))
    u = head.sample(distribution, head.noise(20_000))
    torch.testing.assert_close(u.mean(0), distribution.mean[0], atol=0.04, rtol=0)
    torch.testing.assert_close(u.std(0), head.log_std.exp(), atol=0.03, rtol=0)
    actions = head.to_env(1e3 * u.detach().numpy())
    assert actions.dtype == np.float32
    assert all(BOX.contains(action) for action in actions[:100])
    np.testing.assert_allclose(actions.min(0), BOX.low)
    np.testing.assert_allclose(actions.max(0), BOX.high)


def test_the_middle_of_the_box_is_the_mode_of_a_head_without_opinion():
    head = GaussianHead(WIDTH, BOX)
    mode = head.mode(head.distribution(torch.zeros(1, WIDTH) + 0.0))
    np.testing.assert_allclose(head.to_env(0.0 * mode.detach().numpy()), [[1.0, 0.25]])


def test_components_of_a_multi_discrete_action_are_independent_and_drawn_as_often_as_probable():
    head = MultiCategoricalHead(WIDTH, spaces.MultiDiscrete([2, 3], start=[0, 5]))
    draws = 20_000
    distribution = head.distribution(torch.randn(1, WIDTH).expand(draws, -1))
    torch.manual_seed(1)
    actions = head.sample(distribution, head.noise(draws))
    joint = np.bincount((actions[:, 0] * 3 + actions[:, 1]).numpy(), minlength=6)
    each = torch.cartesian_prod(torch.arange(2), torch.arange(3))
    one = head.distribution(torch.zeros(6, WIDTH) + 0.0)
    one.parts = [type(p)(logits=p.logits[:1].expand(6, -1)) for p in distribution.parts]
    expected = draws * one.log_prob(each).exp().detach().numpy()
    assert expected.sum() == pytest.approx(draws, rel=1e-4)
    assert ((joint - expected) ** 2 / expected).sum() < 20.5  # one of a thousand (5 degrees of freedom)
    by_hand = sum(
        torch.distributions.Categorical(logits=p.logits[0]).entropy() for p in distribution.parts
    ).detach()
    assert float(distribution.entropy()[0].detach()) == pytest.approx(float(by_hand), rel=1e-5)
    assert head.to_env(actions.numpy())[:, 1].min() == 5


@pytest.mark.parametrize("space", [spaces.Discrete(3), spaces.MultiDiscrete([2, 3]), BOX])
def test_a_low_temperature_draws_what_is_most_probable(space):
    torch.manual_seed(2)
    head = head_for(space, WIDTH)
    distribution = head.distribution(30.0 * torch.randn(50, WIDTH))
    temperature = 1e-4 if space is BOX else 0.05
    drawn = head.draw(distribution, temperature, torch.Generator().manual_seed(0))
    mode = head.mode(distribution)
    torch.testing.assert_close(drawn.to(mode), mode, atol=0.1, rtol=0)
