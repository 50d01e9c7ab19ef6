"""Goals as context of every frame: an image, seen once by the frozen eye, or a place, told at every step."""

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


class PointGoal(nn.Module):
    """Makes of a goal's distance and bearing what they add to a frame's token.

    Args:
        width: Width of a token.
    """

    features = 4

    def __init__(self, width: int) -> None:
        super().__init__()
        self.place = nn.Sequential(nn.Linear(self.features, width), nn.GELU(), nn.Linear(width, width))

    def new(self, count: int, device: torch.device) -> Tensor:
        """Nothing (N, 4) that lasts: the goal is told at every step."""
        return torch.zeros(count, self.features, device=device)

    def look(self, eye: nn.Module, observation: dict[str, Tensor], known: Tensor, starts: Tensor) -> Tensor:
        """Numbers (N, 4) of the right size, from `point_goal` (N, 2): metres and radians."""
        distance, bearing = observation["point_goal"].float().unbind(dim=-1)
        return torch.stack(
            [distance / 10.0, torch.exp(-distance), torch.cos(bearing), torch.sin(bearing)], dim=-1
        )

    def forward(self, features: Tensor, goal: Tensor) -> Tensor:
        """What to add to tokens (..., width), from goals (..., 4)."""
        added: Tensor = self.place(goal)
        return added

    def initialise(self) -> None:
        """Small at first, so that an explorer that is fine-tuned begins as it was."""
        for layer, gain in ((self.place[0], 1.0), (self.place[2], 0.1)):
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
