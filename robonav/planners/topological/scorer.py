"""The learned meta-controller: one small network scores every node, whatever their number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from robonav.planners.topological.candidates import FEATURES, Choices

WIDTH = 32
_GREEDY = FEATURES - 1  # the column of the greedy rule's score
_SHARPNESS = 2.0  # of the greedy rule as the policy to start from


class CandidateScorer(nn.Module):
    """Logits over a variable number of nodes, and the value of the situation; 7,000 weights.

    The nodes share an encoder; each is scored beside the mean and the maximum of all. What is learned adds
    to the greedy rule's score, so an untrained network chooses as that rule does, with some chance.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(FEATURES, WIDTH), nn.Tanh(), nn.Linear(WIDTH, WIDTH), nn.Tanh())
        self.score = nn.Sequential(nn.Linear(3 * WIDTH, WIDTH), nn.Tanh(), nn.Linear(WIDTH, 1))
        self.value = nn.Sequential(nn.Linear(2 * WIDTH, WIDTH), nn.Tanh(), nn.Linear(WIDTH, 1))
        self.sharpness = nn.Parameter(torch.tensor(_SHARPNESS))
        for head, gain in ((self.score[2], 0.01), (self.value[2], 0.1)):
            nn.init.orthogonal_(head.weight, gain=gain)  # type: ignore[arg-type]
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, K), -inf where masked out, and values (B,).

        Args:
            features: (B, K, 17).
            mask: (B, K) bool, which nodes there are; at least one in each row.
        """
        nodes = self.encode(features)
        there = mask[..., None]
        mean = (nodes * there).sum(dim=1) / there.sum(dim=1)
        top = nodes.masked_fill(~there, -1.0).amax(dim=1)
        context = torch.cat([mean, top], dim=-1)
        beside = torch.cat([nodes, context[:, None].expand(-1, nodes.shape[1], -1)], dim=-1)
        logits = self.score(beside)[..., 0] + self.sharpness * features[..., _GREEDY]
        return logits.masked_fill(~mask, -torch.inf), self.value(context)[..., 0]


def padded(features: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Features (B, K, 17) of nodes (K_i, 17) of B situations, and which rows are nodes (B, K)."""
    longest = max(len(rows) for rows in features)
    table = torch.zeros(len(features), longest, FEATURES)
    mask = torch.zeros(len(features), longest, dtype=torch.bool)
    for i, rows in enumerate(features):
        table[i, : len(rows)], mask[i, : len(rows)] = torch.from_numpy(rows), True
    return table, mask


class Learned:
    """Chooses the node that the network finds best."""

    def __init__(self, scorer: CandidateScorer) -> None:
        self.scorer = scorer.eval()

    def reset(self, seed: int) -> None:
        """It draws no random numbers."""

    def choose(self, choices: Sequence[Choices]) -> list[int]:
        """The first of the best."""
        with torch.no_grad():
            logits, _ = self.scorer(*padded([those.features for those in choices]))
        best: list[int] = logits.argmax(dim=1).tolist()
        return best
