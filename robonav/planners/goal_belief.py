"""Goal belief: where on its own map an agent believes that a goal picture was taken."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robonav.envs.navigation.steps import TURN_RAD
from robonav.perception.goal_finder import CELL_M, TURNS, GoalFinder, GoalFinderConfig, cell_centres
from robonav.perception.predictor import COLUMNS, PredictorConfig
from robonav.planners.own_map import OwnMapConfig, Places

_DOUBT = 1.0  # log-odds: frames that show nothing of a picture are more frequent than where it was taught
_ENOUGH = 0.25  # votes around a place from which on it is worth going there
_ARRIVED_M, _ARRIVED_TURNS = 0.6, 1  # there, and facing as the picture does: it was not taken here
_REFUTED_M = 1.0  # nor so near to it
_REFUTED = -4.0
_PATIENCE = 60  # steps


class Look(NamedTuple):
    """Images of N agents, with their features.

    Attributes:
        rgb: (N, 3, H, W) in 0 ... 255.
        features: (N, F).
    """

    rgb: Tensor
    features: Tensor


class GoalEstimate(NamedTuple):
    """Goal poses of N agents.

    Attributes:
        known: (N,) bool, whether the agent has a goal pose.
        pose: (N, 3) float32, x and y on the own map in metres, heading in turns of 15° to the left.
    """

    known: Tensor
    pose: Tensor


def no_goal_estimate(count: int, device: torch.device) -> GoalEstimate:
    """No goal poses."""
    return GoalEstimate(
        torch.zeros(count, dtype=torch.bool, device=device), torch.zeros(count, 3, device=device)
    )


@dataclass
class Search:
    """Goal beliefs of N agents; inference state, never in a rollout buffer.

    Attributes:
        columns: (N, 16, K) features of the pictures.
        votes: (N, C, C) for positions on the own map, in cells of at most 0.5 m; periodic as that map.
        turns: (N, 24) for headings.
        pursued: (N,) int64, number of steps since a goal pose is known.
    """

    columns: Tensor
    votes: Tensor
    turns: Tensor
    pursued: Tensor

    def copy(self) -> Search:
        """An independent copy."""
        return replace(
            self,
            columns=self.columns.clone(),
            votes=self.votes.clone(),
            turns=self.turns.clone(),
            pursued=self.pursued.clone(),
        )


class GoalBelief(nn.Module):
    """Compares every frame with the picture, and accumulates votes for its position on the own map."""

    centres: Tensor

    def __init__(self, config: GoalFinderConfig, predictor: PredictorConfig, own_map: OwnMapConfig) -> None:
        super().__init__()
        self._period_m = own_map.cells * own_map.cell_m
        self._cells = math.ceil(self._period_m / CELL_M)
        self._cell_m = self._period_m / self._cells
        self.finder = GoalFinder(config, predictor)
        self.finder.requires_grad_(False)
        self.register_buffer("centres", cell_centres(), persistent=False)

    def new(self, count: int, device: torch.device) -> Search:
        """Empty beliefs."""
        return Search(
            columns=torch.zeros(count, COLUMNS, self.finder.config.column, device=device),
            votes=torch.zeros(count, self._cells, self._cells, device=device),
            turns=torch.zeros(count, TURNS, device=device),
            pursued=torch.zeros(count, dtype=torch.int64, device=device),
        )

    def observe(
        self, search: Search, frame: Look, goal: Look, places: Places, starts: Tensor
    ) -> GoalEstimate:
        """Update the beliefs with a frame, and return the goal poses.

        Args:
            search: The beliefs, changed in place.
            frame: Images and features of the agents.
            goal: The pictures; read where episodes start.
            places: Where the agents are on their own maps.
            starts: (N,) bool, a new episode begins with this frame.
        """
        with torch.no_grad(), torch.autocast(starts.device.type, enabled=False):
            if bool(starts.any()):
                search.columns[starts] = self.finder.columns(goal.rgb[starts], goal.features[starts])
                for belief in (search.votes, search.turns, search.pursued):
                    belief[starts] = 0
            self._vote(search, frame, places)
            sought = self._believed(search)
            self._refute(search, sought, places)
        return sought

    def _vote(self, search: Search, frame: Look, places: Places) -> None:
        """Add the votes of one frame."""
        found = self.finder(self.finder.columns(frame.rgb, frame.features), search.columns)
        sure = (found.in_view - _DOUBT).sigmoid().square()[:, None]
        angle = places.heading * TURN_RAD
        ahead = torch.stack([angle.cos(), angle.sin()], dim=1)
        left = torch.stack([-ahead[:, 1], ahead[:, 0]], dim=1)
        x, y = self.centres[:, 0, None], self.centres[:, 1, None]
        at = places.position[:, None] + x * ahead[:, None] + y * left[:, None]  # (N, cells, 2)
        cell = (at / self._cell_m).floor().long() % self._cells
        index = cell[..., 0] * self._cells + cell[..., 1]
        search.votes.flatten(1).scatter_add_(1, index, sure * found.place.softmax(dim=1))
        turned = (torch.arange(TURNS, device=sure.device) - places.heading[:, None]) % TURNS
        search.turns += sure * found.turn.softmax(dim=1).gather(1, turned)

    def _believed(self, search: Search) -> GoalEstimate:
        """The place with the most votes around it, and the heading with the most."""
        around = F.avg_pool2d(F.pad(search.votes[:, None], (1, 1, 1, 1), mode="circular"), 3, 1) * 9.0
        most, best = around.flatten(1).max(dim=1)
        near = torch.tensor([-1, 0, 1], device=best.device)
        rows, columns = best[:, None] // self._cells + near, best[:, None] % self._cells + near
        index = (rows[:, :, None] % self._cells) * self._cells + columns[:, None] % self._cells
        weights = search.votes.flatten(1).gather(1, index.flatten(1)).clamp(min=0.0).view(-1, 3, 3) + 1e-6
        share = weights / weights.sum(dim=(1, 2), keepdim=True)
        x = (share.sum(dim=2) * (rows + 0.5)).sum(dim=1) * self._cell_m
        y = (share.sum(dim=1) * (columns + 0.5)).sum(dim=1) * self._cell_m
        return GoalEstimate(most > _ENOUGH, torch.stack([x, y, search.turns.argmax(dim=1).float()], dim=1))

    def _refute(self, search: Search, sought: GoalEstimate, places: Places) -> None:
        """Clear the votes near a goal pose that an agent reached without success, or cannot reach."""
        way = self._shortest(sought.pose[:, :2] - places.position)
        turns = (sought.pose[:, 2] - places.heading + TURNS // 2) % TURNS - TURNS // 2
        arrived = sought.known & (way.norm(dim=1) < _ARRIVED_M) & (turns.abs() <= _ARRIVED_TURNS)
        search.pursued.add_(1).masked_fill_(~sought.known, 0)
        refuted = arrived | (search.pursued > _PATIENCE)
        if bool(refuted.any()):
            middles = (torch.arange(self._cells, device=way.device) + 0.5) * self._cell_m
            off = self._shortest(middles - sought.pose[:, :2, None]).square()  # (N, 2, C)
            near = off[:, 0, :, None] + off[:, 1, None] < _REFUTED_M**2
            search.votes[refuted] = search.votes[refuted].masked_fill(near[refuted], _REFUTED)
            search.turns[refuted], search.pursued[refuted] = 0.0, 0

    def _shortest(self, way: Tensor) -> Tensor:
        """Offset in metres to the nearest copy of a point on the periodic map."""
        return way - self._period_m * (way / self._period_m).round()


class NoGoalBelief(nn.Module):
    """Replaces `GoalBelief` where there is no goal picture (null object)."""

    def new(self, count: int, device: torch.device) -> Search:
        """Nothing."""
        return Search(*(torch.zeros(0, device=device) for _ in range(4)))

    def observe(
        self, search: Search, frame: Look, goal: Look, places: Places, starts: Tensor
    ) -> GoalEstimate:
        """Nowhere."""
        return no_goal_estimate(len(starts), starts.device)
