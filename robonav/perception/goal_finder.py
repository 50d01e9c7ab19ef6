"""The goal finder: whether a frame shows a part of a goal picture, and where the picture was taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robonav.perception.predictor import COLUMNS, SIDE, PredictorConfig

CELLS, CELL_M = 17, 0.5  # the square of cells around the camera in which the place of a picture is told
TURNS = 24  # headings of 15 degrees
_ROWS = 4  # of what the convolutions make of an image
_LEAK = 0.1


@dataclass(frozen=True)
class GoalFinderConfig:
    """Size of the goal finder; the default takes 9 M multiplications for a frame and 9 M to compare it."""

    channels: tuple[int, int, int, int] = (32, 48, 64, 64)
    """Channels of the four convolutions over an image; they end at 4 rows of 16 columns."""
    keys: int = 8
    """Ways in which two columns can be alike."""
    key: int = 16
    """Numbers of a column that one of them compares."""
    told: int = 16
    """Numbers that are kept of what the predictor says of a column."""
    compared: tuple[int, int, int] = (32, 64, 96)
    """Channels of the convolutions over pairs of columns."""
    hidden: int = 256
    """Numbers of which all that is told of a pair of images is read."""

    @property
    def column(self) -> int:
        """Number of features of a column."""
        return self.keys * self.key + self.told


class Finding(NamedTuple):
    """Predictions for B pairs of a frame and a picture, as log-odds.

    Attributes:
        in_view: (B,) that the frame shows some of what the picture shows.
        place: (B, 17 * 17) where the picture was taken, if so: cells of 0.5 m ahead of the camera and to
            its left (`cell_centres`).
        turn: (B, 24) how far it was turned to the left of the frame, in turns of 15 degrees.
    """

    in_view: Tensor
    place: Tensor
    turn: Tensor


class GoalFinder(nn.Module):
    """Compares each column of a frame with each column of a picture; it is taught, then frozen.

    A level camera that is elsewhere sees the same things in other columns. Which columns look alike, and
    how far away the predictor says things are in both, is what says where the other camera stood.

    Args:
        config: Its size.
        predictor: Size of the predictor whose features are used.
    """

    def __init__(self, config: GoalFinderConfig, predictor: PredictorConfig) -> None:
        super().__init__()
        self.config, self._squeezed = config, predictor.squeezed
        first, second, third, fourth = config.channels
        self.image = nn.Sequential(
            nn.Conv2d(3, first, 4, stride=2, padding=1),
            nn.LeakyReLU(_LEAK, inplace=True),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.LeakyReLU(_LEAK, inplace=True),
            nn.Conv2d(second, third, 3, stride=(2, 1), padding=1),
            nn.LeakyReLU(_LEAK, inplace=True),
            nn.Conv2d(third, fourth, 3, stride=(2, 1), padding=1),
            nn.LeakyReLU(_LEAK, inplace=True),
        )
        self.key = nn.Linear(_ROWS * fourth, config.keys * config.key)
        self.tell = nn.Linear(predictor.squeezed, config.told)
        self.sharpness = nn.Parameter(torch.full((config.keys, 1, 1), 3.0))
        near, mid, wide = config.compared
        self.pair = nn.Sequential(
            nn.Conv2d(config.keys + 2 * config.told, near, 3, padding=1),
            nn.LeakyReLU(_LEAK, inplace=True),
            nn.Conv2d(near, mid, 3, stride=2, padding=1),
            nn.LeakyReLU(_LEAK, inplace=True),
            nn.Conv2d(mid, mid, 3, padding=1),
            nn.LeakyReLU(_LEAK, inplace=True),
            nn.Conv2d(mid, wide, 3, stride=2, padding=1),
            nn.LeakyReLU(_LEAK, inplace=True),
            nn.Flatten(),
            nn.Linear(wide * (COLUMNS // 4) ** 2, config.hidden),
            nn.LeakyReLU(_LEAK, inplace=True),
            nn.Linear(config.hidden, 1 + CELLS**2 + TURNS),
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def columns(self, rgb: Tensor, features: Tensor) -> Tensor:
        """Features of the columns of images, (B, 16, K).

        Args:
            rgb: (B, 3, H, W) in 0 ... 255.
            features: (B, F) what the predictor says of them.
        """
        image = rgb.float()
        if image.shape[-2:] != (SIDE, SIDE):
            image = F.interpolate(image, (SIDE, SIDE), mode="area")
        image = (image / 255.0 - 0.5).contiguous(memory_format=torch.channels_last)
        shown = self.image(image).permute(0, 3, 1, 2).flatten(2)
        keys = F.normalize(self.key(shown).unflatten(-1, (self.config.keys, self.config.key)), dim=-1)
        told = self.tell(features.unflatten(-1, (self._squeezed, COLUMNS)).transpose(1, 2))
        return torch.cat([keys.flatten(2), told], dim=-1)

    def forward(self, frames: Tensor, pictures: Tensor) -> Finding:
        """Predictions for pairs of `columns` (B, 16, K)."""
        sizes = [self.config.keys * self.config.key, self.config.told]
        (keys, told), (other_keys, other_told) = frames.split(sizes, dim=-1), pictures.split(sizes, dim=-1)
        each = (self.config.keys, self.config.key)
        alike = torch.einsum("bikc,bjkc->bkij", keys.unflatten(-1, each), other_keys.unflatten(-1, each))
        rows = told.transpose(1, 2)[..., None].expand(-1, -1, -1, COLUMNS)
        columns = other_told.transpose(1, 2)[:, :, None].expand(-1, -1, COLUMNS, -1)
        pairs = torch.cat([alike * self.sharpness, rows, columns], dim=1)
        found = self.pair(pairs.contiguous(memory_format=torch.channels_last))
        in_view, place, turn = found.split([1, CELLS**2, TURNS], dim=1)
        return Finding(in_view[:, 0], place, turn)


def cell_centres() -> Tensor:
    """Metres ahead and to the left (17 * 17, 2) of the cells of `Finding.place`."""
    steps = (torch.arange(CELLS) - CELLS // 2) * CELL_M
    return torch.stack(torch.meshgrid(steps, steps, indexing="ij"), dim=-1).flatten(0, 1)
