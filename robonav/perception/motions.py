"""How far an agent came by its own last action, for maps and image comparisons that know no true pose."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from torch import Tensor, nn

from robonav.envs.navigation.steps import FORWARD, FORWARD_M, LEFT, NUM_ACTIONS, RIGHT, TURN_RAD

_MOVED_M = 0.01  # what comes less far turns on the spot
_ON_THE_SPOT = 2.0  # of a share before the tanh: full speed ahead, or (below 0) none
_MOST_SHARE = 0.97  # of the turn rate that a planner asks for: the tanh has no finite value for 1


class StepMotions(nn.Module):
    """Forward 0.25 m, left 15 degrees, right 15 degrees, told as action + 1 and 0 for none or blocked.

    Attributes:
        headings: Headings in a full turn that a map tells apart.
    """

    headings = 24
    _table: Tensor

    def __init__(self) -> None:
        super().__init__()
        table = torch.zeros(NUM_ACTIONS + 1, 3)
        table[FORWARD + 1, 0], table[LEFT + 1, 2], table[RIGHT + 1, 2] = FORWARD_M, TURN_RAD, -TURN_RAD
        self.register_buffer("_table", table, persistent=False)

    def forward(self, previous_action: Tensor) -> Tensor:
        """Motions (N, 3) of actions (N,): metres forward and to the left, radians turned to the left."""
        return self._table[previous_action]

    def acts_in(self, action_space: spaces.Space[Any]) -> bool:
        """Whether these are the actions of a space."""
        return isinstance(action_space, spaces.Discrete) and int(action_space.n) == NUM_ACTIONS

    def as_steps(self, previous_action: Tensor) -> Tensor:
        """The steps (N,) int64 + 1, 0 = none or blocked."""
        return previous_action

    def prior(self, advice: Tensor, strength: float) -> Tensor:
        """Addition to the logits (..., 3) of the actions, from the advice (..., 7) of a planner."""
        return strength * advice[..., :NUM_ACTIONS]


class VelocityMotions(nn.Module):
    """Arcs by shares (N, 2) of 0.25 m and of 15 degrees a decision, as `envs.actions.Velocities` has them.

    Both shares are exactly 0 where the way was blocked; a policy that draws from densities never asks for
    that itself.
    """

    headings = 360

    def forward(self, previous_action: Tensor) -> Tensor:
        """Motions (N, 3) of shares (N, 2): metres forward and to the left, radians turned to the left."""
        length, turn = FORWARD_M * previous_action[:, 0], TURN_RAD * previous_action[:, 1]
        half = torch.sinc(turn / (2 * torch.pi))
        ahead = length * torch.sinc(turn / torch.pi)
        return torch.stack([ahead, length * half * torch.sin(turn / 2), turn], dim=1)

    def acts_in(self, action_space: spaces.Space[Any]) -> bool:
        """Whether these are the actions of a space."""
        return _are_shares(action_space)

    def as_steps(self, previous_action: Tensor) -> Tensor:
        """The nearest steps (N,) int64 + 1: ahead where it went somewhere, else a turn; 0 = blocked."""
        moved = FORWARD_M * previous_action[:, 0].abs() > _MOVED_M
        turned = torch.where(previous_action[:, 1] > 0, LEFT + 1, RIGHT + 1)
        steps = torch.where(moved, FORWARD + 1, turned)
        return steps.masked_fill((previous_action == 0).all(dim=1), 0)

    def prior(self, advice: Tensor, strength: float) -> Tensor:
        """Addition to the means (..., 2) before the tanh, from the advice (..., 7) of a planner.

        Ahead it steers along the way; before a wall, and where the way lies aside, it turns on the spot.
        """
        ahead, left, right = advice[..., FORWARD], advice[..., LEFT], advice[..., RIGHT]
        aside = torch.atan2(advice[..., NUM_ACTIONS + 1], advice[..., NUM_ACTIONS]) / TURN_RAD
        spin = left - right
        # a wall may ask for a turn away from the way
        turn = torch.where(spin * aside < 0, spin, torch.where(spin != 0, spin, aside))
        share = turn.clamp(-_MOST_SHARE, _MOST_SHARE)
        speed = _ON_THE_SPOT * (ahead - left - right)
        return (strength / 3.0) * torch.stack([speed, share.atanh()], dim=-1)


class NoMotions(nn.Module):
    """Replaces the others where observations do not tell the last action (null object)."""

    def acts_in(self, action_space: spaces.Space[Any]) -> bool:
        """In none."""
        return False

    def forward(self, previous_action: Tensor) -> Tensor:
        """Zeros (N, 3)."""
        return torch.zeros(len(previous_action), 3, device=previous_action.device)


Motions = StepMotions | VelocityMotions


def motions_told_by(previous_action: spaces.Space[Any] | None) -> Motions | NoMotions:
    """The motions that the space of an observation's `previous_action` tells of; None = it has none."""
    if isinstance(previous_action, spaces.Discrete) and int(previous_action.n) == NUM_ACTIONS + 1:
        return StepMotions()
    return VelocityMotions() if _are_shares(previous_action) else NoMotions()


def _are_shares(space: spaces.Space[Any] | None) -> bool:
    """Whether a space is two numbers from -1 to 1."""
    return (
        isinstance(space, spaces.Box)
        and space.shape == (2,)
        and bool((space.low == -1.0).all() and (space.high == 1.0).all())
    )
