"""What a frame, the action before it, the policy's own map and the planner on it say: one token."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from robonav.perception.predictor import VisionConfig, VisionEncoder
from robonav.planners.next_best_view import Guide, NoGuide
from robonav.planners.own_map import NoSpatialMemory, SpatialMemory
from robonav.policies.goal import GoalContext, NoGoal, PointGoal


class Percept(NamedTuple):
    """What frozen parts make of one frame; learning reads it again and again.

    Attributes:
        features: (..., F) float32, what the eye says.
        windows: (..., C, S, S) uint8, what the policy's own map says; of no size where it has none.
        advice: (..., A) float32, what the planner on that map says; of no size where there is none.
        previous_action: (...) int64, 0 = none or blocked.
        goal: (..., F) float32, what the eye says of the goal image or where the goal lies; of no size where
            there is none.
    """

    features: Tensor
    windows: Tensor
    advice: Tensor
    previous_action: Tensor
    goal: Tensor


class FrameEncoder(nn.Module):
    """A frozen eye, learned views of its features, of the map and of advice, an embedding of the last action.

    Attributes:
        eye: Frozen; its weights come from `checkpoint.load_eye` or from a checkpoint of the policy.
    """

    def __init__(
        self,
        vision: VisionConfig,
        places: SpatialMemory | NoSpatialMemory,
        guide: Guide | NoGuide,
        num_actions: int,
        width: int,
        goal: str | None = None,
    ) -> None:
        super().__init__()
        self.eye, self.image = VisionEncoder(vision), nn.Linear(vision.features, width)
        self.eye.requires_grad_(False)
        self.places = places.encoder(width)
        self.advice = guide.encoder(width)
        self.previous_action = nn.Embedding(num_actions + 1, width)
        self.goal: GoalContext | PointGoal | NoGoal = NoGoal()
        if goal is not None:
            self.goal = PointGoal(width) if goal == "point_goal" else GoalContext(vision.features, width)

    def look(self, rgb: Tensor, sweep: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, F) and scan (B, 32, 40, 3), in float32 always.

        Args:
            rgb: (B, 3, H, W) uint8.
            sweep: (B, 8, 32, 32) how they differ from earlier ones.
        """
        with torch.no_grad(), torch.autocast(rgb.device.type, enabled=False):
            features: Tensor = self.eye(rgb, sweep)
            return features, self.eye.scan(features)

    def forward(self, percept: Percept) -> Tensor:
        """Tokens (..., width)."""
        tokens: Tensor = self.image(percept.features) + self.previous_action(percept.previous_action)
        tokens = tokens + self.places(percept.windows) + self.advice(percept.advice)
        return tokens + self.goal(percept.features, percept.goal)
