"""Options that all rewards of language have, and the warnings that are due before training."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from robonav.errors import UsageError
from robonav.rewards.config import RewardConfig
from robonav.rewards.oni.annotation_queue import AnnotationQueue
from robonav.rewards.oni.annotators import Annotator, RuleAnnotator
from robonav.rewards.oni.captions import Captions
from robonav.rewards.oni.endpoint import OpenAIAnnotator
from robonav.rewards.oni.label_cache import LabelCache

SOURCE = "Zheng et al. 2024, Online intrinsic rewards from LLM feedback (ONI), arXiv 2410.23022"


@dataclass(frozen=True)
class OniConfig(RewardConfig):
    """Options of rewards for helpful captions.

    Raises:
        UsageError: A number is out of its range, or nobody is named who annotates.
    """

    source: ClassVar[str] = SOURCE
    episodic: ClassVar[bool] = True
    pairs: ClassVar[bool] = False
    # labels are waited for, as checks compare two runs
    checked_with: ClassVar[dict[str, Any]] = {"rules": ("doorway", "open space"), "synchronous": True}

    url: str = ""
    """An OpenAI-compatible endpoint on this machine, such as http://127.0.0.1:8000/v1."""
    model: str = ""
    """The model, as the endpoint calls it."""
    rules: tuple[str, ...] = ()
    """Instead of an endpoint: regular expressions of helpful captions; for ranking, the best one first."""
    goal: str = "explore, and reach new places and things"
    """Goal by which the model judges captions."""
    knowledge: str = ""
    """Facts about the world for the model, in a sentence or two."""
    captions: Captions = "auto"
    """Source of captions: text, minigrid codes, depth of robonav's worlds; auto = the first that there is."""
    key: str | None = None
    """Entry of the observation with the text; None = the first with text."""
    digits: int = 2
    """Significant digits of numbers in captions."""
    beta: float = 3.0
    """A caption's n-th time in an episode pays n^-beta."""
    budget: int = 10_000
    """Annotations of the whole run; 0 = none, only those of the cache."""
    batch: int = 16
    """Captions, or pairs of them, of a request."""
    timeout: float = 30.0
    """Seconds for an answer; training does not wait for it."""
    cache: str = ""
    """File of labels, which later runs read; empty = memory only."""
    synchronous: bool = False
    """Wait for each label, so that a run can be repeated bit for bit."""
    other_machines: bool = False
    """Whether captions may be sent to another machine."""

    def __post_init__(self) -> None:
        """Check ranges, and that there is one annotator."""
        least = {"digits": 1, "batch": 1, "budget": 0, "beta": 0}
        for name, bound in least.items():
            if not getattr(self, name) >= bound:
                raise UsageError(
                    f"reward {self.name} has {name} {getattr(self, name)}: it has to be {bound} or more"
                )
        if not self.timeout > 0:
            raise UsageError(f"reward {self.name} has timeout {self.timeout}: it has to be above 0")
        if self.url and self.rules:
            raise UsageError(f"reward {self.name} has both url and rules: leave one out")

    def to_check(self) -> OniConfig:
        """With rules for what depth shows where nobody is named who annotates."""
        return self if self.url or self.rules else replace(self, **self.checked_with)

    def queue(self) -> AnnotationQueue:
        """The queue of its annotator, after warnings of what keeps it from answering.

        Raises:
            UsageError: No annotator is named, or it is on another machine.
        """
        annotator = self.annotator()
        cache = LabelCache(Path(self.cache) if self.cache else None, annotator.version)
        if self.budget == 0:
            warnings.warn(
                f"reward {self.name} has budget 0: nothing is annotated, and only the {len(cache.labels)} "
                "labels of its cache pay",
                stacklevel=2,
            )
        elif trouble := annotator.trouble():
            warnings.warn(
                f"reward {self.name}: {trouble}; training goes on, and what has no label pays nothing",
                stacklevel=2,
            )
        return AnnotationQueue(annotator, cache, self.budget, self.batch, self.synchronous)

    def annotator(self) -> Annotator:
        """The one that was named: rules, or an endpoint.

        Raises:
            UsageError: Nobody is named, or it is on another machine.
        """
        if self.rules:
            return RuleAnnotator(self.rules)
        if not (self.url and self.model):
            raise UsageError(
                f"reward {self.name} has nobody who annotates: give url and model of an endpoint, such as "
                "http://127.0.0.1:8000/v1, or rules"
            )
        return OpenAIAnnotator(
            self.url,
            self.model,
            self.goal,
            self.knowledge,
            2 if self.pairs else 1,
            self.timeout,
            self.other_machines,
        )
