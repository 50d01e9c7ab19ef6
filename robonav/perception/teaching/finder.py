"""Teaches the goal finder from pairs of rendered views of scenes with known geometry."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from robonav.envs.navigation.loaded_scenes import LoadedScene
from robonav.perception.goal_finder import (
    CELL_M,
    CELLS,
    TURNS,
    Finding,
    GoalFinder,
    GoalFinderConfig,
    cell_centres,
)
from robonav.perception.shipped import load_finder, load_predictor
from robonav.perception.teaching.base import Teaching, TeachingConfig
from robonav.perception.teaching.pairs import PicturePairs, render_pairs, vary

SHOWN = 0.1  # share of a picture's points from which on a frame shows something of it
_SPREAD_M, _SPREAD_TURNS = 0.35, 1.0  # standard deviations of what counts as right
_PLACE_WEIGHT, _TURN_WEIGHT = 0.3, 0.3  # of these losses beside that of being in view


@dataclass(frozen=True)
class FinderTrainConfig(TeachingConfig):
    """Settings of teaching the goal finder."""

    rounds: int = 240
    """Rounds of rendering and learning."""
    scenes_per_round: int = 32
    """Worlds that each round renders views of."""
    views_per_scene: int = 36
    """Frames of each of them; there are a third as many pictures, and two pairs a frame."""
    kept_rounds: int = 12
    """Views of so many rounds are kept to learn from."""
    passes: int = 4
    """Mean number of times that a view is learnt from."""
    batch: int = 288
    """Frames per gradient step."""
    altered: float = 0.5
    """Share of the worlds that are shown in other paint, wider, cluttered, without ceiling or with holes."""
    learning_rate: float = 1e-3
    """Adam's highest learning rate, of a one-cycle schedule."""
    predictor: str = "nano"
    """The predictor whose features it uses: one that ships, or a folder of `robonav predictor`."""
    finder: GoalFinderConfig = field(default_factory=GoalFinderConfig)
    """Size of a new finder."""


class Losses(NamedTuple):
    """Means over pairs; places and turns count where the frame shows something of the picture."""

    in_view: Tensor
    place: Tensor
    turn: Tensor


class FinderTraining(Teaching[FinderTrainConfig, GoalFinder, list[PicturePairs]]):
    """A run that teaches a finder of goal pictures."""

    what = "a finder"

    def __init__(self, config: FinderTrainConfig, out: Path, resume: bool = False) -> None:
        self._predictor = load_predictor(config.predictor)
        super().__init__(config, out, resume)

    def errors(self, views: list[PicturePairs]) -> dict[str, float]:
        """Errors on held-out pairs: the losses, and the distance of the likeliest places in metres."""
        with torch.no_grad():
            finding, share, place, turn = self._compare_all(views)
        losses = finder_losses(finding, share, place, turn)
        off = (cell_centres()[finding.place.argmax(dim=1)] - place).norm(dim=1)
        return {
            "in_view_loss": float(losses.in_view),
            "place_loss": float(losses.place),
            "turn_loss": float(losses.turn),
            "place_error_m": float(off[share > SHOWN].median()),
        }

    def _start(self) -> GoalFinder:
        if self.config.init:
            return load_finder(self.config.init).train()
        return GoalFinder(self.config.finder, self._predictor.config)

    def _sizes(self) -> dict[str, Any]:
        return {"finder": asdict(self.network.config), "predictor": asdict(self._predictor.config)}

    def _look(self, world: LoadedScene, rng: np.random.Generator) -> list[PicturePairs]:
        return [render_pairs(world, self.camera, self.config.views_per_scene, self._predictor, rng)]

    def _join(self, views: list[list[PicturePairs]]) -> list[PicturePairs]:
        return [pairs for part in views for pairs in part]

    def _loss(self, views: list[PicturePairs], generator: torch.Generator) -> Tensor:
        count = max(1, self.config.batch // self.config.views_per_scene)
        chosen = torch.randint(len(views), (count,), generator=generator)
        varied = [vary(views[i], generator) for i in chosen.tolist()]
        losses = finder_losses(*self._compare_all(varied))
        return losses.in_view + _PLACE_WEIGHT * losses.place + _TURN_WEIGHT * losses.turn

    def _compare_all(self, views: list[PicturePairs]) -> tuple[Finding, Tensor, Tensor, Tensor]:
        """Predictions for all pairs, and their targets: share, place, turn."""
        findings = []
        for pairs in views:
            frames = self.network.columns(pairs.frames, pairs.frame_features)
            pictures = self.network.columns(pairs.pictures, pairs.picture_features)
            findings.append(self.network(frames[pairs.pairs[:, 0]], pictures[pairs.pairs[:, 1]]))
        finding = Finding(*(torch.cat(parts) for parts in zip(*findings, strict=True)))
        share, place, turn = (
            torch.cat([getattr(pairs, name) for pairs in views]) for name in ("share", "place", "turn")
        )
        return finding, share, place, turn


def finder_losses(finding: Finding, share: Tensor, place: Tensor, turn: Tensor) -> Losses:
    """Cross-entropies with the targets, which are smoothed over near places and turns.

    Args:
        finding: Predictions for P pairs.
        share: (P,) how much of the picture the frame shows.
        place: (P, 2) where it was taken, metres ahead and to the left.
        turn: (P,) radians to the left.
    """
    shown = share > SHOWN
    in_view = F.binary_cross_entropy_with_logits(finding.in_view, shown.float())
    counts = shown & (place.abs().amax(dim=1) < 0.5 * CELLS * CELL_M)
    if not bool(counts.any()):
        return Losses(in_view, in_view.new_zeros(()), in_view.new_zeros(()))
    off = (cell_centres().to(place.device) - place[counts, None]).norm(dim=2)
    right_place = (-0.5 * (off / _SPREAD_M).square()).softmax(dim=1)
    turns = torch.arange(TURNS, device=turn.device) - turn[counts, None] * (TURNS / (2 * math.pi))
    around = (turns + TURNS / 2) % TURNS - TURNS / 2
    right_turn = (-0.5 * (around / _SPREAD_TURNS).square()).softmax(dim=1)
    return Losses(
        in_view,
        F.cross_entropy(finding.place[counts], right_place),
        F.cross_entropy(finding.turn[counts], right_turn),
    )
