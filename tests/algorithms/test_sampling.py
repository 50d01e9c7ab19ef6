"""Actions are drawn as often as the policy says, and PPO's ratio begins at one."""

import numpy as np
import torch
from stable_baselines3.common.vec_env import VecMonitor
from torch.distributions import Categorical

from robonav.algorithms.sequence_ppo import SequencePPO, SequencePPOConfig
from robonav.policies.config import SequencePolicyConfig
from robonav.policies.heads import CategoricalHead
from tests.algorithms.test_sequence_ppo import RecallEnv, small_predictor


def test_actions_are_drawn_as_often_as_they_are_probable():
    draws = 30_000
    noise = torch.empty(draws, 3).exponential_(generator=torch.Generator().manual_seed(0))
    probabilities = torch.tensor([0.7, 0.25, 0.05])
    actions = CategoricalHead.sample(Categorical(probs=probabilities.expand(draws, 3)), noise)
    counts = np.bincount(actions.numpy(), minlength=3)
    expected = draws * probabilities.numpy()
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert chi_square < 13.8  # exceeded in one of a thousand (2 degrees of freedom)


def explorer() -> SequencePPO:
    config = SequencePPOConfig(rollout_steps=16, sequences_per_batch=8)
    policy = SequencePolicyConfig(width=32, blocks=1, heads=2, window=8, own_map=None, planner=None)
    return SequencePPO(
        VecMonitor(RecallEnv(8)), config, policy, seed=0, device="cpu", predictor=small_predictor()
    )


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


def test_the_ratio_is_one_before_the_first_update():
    model = explorer()
    roll_out(model)
    torch.testing.assert_close(ratios(model)[0], torch.ones(8, 16), atol=1e-4, rtol=1e-4)
