"""Goals as context of every frame: an image, encoded once by the frozen predictor, or a place each step."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from torch import Tensor, nn

from robonav.policies.encoders.base import KeyEncoder


class GoalContext(nn.Module):
    """Makes of a frame's and the goal's features what the goal adds to the frame's token.

    Args:
        features: Numbers by which the predictor describes an image.
        width: Width of a token.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.features = features
        self.compare = nn.Sequential(nn.Linear(2 * features, width), nn.GELU(), nn.Linear(width, width))

    def new(self, count: int, device: torch.device) -> Tensor:
        """Room (N, F) for what `count` agents know of their goals."""
        return torch.zeros(count, self.features, device=device)

    def look(
        self, predictor: nn.Module, observation: dict[str, Tensor], known: Tensor, starts: Tensor
    ) -> Tensor:
        """Features (N, F) of the goals; the predictor looks at `goal` (N, 3, H, W) where episodes start.

        Args:
            predictor: The frozen predictor.
            observation: Observation of the agents.
            known: (N, F), changed in place.
            starts: (N,) bool.
        """
        if bool(starts.any()):
            with torch.no_grad():
                known[starts] = predictor(observation["goal"][starts])
        return known.clone()

    def forward(self, features: Tensor, goal: Tensor) -> Tensor:
        """Return the term for tokens (..., width), from features of frames (..., F) and of goals (..., F)."""
        added: Tensor = self.compare(torch.cat([features, goal], dim=-1))
        return added

    def initialise(self) -> None:
        """Small at first, so that an explorer that is fine-tuned begins as it was."""
        for layer, gain in ((self.compare[0], 1.0), (self.compare[2], 0.1)):
            nn.init.orthogonal_(layer.weight, gain=gain)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


class PointGoal(KeyEncoder):
    """Makes of a goal's distance and bearing what they add to a frame's token; for `point_goal`."""

    shape = (4,)

    def __init__(self, space: spaces.Box, width: int) -> None:
        super().__init__(space, width)
        self.place = nn.Sequential(nn.Linear(self.shape[0], width), nn.GELU(), nn.Linear(width, width))

    @staticmethod
    def reads(name: str, space: spaces.Space[Any]) -> bool:
        """Whether it is a distance in metres and a bearing in radians, named `point_goal`."""
        return name == "point_goal" and isinstance(space, spaces.Box) and space.shape == (2,)

    def keep(self, value: Tensor) -> Tensor:
        """Numbers (N, 4) of the right size, from `point_goal` (N, 2): metres and radians."""
        distance, bearing = value.float().unbind(dim=-1)
        return torch.stack(
            [distance / 10.0, torch.exp(-distance), torch.cos(bearing), torch.sin(bearing)], dim=-1
        )

    def forward(self, kept: Tensor) -> Tensor:
        """Return the term for tokens (..., width), from goals (..., 4)."""
        added: Tensor = self.place(kept)
        return added

    def initialise(self) -> None:
        """Small at first, so that an explorer that is fine-tuned begins as it was."""
        for layer, gain in ((self.place[0], 1.0), (self.place[2], 0.1)):
            nn.init.orthogonal_(layer.weight, gain=gain)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


class NoGoal(nn.Module):
    """In place of `GoalContext` where no goal image is shown."""

    features = 0

    def new(self, count: int, device: torch.device) -> Tensor:
        """Nothing (N, 0)."""
        return torch.zeros(count, 0, device=device)

    def look(
        self, predictor: nn.Module, observation: dict[str, Tensor], known: Tensor, starts: Tensor
    ) -> Tensor:
        """Nothing (N, 0)."""
        return known
