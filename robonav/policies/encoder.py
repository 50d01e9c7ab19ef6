"""What one RGB frame and the action before it say: one token."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FrameEncoder(nn.Module):
    """Three convolutions on the image plus an embedding of the previous action."""

    def __init__(
        self, image_shape: tuple[int, int, int], num_actions: int, width: int, channels: tuple[int, ...]
    ) -> None:
        super().__init__()
        first, second, third = channels
        self.convolutions = nn.Sequential(
            nn.Conv2d(image_shape[0], first, 8, stride=4),
            nn.ReLU(),
            nn.Conv2d(first, second, 4, stride=2),
            nn.ReLU(),
            nn.Conv2d(second, third, 3),
            nn.ReLU(),
            nn.Flatten(),
        )
        with torch.no_grad():
            features = self.convolutions(torch.zeros(1, *image_shape)).shape[1]
        self.image = nn.Linear(features, width)
        self.previous_action = nn.Embedding(num_actions + 1, width)

    def forward(self, rgb: Tensor, previous_action: Tensor) -> Tensor:
        """Tokens (B, width) of images (B, 3, H, W) uint8 and previous actions (B,) int64, 0 = none."""
        image = self.image(self.convolutions(rgb.float() / 255.0 - 0.5))
        return image + self.previous_action(previous_action)
