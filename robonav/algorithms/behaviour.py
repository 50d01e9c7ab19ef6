"""How actions are drawn while acting: from the policy, or from its mixture with chance."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Categorical


def mixed_with_uniform(policy: Categorical, share: float) -> Categorical:
    """(1 - share) policy + share uniform: an exploration floor (ReCuriosity, random-action mixing).

    Its log-probabilities belong into the denominator of PPO's ratio, as those of what did act.

    Args:
        policy: Distributions (N,) over A actions.
        share: In [0, 1); 0 leaves the policy's log-probabilities as they are.
    """
    log_floor = math.log(share / policy.logits.shape[-1]) if share else -math.inf
    logits = policy.logits + math.log1p(-share)
    return Categorical(logits=torch.logaddexp(logits, torch.full_like(logits, log_floor)))


def sample(distribution: Categorical, noise: Tensor) -> Tensor:
    """Actions (N,) by the exponential race: the smallest noise / probability wins.

    Args:
        distribution: Distributions (N,) over A actions.
        noise: (N, A) from the exponential distribution.
    """
    return (distribution.logits - noise.to(distribution.logits).log()).argmax(-1)
