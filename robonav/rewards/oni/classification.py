"""ONI-Classification: a network tells helpful captions from others, also those without a label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from robonav.rewards.config import RewardContext
from robonav.rewards.oni.annotators import Item
from robonav.rewards.oni.learned import OniLearned, OniLearnedConfig


@dataclass(frozen=True)
class OniClassificationConfig(OniLearnedConfig):
    """Options of the classifier."""

    name: ClassVar[str] = "oni-classification"

    threshold: float = 0.5
    """Probability from which a caption counts as helpful."""

    def build(self, context: RewardContext) -> OniClassification:
        """The reward for an environment."""
        return OniClassification(self, context)


class OniClassification(OniLearned):
    """1 where P(helpful) > threshold, else 0."""

    def loss(self, items: Sequence[Item], labels: Tensor) -> Tensor:
        """Cross-entropy."""
        return F.binary_cross_entropy_with_logits(self.read([caption for (caption,) in items]), labels)

    def paid(self, raw: Tensor) -> Tensor:
        """0 or 1."""
        return (raw.sigmoid() > self.config.threshold).float()
