"""ONI-Ranking: a network learns from preferences between captions how good each one is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from robonav.rewards.config import RewardContext
from robonav.rewards.features import RunningMoments
from robonav.rewards.oni.annotators import Item
from robonav.rewards.oni.learned import OniLearned, OniLearnedConfig

_WINDOW = 10_000  # captions of the moments
_REMEMBERED = 1000  # captions that pairs are made of, the last ones seen


@dataclass(frozen=True)
class OniRankingConfig(OniLearnedConfig):
    """Options of the ranking."""

    name: ClassVar[str] = "oni-ranking"
    pairs: ClassVar[bool] = True

    threshold: float = 0.5
    """Standard deviations above the mean from which a caption is paid."""

    def build(self, context: RewardContext) -> OniRanking:
        """The reward for an environment."""
        return OniRanking(self, context)


class OniRanking(OniLearned):
    """z where z > threshold, else 0; z is r(caption) in standard deviations from its running mean.

    r is learned from preferences (Bradley & Terry 1952). Raw r is never paid: it has no scale and no zero.
    """

    def __init__(self, config: OniRankingConfig, context: RewardContext) -> None:
        super().__init__(config, context)
        self.moments = RunningMoments((1,), _WINDOW).to(self.device)
        self.networks["moments"] = self.moments
        self._seen: dict[str, None] = {}

    def wanted(self, captions: Iterable[str]) -> list[Item]:
        """Pairs of captions that were seen, at random, as long as few are waiting."""
        for caption in captions:
            self._seen.pop(caption, None)
            self._seen[caption] = None
        for oldest in list(self._seen)[: max(0, len(self._seen) - _REMEMBERED)]:
            del self._seen[oldest]
        if len(self._seen) < 2 or len(self._queue) >= 2 * self.config.batch:
            return []
        known = list(self._seen)
        draws = torch.randint(len(known), (self.config.batch, 2), generator=self.generator).tolist()
        pairs = [(known[a], known[b]) for a, b in draws if a != b]
        return [
            pair for pair in dict.fromkeys(pairs) if pair not in self.labels and pair[::-1] not in self.labels
        ]

    def learn(self, captions: Sequence[str]) -> dict[str, float]:
        """Count what captions are worth into the moments, and train."""
        if self.trainings:
            self.moments.update(self.raw(captions)[:, None])
        return super().learn(captions)

    def loss(self, items: Sequence[Item], labels: Tensor) -> Tensor:
        """Cross-entropy of the preferences; neither = half and half."""
        rows = {caption: row for row, caption in enumerate(dict.fromkeys(c for item in items for c in item))}
        worth = self.read(list(rows))
        pairs = torch.tensor([[rows[caption] for caption in item] for item in items], device=self.device)
        return F.binary_cross_entropy_with_logits(worth[pairs[:, 0]] - worth[pairs[:, 1]], labels)

    def paid(self, raw: Tensor) -> Tensor:
        """Standard deviations above the mean, where they are enough."""
        z: Tensor = self.moments(raw[:, None])[:, 0]
        return torch.where(z > self.config.threshold, z, 0.0)

    def records(self) -> dict[str, Any]:
        """State to save as JSON."""
        return {**super().records(), "seen": list(self._seen)}

    def restore(self, records: dict[str, Any]) -> None:
        """Take back what `records` gave."""
        super().restore(records)
        self._seen = dict.fromkeys(records["seen"])
