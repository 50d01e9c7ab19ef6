"""Teaches the depth-and-occupancy predictor from rendered views of scenes with known geometry."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from robonav.envs.navigation.loaded_scenes import LoadedScene
from robonav.perception.plane_sweep import PlaneSweep
from robonav.perception.predictor import DEPTH_STEP_M, OccupancyPredictor, PredictorConfig
from robonav.perception.shipped import load_predictor
from robonav.perception.teaching.base import Teaching, TeachingConfig
from robonav.perception.teaching.views import Views, render_views, vary


@dataclass(frozen=True)
class PredictorTrainConfig(TeachingConfig):
    """Settings of teaching the predictor."""

    predictor: PredictorConfig = field(default_factory=PredictorConfig)
    """Size of a new predictor."""


def scan_loss(logits: Tensor, rays: Tensor) -> Tensor:
    """Cross-entropy (3,) of free, occupied and in sight, mean over steps: (N, 32, 40, 3) of both."""
    losses = F.binary_cross_entropy_with_logits(logits, rays.float(), reduction="none")
    return losses.flatten(0, 2).mean(dim=0)


def free_way_m(rays: Tensor) -> Tensor:
    """Mean free depth (N, 32) of each ray of a scan (N, 32, 40, 3), metres."""
    return rays[..., 0].sum(dim=-1) * DEPTH_STEP_M


class PredictorTraining(Teaching[PredictorTrainConfig, OccupancyPredictor, Views]):
    """A run that teaches a predictor."""

    what = "a predictor"

    def __init__(self, config: PredictorTrainConfig, out: Path, resume: bool = False) -> None:
        self._planes = PlaneSweep()
        super().__init__(config, out, resume)

    def errors(self, views: Views) -> dict[str, float]:
        """Errors on held-out views: cross-entropies of the three classes, and of free depth in metres."""
        with torch.no_grad():
            logits = torch.cat([self._logits(part) for part in views.split(self.config.batch)])
        free, occupied, in_sight = scan_loss(logits, views.rays).tolist()
        off = free_way_m(logits.sigmoid()) - free_way_m(views.rays.float())
        return {
            "free_loss": free,
            "occupied_loss": occupied,
            "sight_loss": in_sight,
            "free_way_error_m": float(off.abs().mean()),
        }

    def _start(self) -> OccupancyPredictor:
        return (
            load_predictor(self.config.init).train()
            if self.config.init
            else OccupancyPredictor(self.config.predictor)
        )

    def _sizes(self) -> dict[str, Any]:
        return {"predictor": asdict(self.network.config)}

    def _look(self, world: LoadedScene, rng: np.random.Generator) -> Views:
        return render_views(world, self.camera, self.config.views_per_scene, rng)

    def _join(self, views: list[Views]) -> Views:
        return Views.join(views)

    def _loss(self, views: Views, generator: torch.Generator) -> Tensor:
        chosen = torch.randint(len(views.rgb), (self.config.batch,), generator=generator)
        varied = vary(views.pick(chosen), generator)
        return scan_loss(self._logits(varied), varied.rays).sum()

    def _logits(self, views: Views) -> Tensor:
        return self.network.scan_logits(self.network(views.rgb, views.sweep(self._planes)))
