"""ONI-Retrieval: what was labelled helpful pays, and what has no label does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from robonav.rewards.config import RewardContext
from robonav.rewards.oni.config import OniConfig
from robonav.rewards.oni.reward import OniReward


@dataclass(frozen=True)
class OniRetrievalConfig(OniConfig):
    """Options of labels that are looked up."""

    name: ClassVar[str] = "oni-retrieval"

    def build(self, context: RewardContext) -> OniRetrieval:
        """The reward for an environment."""
        return OniRetrieval(self, context)


class OniRetrieval(OniReward):
    """The label of a caption; 0 where there is none."""

    def scores(self, captions: Sequence[str]) -> NDArray[np.float32]:
        """Labels (N,)."""
        return np.array([self.labels.get((caption,), 0.0) for caption in captions], np.float32)
