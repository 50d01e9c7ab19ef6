"""An encoder of images that learns what it sees: cameras other than `rgb`, depth images, elevation maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn
from torch.nn import functional as F

from robonav.policies.encoders.base import KeyEncoder

_SIDE = 64  # pixels; larger images are averaged


class CameraEncoder(KeyEncoder):
    """Four small convolutions; for images (C, H, W) or (H, W, C) uint8."""

    dtype = np.uint8

    def __init__(self, space: spaces.Box, width: int) -> None:
        super().__init__(space, width)
        self.channels_last = channels_last(space.shape)
        channels, *sides = (
            np.moveaxis(np.empty(space.shape), -1, 0).shape if self.channels_last else space.shape
        )
        self.shape = (channels, *sides)
        layers: list[nn.Module] = []
        for before, after in ((channels, 16), (16, 32), (32, 32), (32, 32)):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.LeakyReLU(0.1, inplace=True)]
        cells = int(np.prod([-(-min(side, _SIDE) // 16) for side in sides]))
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * cells, width))

    @staticmethod
    def reads(name: str, space: spaces.Space[Any]) -> bool:
        """Whether it is a Box of bytes in three dimensions."""
        return isinstance(space, spaces.Box) and len(space.shape) == 3 and space.dtype == np.uint8

    def keep(self, value: Tensor) -> Tensor:
        """Images (N, C, H, W) uint8."""
        return value.movedim(-1, 1) if self.channels_last else value

    def forward(self, kept: Tensor) -> Tensor:
        """Return the term for tokens (..., width), from images (..., C, H, W)."""
        images = kept.flatten(0, -4).to(torch.float32, memory_format=torch.channels_last)
        sides = [min(side, _SIDE) for side in self.shape[1:]]
        if list(images.shape[2:]) != sides:
            images = F.interpolate(images, sides, mode="area")
        added: Tensor = self.body(images / 255.0 - 0.5).unflatten(0, kept.shape[:-3])
        return added


def channels_last(shape: tuple[int, ...]) -> bool:
    """Whether an image of that shape is (H, W, C): its last side is the shortest."""
    return shape[2] < shape[0]
