"""What one RGB frame and the action before it say: one token."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robonav.policies.vision import VisionConfig, VisionEncoder


class FrameEncoder(nn.Module):
    """A frozen eye, a learned view of its features, and an embedding of the previous action.

    Attributes:
        eye: Frozen; its weights come from `checkpoint.load_eye` or from a checkpoint of the policy.
    """

    def __init__(self, vision: VisionConfig, num_actions: int, width: int) -> None:
        super().__init__()
        self.eye = VisionEncoder(vision).requires_grad_(False)
        self.image = nn.Linear(vision.features, width)
        self.previous_action = nn.Embedding(num_actions + 1, width)

    def look(self, rgb: Tensor) -> Tensor:
        """Features (B, F) of images (B, 3, H, W) uint8."""
        with torch.no_grad():
            features: Tensor = self.eye(rgb)
        return features

    def forward(self, features: Tensor, previous_action: Tensor) -> Tensor:
        """Tokens (..., width) of features (..., F) and previous actions (...) int64, 0 = none or blocked."""
        tokens: Tensor = self.image(features) + self.previous_action(previous_action)
        return tokens
