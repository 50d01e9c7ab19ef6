"""A goal image as context of every frame: seen once by the frozen eye, compared with what is seen now."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GoalContext(nn.Module):
    """Makes of a frame's and the goal's features what the goal adds to the frame's token.

    Args:
        features: Numbers by which the eye describes an image.
        width: Width of a token.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.features = features
        self.compare = nn.Sequential(nn.Linear(2 * features, width), nn.GELU(), nn.Linear(width, width))

    def new(self, count: int, device: torch.device) -> Tensor:
        """Room (N, F) for what `count` agents know of their goals."""
        return torch.zeros(count, self.features, device=device)

    def look(self, eye: nn.Module, observation: dict[str, Tensor], known: Tensor, starts: Tensor) -> Tensor:
        """Features (N, F) of the goals; the eye looks at `goal` (N, 3, H, W) where episodes start.

        Args:
            eye: The frozen eye.
            observation: What the agents are told.
            known: (N, F), changed in place.
            starts: (N,) bool.
        """
        if bool(starts.any()):
            with torch.no_grad():
                known[starts] = eye(observation["goal"][starts])
        return known.clone()

    def forward(self, features: Tensor, goal: Tensor) -> Tensor:
        """What to add to tokens (..., width), from features of frames (..., F) and of goals (..., F)."""
        added: Tensor = self.compare(torch.cat([features, goal], dim=-1))
        return added

    def initialise(self) -> None:
        """Small at first, so that an explorer that is fine-tuned begins as it was."""
        for layer, gain in ((self.compare[0], 1.0), (self.compare[2], 0.1)):
            nn.init.orthogonal_(layer.weight, gain=gain)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


class NoGoal(nn.Module):
    """In place of `GoalContext` where a policy is shown no goal."""

    features = 0

    def new(self, count: int, device: torch.device) -> Tensor:
        """Nothing (N, 0)."""
        return torch.zeros(count, 0, device=device)

    def look(self, eye: nn.Module, observation: dict[str, Tensor], known: Tensor, starts: Tensor) -> Tensor:
        """Nothing (N, 0)."""
        return known

    def forward(self, features: Tensor, goal: Tensor) -> float:
        """Adds nothing."""
        return 0.0

    def initialise(self) -> None:
        """Nothing to initialise."""
