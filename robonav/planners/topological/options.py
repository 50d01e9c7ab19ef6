"""Decisions of the meta-controller that take several steps, and what they were worth (an SMDP)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from robonav.planners.topological.scorer import CandidateScorer, padded


@dataclass(eq=False)
class Decision:
    """One choice of a sub-goal, and what came of it until the next choice.

    Attributes:
        features: (K, 17) of the nodes.
        row: Which one was chosen.
        log_prob: Of that choice.
        value: What the critic expected.
        reward: Sum of gamma^i r_i over the steps i of the option.
        discount: gamma^k after its k steps.
        is_last: The episode ended before another choice.
    """

    features: NDArray[np.float32]
    row: int
    log_prob: float
    value: float
    reward: float = 0.0
    discount: float = 1.0
    is_last: bool = False

    def pay(self, reward: float, gamma: float) -> None:
        """Another step of the option was worth so much."""
        self.reward += self.discount * reward
        self.discount *= gamma


def advantages(decisions: Sequence[Decision], next_value: float, gae_lambda: float) -> NDArray[np.float64]:
    """Generalised advantages of successive decisions of one agent, each discounted by gamma^k.

    Args:
        decisions: In order; several episodes may follow each other.
        next_value: Of the choice that follows the last one; it counts unless that was its episode's last.
        gae_lambda: Trace decay for each decision.
    """
    found = np.zeros(len(decisions))
    after, advantage = next_value, 0.0
    for i in reversed(range(len(decisions))):
        decision = decisions[i]
        discount = 0.0 if decision.is_last else decision.discount
        delta = decision.reward + discount * after - decision.value
        advantage = delta + discount * gae_lambda * advantage
        found[i], after = advantage, decision.value
    return found


@dataclass(frozen=True)
class PPOConfig:
    """Proximal policy optimisation over options."""

    decisions: int = 192
    """Finished decisions of all agents before each update."""
    epochs: int = 6
    minibatch: int = 64
    learning_rate: float = 1e-3
    gamma: float = 0.995
    """Discount for each environment step, not for each decision."""
    gae_lambda: float = 0.95
    clip: float = 0.2
    entropy: float = 0.005
    value: float = 0.5


def update(
    scorer: CandidateScorer,
    optimizer: torch.optim.Optimizer,
    decisions: Sequence[Decision],
    advantage: NDArray[np.float64],
    config: PPOConfig,
    generator: torch.Generator,
) -> dict[str, float]:
    """Learn from decisions (D) with their advantages (D,); mean losses."""
    features, mask = padded([decision.features for decision in decisions])
    rows = torch.tensor([decision.row for decision in decisions])
    old = torch.tensor([decision.log_prob for decision in decisions])
    gain = torch.as_tensor(advantage, dtype=torch.float32)
    returns = gain + torch.tensor([decision.value for decision in decisions])
    gain = (gain - gain.mean()) / (gain.std() + 1e-8)
    losses = []
    for _ in range(config.epochs):
        for part in torch.randperm(len(rows), generator=generator).split(config.minibatch):
            loss, terms = _loss(
                scorer, features[part], mask[part], rows[part], old[part], gain[part], returns[part], config
            )
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(scorer.parameters(), 0.5)
            optimizer.step()
            losses.append(terms)
    return {name: float(np.mean([terms[name] for terms in losses])) for name in losses[0]}


def _loss(
    scorer: CandidateScorer,
    features: Tensor,
    mask: Tensor,
    rows: Tensor,
    old: Tensor,
    gain: Tensor,
    returns: Tensor,
    config: PPOConfig,
) -> tuple[Tensor, dict[str, float]]:
    logits, values = scorer(features, mask)
    policy = torch.distributions.Categorical(logits=logits)
    ratio = (policy.log_prob(rows) - old).exp()
    clipped = ratio.clamp(1 - config.clip, 1 + config.clip)
    policy_loss = -torch.minimum(ratio * gain, clipped * gain).mean()
    value_loss = functional.mse_loss(values, returns)
    probabilities = policy.probs
    entropy = -(probabilities * probabilities.clamp_min(1e-9).log()).sum(dim=1).mean()
    total = policy_loss + config.value * value_loss - config.entropy * entropy
    terms = {"policy_loss": policy_loss, "value_loss": value_loss, "entropy": entropy}
    return total, {name: float(term.detach()) for name, term in terms.items()}
