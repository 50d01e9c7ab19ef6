"""Where the policy's own map promises the most that is new, and the next step there: advice, not orders.

A next-best-view planner (Connolly 1985) on what the policy drew itself from RGB and its own steps. It knows
no more than the policy does, but it does not have to learn what a way is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
import warp as wp
from torch import Tensor, nn

from robonav.envs.navigation import FORWARD, NUM_ACTIONS
from robonav.maps import next_view_kernels as kernels
from robonav.policies.spatial_memory import Places, SpatialMemory

ADVICE = (
    NUM_ACTIONS + 4
)  # one-hot action; cosine and sine of the way's direction, nearness, worth of the goal


@dataclass(frozen=True)
class GuidanceConfig:
    """How much the policy is told to trust its planner before it has learned anything."""

    prior: float = 2.0
    """Added to the logit of the action that the planner advises; 2 = taken in 79 % of all cases at first."""


@dataclass
class Plans:
    """What N agents are up to: the arrays of `next_view_kernels.Plans`; inference state, as `Places` is."""

    goal: Tensor
    clock: Tensor
    walls: Tensor
    path: Tensor
    length: Tensor
    met: Tensor
    worth: Tensor
    given_up: Tensor
    cost: Tensor
    queued: Tensor
    queue: Tensor
    reached: Tensor

    def copy(self) -> Plans:
        """An independent copy."""
        return Plans(*(getattr(self, field.name).clone() for field in fields(self)))


class Guide(nn.Module):
    """Plans on the maps of a `SpatialMemory`, every eighth step or when something has come up."""

    rays: Tensor
    width = ADVICE

    def __init__(self, config: GuidanceConfig, memory: SpatialMemory) -> None:
        super().__init__()
        self._prior, self._map = config.prior, memory.config
        self.register_buffer("rays", _rays(memory.config.cells), persistent=False)

    def encoder(self, width: int) -> nn.Module:
        """A module that makes (..., width) of advice (..., 7)."""
        return nn.Linear(ADVICE, width)

    def prior(self, advice: Tensor) -> Tensor:
        """What the advice (..., 7) adds to the logits of the actions (..., 3)."""
        return self._prior * advice[..., :NUM_ACTIONS]

    def new(self, count: int, device: torch.device) -> Plans:
        """No plans yet, for `count` agents."""
        cells, rows = self._map.cells**2, count * 2 * self._map.cells**2

        def zeros(*shape: int, dtype: torch.dtype = torch.int32) -> Tensor:
            return torch.zeros(shape, dtype=dtype, device=device)

        return Plans(
            goal=zeros(count, 2) + kernels.NOWHERE,
            clock=zeros(count, 2),
            walls=zeros(count),
            path=zeros(count, int(kernels.PATH)),
            length=zeros(count),
            met=zeros(count),
            worth=zeros(count, dtype=torch.float32),
            given_up=zeros(rows, dtype=torch.uint8),
            cost=zeros(rows),
            queued=zeros(rows, dtype=torch.uint8),
            queue=zeros(count, cells),
            reached=zeros(count, cells),
        )

    def advise(self, plans: Plans, places: Places, previous_action: Tensor, starts: Tensor) -> Tensor:
        """Advice (N, 7) on the next action, once the map knows of the last one.

        Args:
            plans: Changed in place.
            places: The agents' maps.
            previous_action: (N,) int64 action + 1, 0 = none or blocked.
            starts: (N,) bool, a new episode begins with this frame.
        """
        count, device = len(starts), wp.get_device(str(starts.device))
        advice = torch.zeros(count, ADVICE, device=starts.device)
        thinks = torch.zeros(count, dtype=torch.bool, device=starts.device)
        grid, state = self._grid(places), kernels.Plans()
        for field in fields(plans):
            setattr(state, field.name, wp.from_torch(getattr(plans, field.name)))
        bodies = kernels.Bodies()
        bodies.position = wp.from_torch(places.position, dtype=wp.vec2)
        bodies.heading = wp.from_torch(places.heading)
        bodies.starts = wp.from_torch(starts)
        bodies.moved = wp.from_torch(previous_action == FORWARD + 1)
        bodies.blocked = wp.from_torch((previous_action == 0) & ~starts)
        ponder = wp.from_torch(thinks)
        for kernel in (kernels.revise, kernels.search, kernels.choose):
            wp.launch(kernel, count, [grid, state, bodies, ponder], device=device)
        wp.launch(kernels.trace, count, [grid, state, ponder], device=device)
        wp.launch(kernels.advise, count, [grid, state, bodies, wp.from_torch(advice)], device=device)
        return advice

    def _grid(self, places: Places) -> kernels.Grid:
        grid = kernels.Grid()
        grid.summary = wp.from_torch(places.summary)
        grid.rows = 2 * self._map.cells**2
        grid.side = self._map.cells
        grid.mask = (self._map.cells - 1) * (2 * self._map.cells + 1)
        grid.cell_m = self._map.cell_m
        grid.rays = wp.from_torch(self.rays)
        return grid


class NoGuide(nn.Module):
    """In place of `Guide` where a policy is on its own."""

    width = 0

    def encoder(self, width: int) -> nn.Module:
        """Gives zero."""
        return _Nothing()

    def prior(self, advice: Tensor) -> float:
        """Nothing is preferred."""
        return 0.0

    def new(self, count: int, device: torch.device) -> Plans:
        """Nothing."""
        return Plans(*(torch.zeros(0, device=device) for _ in fields(Plans)))

    def advise(self, plans: Plans, places: Places, previous_action: Tensor, starts: Tensor) -> Tensor:
        """Advice of no size (N, 0)."""
        return torch.zeros(len(starts), 0, device=starts.device)


class _Nothing(nn.Module):
    def forward(self, advice: Tensor) -> float:
        return 0.0


def _rays(cells: int) -> Tensor:
    """(RAYS, REACH) int32: what to add to a packed cell to go 1 ... REACH cells along each ray."""
    angles = (torch.arange(int(kernels.RAYS), dtype=torch.float64) + 0.5) * (2 * math.pi / int(kernels.RAYS))
    steps = torch.arange(1, int(kernels.REACH) + 1, dtype=torch.float64)
    x, y = (torch.outer(f(angles), steps).round().int() & (cells - 1) for f in (torch.cos, torch.sin))
    return x * 2 * cells + y
