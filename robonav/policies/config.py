"""Sizes of the sequence policy."""

from __future__ import annotations

from dataclasses import dataclass, field

from robonav.policies.guidance import GuidanceConfig
from robonav.policies.spatial_memory import SpatialMemoryConfig
from robonav.policies.vision import VisionConfig


@dataclass(frozen=True)
class SequencePolicyConfig:
    """A causal transformer over frames; the defaults are size `nano`, which trains on a CPU."""

    width: int = 128
    """Width of a frame token."""
    blocks: int = 2
    """Number of transformer blocks."""
    heads: int = 4
    """Attention heads per block."""
    window: int = 256
    """Number of frames that a frame can look back on, itself included; 1 = no memory."""
    spatial: SpatialMemoryConfig | None = field(default_factory=SpatialMemoryConfig)
    """Size of the policy's own map; None = it has none."""
    guidance: GuidanceConfig | None = field(default_factory=GuidanceConfig)
    """The planner on the own map; None = the policy gets no advice."""
    vision: VisionConfig = field(default_factory=VisionConfig)
    """Size of the frozen eye."""

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be built."""
        if self.window < 1:
            raise ValueError(f"window must be at least 1 frame (the current one), found {self.window}")
        if self.guidance and not self.spatial:
            raise ValueError("guidance needs a map of its own to plan on: set spatial too, or no guidance")
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width {self.width} must be a multiple of twice the {self.heads} heads (rotary pairs)"
            )
