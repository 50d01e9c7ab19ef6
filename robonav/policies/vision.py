"""The frozen eye of the explorer: what one RGB frame says about the space in front of the camera."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NEARNESS_CELLS = 16  # rows and columns of the image of 1 / (1 + depth) that the eye is taught to tell
HEADINGS_DEG = (-45.0, -30.0, -15.0, 0.0, 15.0, 30.0, 45.0)  # left positive; directions of free runs
SIDE = 64  # pixels; other images are averaged or stretched to it
_LEAK = 0.1


@dataclass(frozen=True)
class VisionConfig:
    """Size of the eye; the default takes 5 M multiplications a frame."""

    channels: tuple[int, int, int] = (32, 64, 64)
    """Channels of the three convolutions; the last two work on 8x8 cells."""
    squeezed: int = 16
    """Channels that are left of each cell before all cells are looked at together."""
    features: int = 256
    """Numbers that describe a frame."""


class VisionEncoder(nn.Module):
    """A small convolutional network that is taught depth and free space, then frozen.

    It has the part that DINOv2 has in ReCuriosity: the policy learns what to do, not how to see.
    """

    def __init__(self, config: VisionConfig | None = None) -> None:
        super().__init__()
        self.config = config or VisionConfig()
        first, second, third = self.config.channels
        cells = (SIDE // 8) ** 2
        # Leaky, because half of the plain units died in the first minutes of training.
        self.body = nn.Sequential(
            nn.Conv2d(3, first, 8, stride=4, padding=2),
            nn.LeakyReLU(_LEAK),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.LeakyReLU(_LEAK),
            nn.Conv2d(second, third, 3, padding=1),
            nn.LeakyReLU(_LEAK),
            nn.Conv2d(third, self.config.squeezed, 1),
            nn.LeakyReLU(_LEAK),
            nn.Flatten(),
            nn.Linear(self.config.squeezed * cells, self.config.features),
            nn.LeakyReLU(_LEAK),
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, rgb: Tensor) -> Tensor:
        """Features (B, F) of images (B, 3, H, W), uint8 or float in 0 ... 255."""
        image = rgb.float()
        if image.shape[-2:] != (SIDE, SIDE):
            image = F.interpolate(image, (SIDE, SIDE), mode="area")
        image = (image / 255.0 - 0.5).contiguous(memory_format=torch.channels_last)
        features: Tensor = self.body(image)
        return features


class VisionHeads(nn.Module):
    """What the eye is asked while it is taught; not part of the policy."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.nearness = nn.Linear(features, NEARNESS_CELLS**2)
        self.free_runs = nn.Linear(features, len(HEADINGS_DEG))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Nearness (B, 16, 16) and free runs (B, 7) in units of the reach, from features (B, F)."""
        return self.nearness(features).unflatten(-1, (NEARNESS_CELLS, -1)), self.free_runs(features)
