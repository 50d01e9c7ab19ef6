"""Mixing with chance: closed forms of the mixture, its sampling and PPO's ratio; annealed to nothing."""

import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import VecMonitor
from torch.distributions import Categorical

from robonav.algorithms.behaviour import mixed_with_uniform, sample
from robonav.algorithms.sequence_ppo import SequencePPO, SequencePPOConfig
from robonav.errors import UsageError
from robonav.policies.config import SequencePolicyConfig
from tests.algorithms.test_sequence_ppo import RecallEnv, small_eye

POLICY = Categorical(probs=torch.tensor([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0], [1 / 3, 1 / 3, 1 / 3]]))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_the_mixture_is_what_its_formula_says(share):
    expected = (1 - share) * POLICY.probs + share / 3
    torch.testing.assert_close(mixed_with_uniform(POLICY, share).probs, expected, atol=1e-6, rtol=1e-5)


def test_no_share_leaves_the_policy_as_it_is():
    torch.testing.assert_close(mixed_with_uniform(POLICY, 0.0).logits, POLICY.logits)


def test_actions_are_drawn_as_often_as_they_are_probable():
    draws = 30_000
    noise = torch.empty(draws, 3).exponential_(generator=torch.Generator().manual_seed(0))
    probabilities = torch.tensor([0.7, 0.25, 0.05])
    actions = sample(Categorical(probs=probabilities.expand(draws, 3)), noise)
    counts = np.bincount(actions.numpy(), minlength=3)
    expected = draws * probabilities.numpy()
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert chi_square < 13.8  # exceeded in one of a thousand (2 degrees of freedom)


def explorer(**options: float) -> SequencePPO:
    config = SequencePPOConfig(rollout_steps=16, sequences_per_batch=8, **options)
    policy = SequencePolicyConfig(width=32, blocks=1, heads=2, window=8, spatial=None, guidance=None)
    return SequencePPO(VecMonitor(RecallEnv(8)), config, policy, seed=0, device="cpu", eye=small_eye())


def ratios(model: SequencePPO) -> tuple[torch.Tensor, torch.Tensor]:
    """PPO's ratios in the first epoch, and the policy's probabilities of the actions that were taken."""
    batch = model.rollout_buffer.batch(np.arange(8), torch.device("cpu"))
    with torch.no_grad():
        log_probs = model.policy(batch.percepts, batch.starts)[0].log_prob(batch.actions)
    return (log_probs - batch.log_probs).exp(), log_probs.exp()


def roll_out(model: SequencePPO) -> None:
    """Act for a rollout, and learn nothing from it."""
    model.train = lambda: None  # type: ignore[method-assign]
    model.learn(16 * 8)


def test_the_ratio_has_the_mixture_as_its_denominator():
    model, share = explorer(random_actions=0.4), 0.4
    with torch.no_grad():
        model.policy.actor.bias += torch.tensor([3.0, 0.0, 0.0])
    roll_out(model)
    found, policy = ratios(model)
    torch.testing.assert_close(found, policy / ((1 - share) * policy + share / 3), atol=1e-4, rtol=1e-4)
    rare = (model.rollout_buffer.actions != 0).mean()
    assert rare > 2 * float(1 - policy.max())  # chance acts where the policy would not


def test_without_it_the_ratio_is_one_before_the_first_update():
    model = explorer()
    roll_out(model)
    torch.testing.assert_close(ratios(model)[0], torch.ones(8, 16), atol=1e-4, rtol=1e-4)


def test_the_share_falls_to_nothing_over_steps_of_the_whole_run():
    config = SequencePPOConfig(random_actions=0.2, random_actions_steps=1000)
    assert [config.random_share(steps) for steps in (0, 500, 1000, 5000)] == [0.2, 0.1, 0, 0]


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(UsageError, match=r"random_actions is .* below 1"):
        SequencePPOConfig(random_actions=share)
