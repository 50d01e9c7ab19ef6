"""What one RGB frame and the action before it say: one token."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robonav.policies.odometry import PoseEmbedding
from robonav.policies.vision import VisionConfig, VisionEncoder


class FrameEncoder(nn.Module):
    """A frozen eye, a learned view of its features, and embeddings of the previous action and the pose.

    Attributes:
        eye: Frozen; its weights come from `checkpoint.load_eye` or from a checkpoint of the policy.
    """

    def __init__(self, vision: VisionConfig, num_actions: int, width: int) -> None:
        super().__init__()
        self.eye = VisionEncoder(vision).requires_grad_(False)
        self.image = nn.Linear(vision.features, width)
        self.previous_action = nn.Embedding(num_actions + 1, width)
        self.pose = PoseEmbedding(width)

    def look(self, rgb: Tensor) -> Tensor:
        """Features (B, F) of images (B, 3, H, W) uint8."""
        with torch.no_grad():
            features: Tensor = self.eye(rgb)
        return features

    def forward(self, features: Tensor, previous_action: Tensor, pose: Tensor) -> Tensor:
        """Tokens (..., width) of features (..., F), previous actions (...) and poses (..., 3)."""
        tokens: Tensor = self.image(features) + self.previous_action(previous_action) + self.pose(pose)
        return tokens
