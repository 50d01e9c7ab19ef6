"""The depth-and-occupancy predictor: free and occupied space in front of the camera from RGB."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robonav.perception.plane_sweep import SWEEP_CHANNELS, SWEEP_SIDE

COLUMNS = 16  # of the image, left to right, that it is described in
RAYS = 32  # directions of the predictor's scan, evenly spaced on the image plane, left to right
DEPTHS = 40  # steps along a ray
DEPTH_STEP_M = 0.125  # of depth, along the camera's axis
SIGNS = 3  # what is told of a step: whether it is free, holds something that is seen, and lies in sight
SIDE = 64  # pixels; other images are averaged or stretched to it
_LEAK = 0.1


@dataclass(frozen=True)
class PredictorConfig:
    """Size of the predictor; the default takes 12 M multiplications a frame."""

    channels: tuple[int, int, int, int] = (24, 48, 64, 64)
    """Channels of the four convolutions; they end at 4 rows of 16 columns."""
    column: int = 64
    """Channels of a column while its rows and its neighbours are looked at together."""
    squeezed: int = 32
    """Numbers that describe a column in the end."""
    ranging: int = 128
    """Channels of a column while its rays are read from these numbers."""

    @property
    def features(self) -> int:
        """Number of features of a frame."""
        return COLUMNS * self.squeezed


class OccupancyPredictor(nn.Module):
    """A small convolutional network that is taught depth and free space, then frozen.

    It has the part that DINOv2 has in ReCuriosity: the policy learns what to do, not how to see. Every image
    column is read with the same weights: a level camera sees the foot of an obstacle in the same row
    wherever in the image it stands, so what one column teaches holds for all.
    """

    def __init__(self, config: PredictorConfig | None = None) -> None:
        super().__init__()
        self.config = config or PredictorConfig()
        first, second, third, fourth = self.config.channels
        # Leaky, because half of the plain units died in the first minutes of training.
        self.pixels = nn.Sequential(
            nn.Conv2d(3, first, 4, stride=2, padding=1), nn.LeakyReLU(_LEAK, inplace=True)
        )
        self.image = nn.Sequential(
            nn.Conv2d(first + SWEEP_CHANNELS, second, 3, stride=2, padding=1),
            nn.LeakyReLU(_LEAK, inplace=True),
            nn.Conv2d(second, third, 3, stride=(2, 1), padding=1),
            nn.LeakyReLU(_LEAK, inplace=True),
            nn.Conv2d(third, fourth, 3, stride=(2, 1), padding=1),
            nn.LeakyReLU(_LEAK, inplace=True),
        )
        self.columns = nn.Sequential(
            nn.Conv1d(4 * fourth, self.config.column, 1),
            nn.LeakyReLU(_LEAK),
            nn.Conv1d(self.config.column, self.config.column, 5, padding=2),
            nn.LeakyReLU(_LEAK),
            nn.Conv1d(self.config.column, self.config.squeezed, 1),
            nn.LeakyReLU(_LEAK),
        )
        self.rays = nn.Sequential(
            nn.Conv1d(self.config.squeezed, self.config.ranging, 5, padding=2),
            nn.LeakyReLU(_LEAK),
            nn.Conv1d(self.config.ranging, self.config.ranging, 5, padding=2),
            nn.LeakyReLU(_LEAK),
            nn.Conv1d(self.config.ranging, RAYS // COLUMNS * SIGNS * DEPTHS, 1),
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, rgb: Tensor, sweep: Tensor | None = None) -> Tensor:
        """Features (B, F) of images.

        Args:
            rgb: (B, 3, H, W), uint8 or float in 0 ... 255.
            sweep: (B, 8, 32, 32) differences to earlier frames (`PlaneSweep`); None = no earlier frames.
        """
        image = rgb.float()
        if image.shape[-2:] != (SIDE, SIDE):
            image = F.interpolate(image, (SIDE, SIDE), mode="area")
        image = (image / 255.0 - 0.5).contiguous(memory_format=torch.channels_last)
        shown = self.pixels(image)
        if sweep is None:
            sweep = shown.new_zeros(len(shown), SWEEP_CHANNELS, SWEEP_SIDE, SWEEP_SIDE)
        columns: Tensor = self.image(torch.cat([shown, sweep], dim=1)).permute(0, 3, 1, 2).flatten(2)
        return _over_columns(self.columns, columns).transpose(1, 2).flatten(1)

    def scan(self, features: Tensor) -> Tensor:
        """Probabilities (B, 32, 40, 3) along each ray, from features (B, F).

        Of each step of 0.125 m of depth: that nothing stands there or before it, that something stands there
        and is seen, and that it is in sight at the height of the camera.
        """
        return self.scan_logits(features).sigmoid()

    def scan_logits(self, features: Tensor) -> Tensor:
        """Log-odds of `scan`, for the loss."""
        columns = features.unflatten(-1, (self.config.squeezed, COLUMNS)).transpose(1, 2)
        told = _over_columns(self.rays, columns)
        return told.reshape(len(features), RAYS, SIGNS, DEPTHS).transpose(2, 3)


def _over_columns(layers: nn.Sequential, columns: Tensor) -> Tensor:
    for layer in layers:
        columns = _across(layer, columns) if isinstance(layer, nn.Conv1d) else layer(columns)
    return columns


def _across(layer: nn.Conv1d, columns: Tensor) -> Tensor:
    """A convolution over columns (B, 16, C) as a matrix product, which is cheaper for so few."""
    reach = layer.kernel_size[0] // 2
    around = F.pad(columns, (0, 0, reach, reach)).unfold(1, 2 * reach + 1, 1)
    return F.linear(around.flatten(2), layer.weight.flatten(1), layer.bias)
