"""Options are discounted for each step, and the network learns what pays whatever the number of nodes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from robonav.planners.topological.candidates import FEATURES, Choices
from robonav.planners.topological.options import Decision, PPOConfig, advantages, update
from robonav.planners.topological.scorer import CandidateScorer, Learned, padded

GAMMA = 0.9
steps_of_options = st.lists(
    st.tuples(st.lists(st.floats(-1, 1), min_size=1, max_size=5), st.booleans()), min_size=1, max_size=6
)


def decided(rewards: list[float], value: float, is_last: bool = False) -> Decision:
    decision = Decision(np.zeros((1, FEATURES), np.float32), 0, 0.0, value, is_last=is_last)
    for reward in rewards:
        decision.pay(reward, GAMMA)
    return decision


@given(steps_of_options, st.floats(-1, 1))
def test_with_lambda_1_an_advantage_is_the_discounted_return_by_steps_less_the_value(options, next_value):
    decisions = [decided(rewards, 0.5, is_last) for rewards, is_last in options]
    found = advantages(decisions, next_value, gae_lambda=1.0)
    for i in range(len(options)):
        expected, factor = 0.0, 1.0  # step by step, by brute force
        for rewards, is_last in options[i:]:
            for reward in rewards:
                expected += factor * reward
                factor *= GAMMA
            if is_last:
                factor = 0.0
                break
        assert found[i] == pytest.approx(expected + factor * next_value - 0.5, abs=1e-9)


def test_with_lambda_0_an_advantage_is_the_error_of_one_option():
    found = advantages([decided([0.0, 1.0], 0.2), decided([0.5], 0.3, is_last=True)], 7.0, gae_lambda=0.0)
    np.testing.assert_allclose(found, [GAMMA + GAMMA**2 * 0.3 - 0.2, 0.5 - 0.3])


def nodes(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.normal(size=(count, FEATURES)).astype(np.float32)


def test_other_situations_in_the_batch_do_not_change_what_is_chosen():
    torch.manual_seed(0)
    scorer, rng = CandidateScorer(), np.random.default_rng(0)
    situations = [nodes(rng, count) for count in (1, 7, 3)]
    logits, values = scorer(*padded(situations))
    for i, alone in enumerate(situations):
        own_logits, own_value = scorer(*padded([alone]))
        torch.testing.assert_close(logits[i, : len(alone)], own_logits[0])
        torch.testing.assert_close(values[i], own_value[0])
        assert torch.isinf(logits[i, len(alone) :]).all()


def test_the_order_of_the_nodes_does_not_matter():
    torch.manual_seed(0)
    scorer, situation = CandidateScorer(), nodes(np.random.default_rng(1), 6)
    order = np.array([3, 1, 5, 0, 4, 2])
    logits, value = scorer(*padded([situation]))
    other_logits, other_value = scorer(*padded([situation[order]]))
    torch.testing.assert_close(other_logits[0], logits[0, order])
    torch.testing.assert_close(other_value, value)


def choices(features: np.ndarray) -> Choices:
    count = len(features)
    none = np.zeros(count)
    return Choices(np.arange(count), np.zeros((count, 2)), none > 0, none, none, features[:, -1], features)


def test_untrained_it_chooses_as_the_greedy_rule_does_where_that_is_clear():
    torch.manual_seed(0)
    rng = np.random.default_rng(2)
    clear = [nodes(rng, 5) for _ in range(20)]
    for features in clear:
        features[:, -1] = np.arange(5)
        rng.shuffle(features[:, -1])
    chosen = Learned(CandidateScorer()).choose([choices(features) for features in clear])
    assert chosen == [int(features[:, -1].argmax()) for features in clear]


def test_it_learns_to_choose_the_node_that_pays():
    """A bandit: column 3 says what a node pays, the last one, the greedy score, says nothing."""
    torch.manual_seed(0)
    scorer, rng = CandidateScorer(), np.random.default_rng(3)
    optimizer = torch.optim.Adam(scorer.parameters(), 3e-3)
    generator = torch.Generator().manual_seed(0)
    config = PPOConfig(epochs=4, minibatch=64)

    def paid(count: int, learn: bool) -> float:
        situations = [nodes(rng, int(rng.integers(2, 8))) for _ in range(count)]
        for features in situations:
            features[:, -1] = 0.0
        with torch.no_grad():
            logits, values = scorer(*padded(situations))
        policy = torch.distributions.Categorical(logits=logits)
        rows = policy.sample() if learn else logits.argmax(dim=1)
        rewards = [float(features[row, 3]) for features, row in zip(situations, rows.tolist(), strict=True)]
        if learn:
            made = [
                Decision(features, int(row), float(log_prob), float(value), reward, is_last=True)
                for features, row, log_prob, value, reward in zip(
                    situations, rows, policy.log_prob(rows), values, rewards, strict=True
                )
            ]
            update(scorer, optimizer, made, advantages(made, 0.0, 0.95), config, generator)
        return float(np.mean(rewards))

    before = paid(400, learn=False)
    for _ in range(25):
        paid(192, learn=True)
    after = paid(400, learn=False)
    assert before < 0.4
    assert after > 0.9  # the best of 2 to 7 normal numbers is 1.06 on average
