"""Sizes of the sequence policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from robonav.errors import UsageError
from robonav.perception.goal_finder import GoalFinderConfig
from robonav.perception.predictor import PredictorConfig
from robonav.planners.next_best_view import PlannerConfig
from robonav.planners.own_map import OwnMapConfig

TrunkName = Literal["transformer", "lstm"]
RETIRED_OF_POLICIES = {"qk_norm": False, "rotary": True, "memory_every": 0, "action_token": "embedding"}
"""Options that policies had once, and the only value of each that a policy still has."""
RENAMED_OF_POLICIES = {"vision": "predictor", "spatial": "own_map", "guidance": "planner"}
"""Former names of options, as saved configurations hold them."""


@dataclass(frozen=True)
class SequencePolicyConfig:
    """A policy that remembers frames; the defaults are those of preset `recuriosity`, for a CPU."""

    width: int = 128
    """Width of a frame token."""
    blocks: int = 2
    """Number of transformer blocks, or of LSTM layers."""
    heads: int = 4
    """Attention heads per block."""
    window: int = 256
    """Number of frames that a frame can look back on in one block, itself included; 1 = no memory."""
    own_map: OwnMapConfig | None = None
    """Size of the policy's own map; None = it has none."""
    planner: PlannerConfig | None = None
    """The planner on the own map; None = the policy gets no advice."""
    predictor: PredictorConfig = field(default_factory=PredictorConfig)
    """Size of the frozen predictor."""
    finder: GoalFinderConfig | None = None
    """Size of what finds goal pictures for the planner; None = pictures are context and no more."""
    trunk: TrunkName = "transformer"
    """Sequence model over frames: a causal transformer, or an LSTM, which reads only width and blocks."""
    value_heads: int = 1
    """Streams of reward whose values are learned: 2 = that of the task, and that of curiosity."""
    actor_context: int | None = None
    """Frames that the actor looks back on through all blocks, itself included; None = what windows allow."""
    critic_context: int | None = None
    """The same of the critic; where the two differ, the trunk works twice."""

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be built."""
        self._check_frozen_parts()
        if self.trunk not in get_args(TrunkName):
            raise ValueError(f"trunk is {self.trunk!r}: choose transformer or lstm")
        if self.value_heads not in (1, 2):
            raise UsageError(f"value_heads is {self.value_heads}: give 1, or 2 for task and curiosity apart")
        if self.window < 1:
            raise ValueError(f"window must be at least 1 frame (the current one), found {self.window}")
        if any(context is not None and context < 1 for context in self.contexts):
            raise ValueError(f"contexts must be at least 1 frame (the current one), found {self.contexts}")
        if self.trunk == "lstm" and self.contexts != (None,):
            raise ValueError("an LSTM remembers the whole episode: contexts need the transformer")
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width {self.width} must be a multiple of twice the {self.heads} heads (rotary pairs)"
            )

    def _check_frozen_parts(self) -> None:
        if self.planner and not self.own_map:
            raise ValueError("the planner needs a map of its own to plan on: set own_map too, or no planner")
        if self.finder and not self.planner:
            raise UsageError("a finder tells a planner where to go: set planner too, or no finder")

    @property
    def contexts(self) -> tuple[int | None, ...]:
        """The contexts that the trunk is asked for: one for both, or the actor's and the critic's."""
        both = (self.actor_context, self.critic_context)
        return both[:1] if both[0] == both[1] else both
