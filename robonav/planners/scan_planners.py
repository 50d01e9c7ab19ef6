"""The next-best-view planner alone, without a learned policy, on RGB or on true depth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robonav.envs.navigation.steps import NUM_ACTIONS
from robonav.envs.sensors.camera import Camera
from robonav.perception.plane_sweep import PlaneSweep
from robonav.perception.shipped import load_finder, load_predictor
from robonav.perception.teaching.targets import scan
from robonav.planners.goal_belief import GoalBelief, GoalEstimate, Look, no_goal_estimate
from robonav.planners.next_best_view import NextBestViewPlanner, PlannerConfig
from robonav.planners.own_map import OwnMap, OwnMapConfig

if TYPE_CHECKING:
    from robonav.envs.world import Frames

_CPU = torch.device("cpu")


class ScanPlanner(ABC):
    """Takes the actions of the next-best-view planner on a map of scans."""

    camera = Camera()

    def __init__(self) -> None:
        self._map = OwnMap(OwnMapConfig())
        self._guide = NextBestViewPlanner(PlannerConfig(), self._map)

    def reset(self, num_agents: int, seed: int) -> None:
        """Forget all maps; it draws no random numbers."""
        self._places = self._map.new(num_agents, _CPU)
        self._plans = self._guide.new(num_agents, _CPU)
        self._starts = torch.ones(num_agents, dtype=torch.bool)

    def act(
        self, observation: dict[str, NDArray[np.generic]], frames: Frames, camera: Camera
    ) -> NDArray[np.int64]:
        """Actions (N,) from the subclass's scans and `previous_action` (N,)."""
        executed = torch.as_tensor(observation["previous_action"])
        with torch.no_grad():
            self._map.observe(self._places, self._scan(observation, frames, camera), executed, self._starts)
            sought = self._sought(observation)
            advice = self._guide.advise(self._plans, self._places, executed, self._starts, sought)
        self._starts = torch.zeros_like(self._starts)
        return advice[:, :NUM_ACTIONS].argmax(dim=1).numpy()

    def _sought(self, observation: dict[str, NDArray[np.generic]]) -> GoalEstimate:
        """Goal poses: none here."""
        return no_goal_estimate(len(self._starts), _CPU)

    @abstractmethod
    def _scan(self, observation: dict[str, NDArray[np.generic]], frames: Frames, camera: Camera) -> Tensor:
        """Scans (N, 32, 40, 3), as of `OccupancyPredictor.scan`."""


class RgbPlanner(ScanPlanner):
    """Scans by the frozen predictor from RGB; `frames` are not used."""

    def __init__(self) -> None:
        super().__init__()
        self._predictor, self._sweep = load_predictor(), PlaneSweep()

    def reset(self, num_agents: int, seed: int) -> None:
        """Forget all maps and frames; it draws no random numbers."""
        super().reset(num_agents, seed)
        self._earlier = self._sweep.new(num_agents, _CPU)

    def _scan(self, observation: dict[str, NDArray[np.generic]], frames: Frames, camera: Camera) -> Tensor:
        rgb, executed = _channels_first(observation["rgb"]), torch.as_tensor(observation["previous_action"])
        sweep = self._sweep.observe(self._earlier, rgb, executed, self._starts)
        self._seen = Look(rgb, self._predictor(rgb, sweep))
        return self._predictor.scan(self._seen.features)


class PicturePlanner(RgbPlanner):
    """Plans from RGB and a goal picture, and goes to the believed position of the picture."""

    def __init__(self) -> None:
        super().__init__()
        finder = load_finder()
        self._search = GoalBelief(finder.config, self._predictor.config, self._map.config)
        self._search.finder.load_state_dict(finder.state_dict())

    def reset(self, num_agents: int, seed: int) -> None:
        """Forget all maps, frames and pictures; it draws no random numbers."""
        super().reset(num_agents, seed)
        self._beliefs = self._search.new(num_agents, _CPU)

    def _sought(self, observation: dict[str, NDArray[np.generic]]) -> GoalEstimate:
        if bool(self._starts.any()):
            picture = _channels_first(observation["goal"])
            self._picture = Look(picture, self._predictor(picture))
        return self._search.observe(self._beliefs, self._seen, self._picture, self._places, self._starts)


class DepthPlanner(ScanPlanner):
    """Scans from true depth, RGB is not used: an upper bound for better perception."""

    def _scan(self, observation: dict[str, NDArray[np.generic]], frames: Frames, camera: Camera) -> Tensor:
        return torch.from_numpy(scan(np.asarray(frames.depth), camera).astype(np.float32))


def _channels_first(images: NDArray[np.generic]) -> Tensor:
    """Images (N, H, W, 3) as a tensor (N, 3, H, W)."""
    return torch.as_tensor(np.ascontiguousarray(np.moveaxis(images, -1, 1)))
