"""Dead reckoning: where the agent's own actions have taken it since the episode started."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from robonav.envs.navigation import FORWARD, FORWARD_M, LEFT, RIGHT, TURN_RAD

WAVELENGTHS_M = (0.8, 1.6, 3.2, 6.4, 12.8, 25.6)


def motion(previous_action: Tensor) -> tuple[Tensor, Tensor]:
    """Metres ahead and radians to the left (...) of previous actions (...): action + 1, or 0 = none."""
    ahead = FORWARD_M * (previous_action == FORWARD + 1).float()
    left = (previous_action == LEFT + 1).float() - (previous_action == RIGHT + 1).float()
    return ahead, TURN_RAD * left


def advance(pose: Tensor, previous_action: Tensor, starts: Tensor) -> Tensor:
    """The next pose (N, 3) after previous actions (N,); zero where an episode starts (N,) bool.

    A pose is x, y in metres and heading in radians, counter-clockwise, in the frame of the episode's start.
    """
    ahead, left = motion(previous_action)
    heading = pose[:, 2] + left
    step = ahead[:, None] * torch.stack([heading.cos(), heading.sin()], dim=-1)
    moved = torch.cat([pose[:, :2] + step, heading[:, None]], dim=-1)
    return torch.where(starts[:, None], torch.zeros_like(moved), moved)


def dead_reckon(previous_action: Tensor, starts: Tensor) -> Tensor:
    """What `advance` gives, for whole sequences: poses (B, T, 3) of actions (B, T) and starts (B, T) bool."""
    ahead, left = motion(previous_action)
    ahead, left = ahead.masked_fill(starts, 0.0), left.masked_fill(starts, 0.0)
    index = torch.arange(1, starts.shape[1] + 1, device=starts.device)
    # 1 + where each frame's episode started, 0 if it had started before the sequence.
    last = torch.where(starts, index, 0).cummax(dim=1).values
    heading = _since(last, left)
    x, y = (_since(last, ahead * wave) for wave in (heading.cos(), heading.sin()))
    return torch.stack([x, y, heading], dim=-1)


def _since(last: Tensor, motion: Tensor) -> Tensor:
    """Motion (B, T) added up since the start of each frame's episode."""
    total = nn.functional.pad(motion.cumsum(dim=1), (1, 0))
    return total[:, 1:] - total.gather(1, last)


class PoseEmbedding(nn.Module):
    """Waves over x, y and heading, mixed linearly: near poses look alike, so places can be found again."""

    frequencies: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        waves = 2 * math.pi / torch.tensor(WAVELENGTHS_M)
        self.register_buffer("frequencies", waves, persistent=False)
        self.mix = nn.Linear(4 * len(WAVELENGTHS_M) + 2, width)

    def forward(self, pose: Tensor) -> Tensor:
        """Embeddings (..., width) of poses (..., 3)."""
        phase = (pose[..., :2, None] * self.frequencies).flatten(-2)
        angles = torch.cat([phase, pose[..., 2:]], dim=-1)
        embedding: Tensor = self.mix(torch.cat([angles.sin(), angles.cos()], dim=-1))
        return embedding
