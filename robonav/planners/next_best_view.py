"""Next-best-view planning on the policy's own map; the planned action is an input of the policy.

A next-best-view planner (Connolly 1985) on the map that the policy builds from RGB and its own steps. It has
no other inputs than the policy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cached_property

import torch
import warp as wp
from torch import Tensor, nn

from robonav.envs.navigation.steps import NUM_ACTIONS
from robonav.planners import next_best_view_kernels as kernels
from robonav.planners import path_kernels
from robonav.planners.goal_belief import GoalEstimate
from robonav.planners.own_map import OwnMap, OwnMapConfig, Places
from robonav.planners.planning_limits import LATTICE_M, SIGHT_M

_STUCK_STEPS, _STUCK_M = 64, 1.0  # an agent without progress or goal for so long is stuck
# One-hot action; cosine and sine of the way's direction, how near the goal is, and what it is worth.
ADVICE = NUM_ACTIONS + 4


@dataclass(frozen=True)
class PlannerConfig:
    """Weight of the planned action in an untrained policy."""

    prior: float = 3.0
    """Added to the logit of the action that the planner advises; 3 = taken in 91 % of all cases at first."""


@dataclass
class Plans:
    """Plans of N agents; inference state, as `Places` is.

    Attributes:
        idle: (N,) int32 steps without a goal.
        still: (N,) int32 steps near the anchor.
        anchor: (N, 2) float32 metres, the position of the last progress.

    All others are the arrays of `path_kernels.Plans`.
    """

    goal: Tensor
    clock: Tensor
    thinks: Tensor
    walls: Tensor
    path: Tensor
    length: Tensor
    worth: Tensor
    places: Tensor
    headings: Tensor
    promises: Tensor
    stamp: Tensor
    ways: Tensor
    given_up: Tensor
    price: Tensor
    cost: Tensor
    queued: Tensor
    queue: Tensor
    reached: Tensor
    met: Tensor
    idle: Tensor
    still: Tensor
    anchor: Tensor

    @cached_property
    def arrays(self) -> path_kernels.Plans:
        """The same memory as arrays for the kernels."""
        state = path_kernels.Plans()
        for name in path_kernels.Plans.vars:  # type: ignore[attr-defined]  # Warp makes it a Struct
            setattr(state, name, wp.from_torch(getattr(self, name)))
        return state

    def copy(self) -> Plans:
        """An independent copy."""
        return Plans(*(getattr(self, field.name).clone() for field in fields(self)))


class NextBestViewPlanner(nn.Module):
    """Plans on the maps of an `OwnMap`, every eighth step or after an event."""

    rays: Tensor
    width = ADVICE

    def __init__(self, config: PlannerConfig, memory: OwnMap) -> None:
        super().__init__()
        self._prior, self._map = config.prior, memory
        self.register_buffer("rays", _rays(memory.config), persistent=False)

    def encoder(self, width: int) -> nn.Module:
        """A module that makes (..., width) of advice (..., 7)."""
        return nn.Linear(ADVICE, width)

    def prior(self, advice: Tensor) -> Tensor:
        """Addition to what the action head computes, from the advice (..., 7)."""
        return self._map.motions.prior(advice, self._prior)

    def new(self, count: int, device: torch.device) -> Plans:
        """No plans yet, for `count` agents."""
        cells = self._map.config.cells**2
        shapes: dict[str, tuple[int, ...]] = {
            "goal": (2,),
            "clock": (2,),
            "path": (int(path_kernels.PATH),),
            "anchor": (2,),
            "queue": (cells,),
            "reached": (cells,),
            **dict.fromkeys(("places", "headings", "promises"), (int(kernels.CANDIDATES),)),
            **dict.fromkeys(("given_up", "price", "cost", "queued", "stamp"), (2 * cells,)),
        }
        types = {
            "thinks": torch.bool,
            **dict.fromkeys(("worth", "promises", "anchor"), torch.float32),
            **dict.fromkeys(("given_up", "price", "queued"), torch.uint8),
        }
        plans = Plans(
            **{
                field.name: torch.zeros(
                    (count, *shapes.get(field.name, ())),
                    dtype=types.get(field.name, torch.int32),
                    device=device,
                )
                for field in fields(Plans)
            }
        )
        plans.goal += int(path_kernels.NOWHERE)
        return plans

    def advise(
        self, plans: Plans, places: Places, previous_action: Tensor, starts: Tensor, sought: GoalEstimate
    ) -> Tensor:
        """Advice (N, 7) on the next action, after the map's update.

        Args:
            plans: Changed in place.
            places: The agents' maps.
            previous_action: (N, ...) what was carried out, as the map reads it.
            starts: (N,) bool, a new episode begins with this frame.
            sought: Goal poses, which come before next-best views.

        Returns:
            One-hot step; cosine and sine of the way's direction, how near the goal is, what it is worth.
        """
        places, steps = self._map.in_turns(places), self._map.motions.as_steps(previous_action)
        advice = torch.zeros(len(starts), ADVICE, device=starts.device)
        device = wp.get_device(str(starts.device))
        maps, state = self._maps(places, steps, starts, sought), plans.arrays
        search, trace = path_kernels.search, path_kernels.trace
        for kernel in (kernels.revise, search, kernels.shortlist, kernels.choose, kernels.pursue, trace):
            wp.launch(kernel, len(starts), [maps, state], device=device)
        wp.launch(kernels.advise, len(starts), [maps, state, wp.from_torch(advice)], device=device)
        self._doubt(plans, places, starts)
        return advice if places.rest.count_nonzero() == 0 else _turned_back(advice, places.rest)

    def _doubt(self, plans: Plans, places: Places, starts: Tensor) -> None:
        """Clear the map of agents that are stuck: it must be wrong somewhere."""
        moved = starts | ((places.position - plans.anchor).norm(dim=1) > _STUCK_M)
        plans.anchor[moved] = places.position[moved]
        plans.still.add_(1).masked_fill_(moved, 0)
        has_goal = plans.goal[:, 0] != int(path_kernels.NOWHERE)
        plans.idle.add_(1).masked_fill_(starts | has_goal, 0)
        stuck = torch.maximum(plans.still, plans.idle) >= _STUCK_STEPS
        if bool(stuck.any()):
            self._map.forget(places, stuck)
            for state in (plans.given_up, plans.still, plans.idle):
                state[stuck] = 0

    def _maps(self, places: Places, steps: Tensor, starts: Tensor, sought: GoalEstimate) -> path_kernels.Maps:
        maps = path_kernels.Maps()
        maps.grid = self._map.grid
        maps.summary = wp.from_torch(places.summary.view(len(starts), -1, 2), dtype=wp.vec2ub)
        maps.rays = wp.from_torch(self.rays)
        maps.lattice = max(1, round(LATTICE_M / self._map.config.cell_m))
        maps.position = wp.from_torch(places.position, dtype=wp.vec2)
        maps.heading = wp.from_torch(places.heading)
        maps.previous_action = wp.from_torch(steps)
        maps.starts = wp.from_torch(starts)
        maps.seeks = wp.from_torch(sought.known)
        maps.sought = wp.from_torch(sought.pose, dtype=wp.vec3)
        return maps


def _turned_back(advice: Tensor, rest: Tensor) -> Tensor:
    """The advice with the way's direction as seen by agents that are turned `rest` (N,) radians farther."""
    cosine, sine = rest.cos(), rest.sin()
    x, y = advice[:, NUM_ACTIONS], advice[:, NUM_ACTIONS + 1]
    told = advice.clone()
    told[:, NUM_ACTIONS], told[:, NUM_ACTIONS + 1] = cosine * x + sine * y, cosine * y - sine * x
    return told


class NoPlanner(nn.Module):
    """Replaces `NextBestViewPlanner` in a policy without a planner (null object)."""

    width = 0

    def encoder(self, width: int) -> nn.Module:
        """Gives zero."""
        return _NoPlanFeatures()

    def prior(self, advice: Tensor) -> float:
        """Add nothing."""
        return 0.0

    def new(self, count: int, device: torch.device) -> Plans:
        """Nothing."""
        return Plans(*(torch.zeros(0, device=device) for _ in fields(Plans)))

    def advise(
        self, plans: Plans, places: Places, previous_action: Tensor, starts: Tensor, sought: GoalEstimate
    ) -> Tensor:
        """Empty advice (N, 0)."""
        return torch.zeros(len(starts), 0, device=starts.device)


class _NoPlanFeatures(nn.Module):
    def forward(self, advice: Tensor) -> float:
        return 0.0


def _rays(config: OwnMapConfig) -> Tensor:
    """(RAYS, reach) int32: what to add to a packed cell to go 1, 2, ... cells along each ray."""
    count = int(path_kernels.RAYS)
    angles = (torch.arange(count, dtype=torch.float64) + 0.5) * (2 * math.pi / count)
    steps = torch.arange(1, round(SIGHT_M / config.cell_m) + 1, dtype=torch.float64)
    last = config.cells - 1
    x, y = (torch.outer(f(angles), steps).round().int() & last for f in (torch.cos, torch.sin))
    return x * 2 * config.cells + y
